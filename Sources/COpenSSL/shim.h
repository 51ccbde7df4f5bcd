#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ts.h>

// Hands a store of trusted certificates over to a verification, which frees it.
static inline void ascolto_trust(TS_VERIFY_CTX *verification, X509_STORE *store)
{
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
    TS_VERIFY_CTX_set0_store(verification, store);
#else
    TS_VERIFY_CTX_set_store(verification, store);
#endif
}
