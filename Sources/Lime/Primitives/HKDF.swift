// HKDF.swift: HMAC-SHA-512 and HKDF with it (RFC 2104, RFC 5869)

import CSodium
import Foundation

/// HMAC with SHA-512, computed over pieces so that secrets need not be joined in one buffer.
struct HMACSHA512: ~Copyable {
  static let length = 64

  private var state: crypto_auth_hmacsha512_state

  init(key: some ContiguousBytes) {
    state = crypto_auth_hmacsha512_state()
    key.withBytePointer { _ = crypto_auth_hmacsha512_init(&state, $0, $1) }
  }

  mutating func update(_ bytes: some ContiguousBytes) {
    bytes.withBytePointer { _ = crypto_auth_hmacsha512_update(&state, $0, UInt64($1)) }
  }

  mutating func update(byte: UInt8) {
    var byte = byte
    _ = crypto_auth_hmacsha512_update(&state, &byte, 1)
  }

  private init(_ state: crypto_auth_hmacsha512_state) { self.state = state }

  /// To compute the codes of several messages without taking in the key again.
  func copy() -> HMACSHA512 { HMACSHA512(state) }

  /// The first bytes of the code, at most 64. The state is wiped.
  consuming func finish(_ count: Int = length, into target: UnsafeMutablePointer<UInt8>) {
    write(count, to: target)
  }

  consuming func finish(_ count: Int = length) -> SecretBytes {
    SecretBytes(count: count) { write(count, to: $0) }
  }

  private mutating func write(_ count: Int, to target: UnsafeMutablePointer<UInt8>) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.length) { code in
      guard let base = code.baseAddress else { return }
      _ = crypto_auth_hmacsha512_final(&state, base)
      target.update(from: base, count: min(count, Self.length))
      sodium_memzero(base, Self.length)
    }
    sodium_memzero(&state, MemoryLayout.size(ofValue: state))
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
    var info = info
    info.withUTF8 { expand.update($0) }
    expand.update(byte: 0x01)
    return expand.finish(count)
  }
}
