// OpenSSL libcrypto: AES-GCM with IVs of any length, MD5 and SHA-256 for digest authentication.
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/err.h>
