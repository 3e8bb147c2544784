// CZlib.h: zlib, and the one call that Swift cannot make (a macro)
#ifndef LIMEADE_CZLIB_H
#define LIMEADE_CZLIB_H

#include <zlib.h>

/// inflateInit2 is a macro that passes the header's version and the size of z_stream.
int limeade_inflate_init(z_stream *stream, int window_bits);

#endif
