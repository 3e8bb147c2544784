// libsodium: X25519, HMAC-SHA-512, guarded memory, constant-time comparison.
#include <sodium.h>
