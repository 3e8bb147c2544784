// The functions of libdecaf that LIME needs. Declared here because libdecaf's own headers include each other as
// <decaf/...> from a folder that the compiler does not search and SwiftPM cannot add without unsafe flags.
#pragma once
#include <stddef.h>
#include <stdint.h>

// What decaf_error_t is when a call succeeded; failure is 0.
enum { CDECAF_SUCCESS = -1 };

// EdDSA. `prehashed` is 0 here. A null context makes Ed25519ctx (RFC 8032 section 5.1) and Ed448 with an empty one.
void decaf_ed25519_derive_public_key(uint8_t public_key[32], const uint8_t private_key[32]);
void decaf_ed25519_sign(uint8_t signature[64], const uint8_t private_key[32], const uint8_t public_key[32],
                        const uint8_t *message, size_t message_length, uint8_t prehashed, const uint8_t *context,
                        uint8_t context_length);
int decaf_ed25519_verify(const uint8_t signature[64], const uint8_t public_key[32], const uint8_t *message,
                         size_t message_length, uint8_t prehashed, const uint8_t *context, uint8_t context_length);
void decaf_ed448_derive_public_key(uint8_t public_key[57], const uint8_t private_key[57]);
void decaf_ed448_sign(uint8_t signature[114], const uint8_t private_key[57], const uint8_t public_key[57],
                      const uint8_t *message, size_t message_length, uint8_t prehashed, const uint8_t *context,
                      uint8_t context_length);
int decaf_ed448_verify(const uint8_t signature[114], const uint8_t public_key[57], const uint8_t *message,
                       size_t message_length, uint8_t prehashed, const uint8_t *context, uint8_t context_length);

// EdDSA keys for Diffie-Hellman. The public conversions check nothing: decode the point before.
void decaf_ed25519_convert_public_key_to_x25519(uint8_t x[32], const uint8_t ed[32]);
void decaf_ed448_convert_public_key_to_x448(uint8_t x[56], const uint8_t ed[57]);
void decaf_ed448_convert_private_key_to_x448(uint8_t x[56], const uint8_t ed[57]);

// X25519: only the public key, which libdecaf computes faster than libsodium.
void decaf_x25519_derive_public_key(uint8_t public_key[32], const uint8_t scalar[32]);

// X448 (RFC 7748). Fails when the result is all zero.
int decaf_x448(uint8_t shared[56], const uint8_t base[56], const uint8_t scalar[56]);
void decaf_x448_derive_public_key(uint8_t public_key[56], const uint8_t scalar[56]);

// 1 when the bytes are the canonical encoding of a point of Ed448. In C because Swift cannot hold libdecaf's points,
// which are aligned to 32 bytes.
int cdecaf_ed448_is_point(const uint8_t encoded[57]);
