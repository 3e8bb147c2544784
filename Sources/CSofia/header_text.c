// Header fields as text.
#include "header_text.h"
#include <stdlib.h>

char *sofia_encode(sofia_encoder *encode, msg_header_t const *header, size_t *length) {
  // More than the length that the encoder asks for: in a buffer of exactly that size Sofia's encoders leave out the
  // last text, and what the memory held before would take its place.
  enum { SPARE = 16 };
  issize_t wanted = encode(NULL, 0, header, 0);
  if (wanted < 0) return NULL;
  char *text = calloc(1, (size_t)wanted + SPARE);
  if (!text) return NULL;
  if (encode(text, wanted + SPARE - 1, header, 0) != wanted) {
    free(text);
    return NULL;
  }
  *length = (size_t)wanted;
  return text;
}
