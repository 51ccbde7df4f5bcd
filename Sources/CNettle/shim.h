#include <nettle/sha2.h>

// SHA-256 of a byte, where there is one, and the bytes behind it.
static inline void ascolto_sha256(
    const uint8_t *prefix, size_t count, const void *bytes, uint64_t digest[4])
{
    struct sha256_ctx context;
    sha256_init(&context);
    if (prefix) sha256_update(&context, 1, prefix);
    if (count > 0) sha256_update(&context, count, bytes);
    sha256_digest(&context, SHA256_DIGEST_SIZE, (uint8_t *)digest);
}
