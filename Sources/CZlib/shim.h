#include <zlib.h>

// inflateInit2 is a macro, which Swift does not import.
static inline int ascolto_inflate_init(z_streamp stream) { return inflateInit2(stream, 15 + 32); }

// deflateInit2 is one, too. 15 + 16: the largest window, in the format of gzip.
static inline int ascolto_gzip_init(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
