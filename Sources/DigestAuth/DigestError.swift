// DigestError.swift: why a challenge or credentials cannot be used
import Foundation

/// Why a digest challenge or digest credentials were not understood.
public enum DigestError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// The header breaks the grammar of RFC 9110 section 11.
  case malformed(String)
  /// More bytes, challenges or parameters than any server sends.
  case tooLarge
  /// Another scheme, such as Basic, which is never answered.
  case unsupportedScheme(String)
  case unsupportedAlgorithm(String)
  /// Only protection qualities other than `auth` and `auth-int`.
  case unsupportedQualityOfProtection(String)
  case missingParameter(String)
  case repeatedParameter(String)
  case invalidParameter(String)

  public var description: String {
    switch self {
    case .malformed(let what): "malformed authentication header: \(what)"
    case .tooLarge: "authentication header is too large"
    case .unsupportedScheme(let scheme): "authentication scheme \(scheme) is not supported, only Digest is"
    case .unsupportedAlgorithm(let name):
      "digest algorithm \(name) is not supported, only MD5, SHA-256 and SHA-512-256 are"
    case .unsupportedQualityOfProtection(let text):
      "digest qop \"\(text)\" is not supported, only auth and auth-int are"
    case .missingParameter(let name): "digest parameter \(name) is missing"
    case .repeatedParameter(let name): "digest parameter \(name) appears more than once"
    case .invalidParameter(let name): "digest parameter \(name) has an invalid value"
    }
  }

  public var errorDescription: String? { description }
}
