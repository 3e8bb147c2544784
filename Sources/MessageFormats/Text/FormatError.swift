// FormatError.swift: why a body or a header could not be read or written
import Foundation

/// Thrown by the parsers of this module. The text says what was wrong, never what the content was: it may be private.
public enum FormatError: Error, Hashable, Sendable, CustomStringConvertible, LocalizedError {
  /// The bytes are not what the format's grammar allows. `format` names it ("CPIM"), `reason` the fault.
  case malformed(format: String, reason: String)
  /// A part that the format or its use in chat demands is not there.
  case missing(format: String, field: String)
  /// A limit of this program was passed; larger content is refused unread.
  case tooLarge(format: String, limit: String)

  public var description: String {
    switch self {
    case .malformed(let format, let reason): "malformed \(format): \(reason)"
    case .missing(let format, let field): "incomplete \(format): no \(field)"
    case .tooLarge(let format, let limit): "\(format) refused: more than \(limit)"
    }
  }

  public var errorDescription: String? { description }
}
