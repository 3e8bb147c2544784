// OpenSSL. libcrypto: AES-GCM with IVs of any length, MD5 and SHA-256 for digest authentication, certificates. libssl:
// TLS toward SIP servers.
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
