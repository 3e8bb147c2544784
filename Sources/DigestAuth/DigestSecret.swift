// DigestSecret.swift: what proves a user's identity (RFC 7616 section 3.4.2)

/// A user's secret: the password, or the hashes that servers store in its place.
public enum DigestSecret: Sendable {
  case password(String)
  /// H(username:realm:password) in hexadecimal digits, for each algorithm that can be answered.
  case ha1([DigestAlgorithm: String])

  /// H(username:realm:password) in lower-case hexadecimal digits, nil when only other algorithms are known.
  public func ha1(username: String, realm: String, algorithm: DigestAlgorithm) -> String? {
    switch self {
    case .password(let password): algorithm.hexDigest(of: "\(username):\(realm):\(password)")
    case .ha1(let hashes): hashes[algorithm]?.lowercased()
    }
  }
}

/// Keeps secrets out of logs and crash texts.
extension DigestSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "DigestSecret(hidden)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
