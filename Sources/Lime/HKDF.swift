// HKDF.swift: HMAC-SHA-512 and HKDF with it (RFC 2104, RFC 5869)

import CSodium
import Foundation

/// HMAC with SHA-512, computed over pieces so that secrets need not be joined in one buffer.
struct HMACSHA512: ~Copyable {
  static let length = 64

  private var state = crypto_auth_hmacsha512_state()

  init(key: some ContiguousBytes) {
    key.withBytePointer { _ = crypto_auth_hmacsha512_init(&state, $0, $1) }
  }

  mutating func update(_ bytes: some ContiguousBytes) {
    bytes.withBytePointer { _ = crypto_auth_hmacsha512_update(&state, $0, UInt64($1)) }
  }

  mutating func update(byte: UInt8) {
    var byte = byte
    _ = crypto_auth_hmacsha512_update(&state, &byte, 1)
  }

  /// The code, 64 bytes. The state is wiped.
  consuming func finish() -> SecretBytes {
    let code = SecretBytes(count: Self.length) { _ = crypto_auth_hmacsha512_final(&state, $0) }
    sodium_memzero(&state, MemoryLayout.size(ofValue: state))
    return code
  }
}

/// Key derivation with HMAC-SHA-512.
enum HKDF {
  /// Derives at most 64 bytes, which is one block of the expansion and all that LIME asks for.
  /// - Parameters:
  ///   - salt: empty stands for 64 zero bytes.
  ///   - keyMaterial: taken as if joined.
  static func derive(
    _ count: Int, salt: some ContiguousBytes, keyMaterial: [any ContiguousBytes], info: String
  ) -> SecretBytes {
    precondition(count <= HMACSHA512.length, "one block of HKDF-SHA-512 is 64 bytes")
    var extract = HMACSHA512(key: salt)
    for part in keyMaterial { extract.update(part) }
    let key = extract.finish()
    var expand = HMACSHA512(key: key)
    expand.update(Array(info.utf8))
    expand.update(byte: 0x01)
    return SecretBytes(copying: expand.finish(), range: 0..<count)
  }
}
