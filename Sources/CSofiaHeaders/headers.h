// Makes the Sofia-SIP include path and library known to CSofia; nothing is imported from Swift.
#include <sofia-sip/su_types.h>
