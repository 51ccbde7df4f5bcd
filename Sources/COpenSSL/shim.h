#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <stdbool.h>

// Whether the last error only says that no further PEM block begins.
static inline bool ascolto_found_no_more(void)
{
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

// Hands a store of trusted certificates over to a verification, which frees it.
static inline void ascolto_trust(TS_VERIFY_CTX *verification, X509_STORE *store)
{
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
    TS_VERIFY_CTX_set0_store(verification, store);
#else
    TS_VERIFY_CTX_set_store(verification, store);
#endif
}
