// MontgomeryKeys.swift: Diffie-Hellman on X25519 and X448 (RFC 7748)

import CDecaf
import CSodium
import Foundation

/// A private key for Diffie-Hellman: 32 (X25519) or 56 (X448) bytes, clamped by each use.
struct AgreementPrivateKey: Sendable {
  let curve: Curve
  let bytes: SecretBytes

  /// - Throws: `LimeError.internalFailure` for a wrong length.
  init(curve: Curve, bytes: SecretBytes) throws {
    guard bytes.count == curve.privateKeyLength else {
      throw LimeError.internalFailure("a private key of \(bytes.count) bytes on \(curve.name)")
    }
    self.curve = curve
    self.bytes = bytes
  }

  /// The public key: 32 or 56 bytes.
  func publicKey() -> Data {
    bytes.withBytePointer { scalar, _ in
      Data(count: curve.publicKeyLength) { target in
        switch curve {
        case .c25519: decaf_x25519_derive_public_key(target, scalar)
        case .c448: decaf_x448_derive_public_key(target, scalar)
        }
      }
    }
  }

  /// The Diffie-Hellman result: 32 or 56 bytes.
  /// - Throws: `LimeError.weakKey` when it is all zero, which only points of small order give (RFC 7748 §6.1, §6.2),
  ///   or when the peer's key has another length.
  func sharedSecret(with peer: Data) throws -> SecretBytes {
    guard peer.count == curve.publicKeyLength else { throw LimeError.weakKey }
    return try SecretBytes(count: curve.publicKeyLength) { target in
      let succeeded = bytes.withBytePointer { scalar, _ in
        peer.withBytePointer { point, _ in
          switch curve {
          case .c25519: crypto_scalarmult_curve25519(target, scalar, point) == 0
          case .c448: decaf_x448(target, point, scalar) == CDECAF_SUCCESS
          }
        }
      }
      guard succeeded, sodium_is_zero(target, curve.publicKeyLength) == 0 else { throw LimeError.weakKey }
    }
  }
}

/// A private key with its public key.
struct AgreementKeyPair: Sendable {
  let privateKey: AgreementPrivateKey
  let publicKey: Data

  init(privateKey: AgreementPrivateKey) {
    self.privateKey = privateKey
    publicKey = privateKey.publicKey()
  }

  /// For a pair that was stored: saves computing the public key again.
  init(privateKey: AgreementPrivateKey, publicKey: Data) {
    self.privateKey = privateKey
    self.publicKey = publicKey
  }

  static func generate(_ curve: Curve) throws -> AgreementKeyPair {
    let bytes = SecretBytes.random(count: curve.privateKeyLength)
    return AgreementKeyPair(privateKey: try AgreementPrivateKey(curve: curve, bytes: bytes))
  }
}
