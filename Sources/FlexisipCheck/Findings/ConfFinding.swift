// ConfFinding.swift: something in flexisip.conf that does not fit, and the line that does

/// One setting of a file, what is wrong with it, and what it should be.
public struct ConfFinding: Sendable, Equatable {
  /// How bad it is.
  public enum Severity: String, Sendable {
    /// Chat rooms do not work with it.
    case error
    /// Works, at least with some versions or for some clients.
    case warning
  }

  /// Errors come first.
  public var severity: Severity
  /// Path, as it was given.
  public var file: String
  /// nil when neither the key nor its section is in the file.
  public var line: Int?
  /// The section that the setting is in or belongs to.
  public var section: String
  /// The setting's, as Flexisip spells it.
  public var key: String
  /// A sentence that says what follows from it.
  public var problem: String
  /// What the line should be, without its section.
  public var correction: String
  /// More to do than to change the line, or another way.
  public var remedy: String?

  /// Whether no step of the check fails by it.
  var isUnseen = false
  /// Whether Flexisip does not start with it.
  public var preventsStart = false
  /// Whether the value is wrong in itself, so that nothing more is said of it.
  var isOfValue = false

  /// `file:line: error: [section] problem`
  public var headline: String {
    let place = line.map { "\(file):\($0)" } ?? file
    return "\(place): \(severity.rawValue): \(section.isEmpty ? "" : "[\(section)] ")\(problem)"
  }
}
