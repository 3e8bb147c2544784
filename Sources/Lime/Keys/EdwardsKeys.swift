// EdwardsKeys.swift: identity keys: signing with Ed25519 and Ed448, conversion for Diffie-Hellman (RFC 8032)

import CDecaf
import CSodium
import Foundation

/// The identity of a local device.
///
/// On c25519, LIME signs with Ed25519ctx and an empty context rather than plain Ed25519: both hashes of RFC 8032
/// §5.1.6 begin with dom2. libdecaf does so when its context is null; libsodium cannot.
struct IdentityKeyPair: Sendable {
  let publicKey: IdentityKey
  /// The private key of RFC 8032 §5.1.5 and §5.2.5: 32 or 57 bytes.
  let seed: SecretBytes

  var curve: Curve { publicKey.curve }

  /// - Throws: `LimeError.internalFailure` for a wrong length.
  init(curve: Curve, seed: SecretBytes) throws {
    guard seed.count == curve.identitySeedLength else {
      throw LimeError.internalFailure("an identity seed of \(seed.count) bytes on \(curve.name)")
    }
    let bytes = seed.withBytePointer { seed, _ in
      Data(count: curve.identityKeyLength) { target in
        switch curve {
        case .c25519: decaf_ed25519_derive_public_key(target, seed)
        case .c448: decaf_ed448_derive_public_key(target, seed)
        }
      }
    }
    guard let publicKey = IdentityKey(curve: curve, bytes: bytes) else {
      throw LimeError.internalFailure("an identity key of wrong length")
    }
    self.publicKey = publicKey
    self.seed = seed
  }

  static func generate(_ curve: Curve) throws -> IdentityKeyPair {
    try IdentityKeyPair(curve: curve, seed: .random(count: curve.identitySeedLength))
  }

  /// Ed25519ctx or Ed448 signature with an empty context: 64 or 114 bytes.
  func sign(_ message: Data) -> Data {
    seed.withBytePointer { seed, _ in
      publicKey.bytes.withBytePointer { publicKey, _ in
        message.withBytePointer { message, count in
          Data(count: curve.signatureLength) { target in
            switch curve {
            case .c25519: decaf_ed25519_sign(target, seed, publicKey, message, count, 0, nil, 0)
            case .c448: decaf_ed448_sign(target, seed, publicKey, message, count, 0, nil, 0)
            }
          }
        }
      }
    }
  }

  /// The same private key in Montgomery form.
  func agreementKey() throws -> AgreementPrivateKey {
    let bytes = seed.withBytePointer { seed, _ in
      switch curve {
      case .c25519:
        // The first half of SHA-512 of the seed (RFC 8032 §5.1.5); clamped where it is used.
        SecretBytes(copying: sha512(of: seed, count: self.seed.count), range: 0..<curve.privateKeyLength)
      case .c448:
        SecretBytes(count: curve.privateKeyLength) { decaf_ed448_convert_private_key_to_x448($0, seed) }
      }
    }
    return try AgreementPrivateKey(curve: curve, bytes: bytes)
  }

  private func sha512(of bytes: UnsafePointer<UInt8>, count: Int) -> SecretBytes {
    SecretBytes(count: Int(crypto_hash_sha512_BYTES)) { _ = crypto_hash_sha512($0, bytes, UInt64(count)) }
  }
}

extension IdentityKey {
  /// Whether `signature` over `message` is of this key, as Ed25519ctx or Ed448 with an empty context.
  ///
  /// Plain Ed25519 is taken as well: builds of LIME may exist whose libdecaf signs so, and identity keys sign nothing
  /// but prekeys. A valid signature proves the key to be the canonical encoding of a point on the curve, though maybe of
  /// small order.
  func isValidSignature(_ signature: Data, of message: Data) -> Bool {
    guard signature.count == curve.signatureLength else { return false }
    return signature.withBytePointer { signature, _ in
      bytes.withBytePointer { key, _ in
        message.withBytePointer { message, count in
          switch curve {
          case .c25519:
            decaf_ed25519_verify(signature, key, message, count, 0, nil, 0) == CDECAF_SUCCESS
              || crypto_sign_verify_detached(signature, message, UInt64(count), key) == 0
          case .c448:
            decaf_ed448_verify(signature, key, message, count, 0, nil, 0) == CDECAF_SUCCESS
          }
        }
      }
    }
  }

  /// The public key in Montgomery form: 32 or 56 bytes.
  /// - Throws: `LimeError.weakKey` unless the key is the canonical encoding of a point of large order.
  func agreementKey() throws -> Data {
    guard isUsable else { throw LimeError.weakKey }
    return uncheckedAgreementKey
  }

  /// The public key in Montgomery form: 32 or 56 bytes. For a key that signed something: the check that this leaves out
  /// costs as much as the exchange itself, which refuses points of small order in any case.
  var uncheckedAgreementKey: Data {
    bytes.withBytePointer { key, _ in
      Data(count: curve.publicKeyLength) { target in
        switch curve {
        case .c25519: decaf_ed25519_convert_public_key_to_x25519(target, key)
        case .c448: decaf_ed448_convert_public_key_to_x448(target, key)
        }
      }
    }
  }

  /// Whether the bytes are the canonical encoding of a point on the curve that is not of small order.
  var isUsable: Bool {
    bytes.withBytePointer { key, _ in
      switch curve {
      case .c25519: crypto_core_ed25519_is_valid_point(key) == 1
      case .c448: cdecaf_ed448_is_point(key) == 1 && !Self.hasSmallOrderOn448(bytes)
      }
    }
  }

  /// The points of order 1, 2 and 4 of Ed448 are those with y = 1, -1 and 0, whatever the sign of x.
  private static func hasSmallOrderOn448(_ bytes: Data) -> Bool {
    let y = Array(bytes.prefix(56))
    // p - 1 with p = 2^448 - 2^224 - 1, little endian.
    var minusOne = [UInt8](repeating: 0xFF, count: 56)
    minusOne[0] = 0xFE
    minusOne[28] = 0xFE
    let zero = [UInt8](repeating: 0, count: 56)
    let one = [1] + zero.dropLast()
    return y == zero || y == one || y == minusOne
  }
}
