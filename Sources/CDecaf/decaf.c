// decaf.c: the one call to libdecaf that needs a value Swift cannot hold
#include "CDecaf.h"

// Four field elements of 512 bits, as in libdecaf's point_448.h.
typedef struct {
  uint8_t elements[256];
} __attribute__((aligned(32))) point;

int decaf_448_point_decode_like_eddsa_and_mul_by_ratio(point *decoded, const uint8_t encoded[57]);

int cdecaf_ed448_is_point(const uint8_t encoded[57]) {
  point decoded;
  return decaf_448_point_decode_like_eddsa_and_mul_by_ratio(&decoded, encoded) == CDECAF_SUCCESS;
}
