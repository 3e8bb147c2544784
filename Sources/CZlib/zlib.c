// zlib.c: the zlib macro that Swift cannot call
#include "CZlib.h"

int limeade_inflate_init(z_stream *stream, int window_bits) {
  return inflateInit2(stream, window_bits);
}
