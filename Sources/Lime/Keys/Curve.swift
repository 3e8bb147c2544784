// Curve.swift: the base algorithms of LIME and the sizes they imply (LIME §3, RFC 7748, RFC 8032)

/// A LIME base algorithm: one EdDSA curve for identities and its Montgomery form for Diffie-Hellman.
///
/// The raw value is the curve byte of every LIME message. Devices only talk to devices of the same curve.
public enum Curve: UInt8, Sendable, Codable, CaseIterable {
  /// Ed25519 and X25519.
  case c25519 = 1
  /// Ed448 and X448.
  case c448 = 2

  /// The name used in configuration files: `c25519` or `c448`.
  public init?(name: String) {
    guard let curve = Self.allCases.first(where: { $0.name == name.lowercased() }) else { return nil }
    self = curve
  }

  /// The name used in configuration files: `c25519` or `c448`.
  public var name: String {
    switch self {
    case .c25519: "c25519"
    case .c448: "c448"
    }
  }

  /// Bytes of an EdDSA public key.
  public var identityKeyLength: Int { self == .c25519 ? 32 : 57 }

  /// Bytes of an X25519 or X448 public key.
  public var publicKeyLength: Int { self == .c25519 ? 32 : 56 }

  /// Bytes of an EdDSA signature.
  public var signatureLength: Int { self == .c25519 ? 64 : 114 }

  /// Bytes of an EdDSA private key (the seed of RFC 8032 §5.1.5 and §5.2.5).
  var identitySeedLength: Int { identityKeyLength }

  /// Bytes of an X25519 or X448 private key.
  var privateKeyLength: Int { publicKeyLength }
}
