#include "CDecaf.h"
