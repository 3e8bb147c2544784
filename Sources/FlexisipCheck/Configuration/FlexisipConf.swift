// FlexisipConf.swift: reads flexisip.conf: what it says to Flexisip, what its author meant, and where they differ
import Foundation

/// One `key=value` of a section.
public struct ConfSetting: Sendable, Equatable {
  /// Without brackets, as `module::Registrar`.
  public var section: String
  /// As written, misspelt or not.
  public var key: String
  /// As meant: continued lines joined, `key+=` appended, white space at both ends removed.
  public var value: String
  /// As Flexisip takes it: without blanks at its ends, but with tabs and other white space.
  var raw: String
  /// Of the line that begins the setting, from 1 on.
  public var line: Int
  /// Of the line that counts, when the key comes twice.
  var lastLine: Int?
  var file: String

  init(section: String, key: String, value: String, raw: String? = nil, line: Int, file: String) {
    self.section = section
    self.key = key
    self.value = value
    self.raw = raw ?? value
    self.line = line
    self.file = file
  }
}

/// A configuration file of Flexisip, or the files of one set-up read as one.
///
/// Flexisip's own reader takes one `key=value` a line, without continuation, `+=` or comments behind a value. Files
/// that use these are read here as their author meant them, so that one mistake is reported once, and not again as a
/// missing value.
public struct FlexisipConf: Sendable {
  /// Larger files are refused, in bytes.
  public static let maximumSize = 4 << 20

  /// As given; findings name it.
  public let path: String
  /// In the order of the file.
  public internal(set) var settings: [ConfSetting] = []
  /// Sections in the order of their first line.
  public internal(set) var sections: [(name: String, line: Int)] = []
  /// Lines that Flexisip reads differently from how they are meant.
  var flaws: [ConfFlaw] = []
  /// Who reads it: decides what the defaults are.
  var program = FlexisipProgram.flexisip
  /// The file of each section that is not in the one at `path`, by its name in small letters.
  var files: [String: String] = [:]

  /// - Throws: `ConfError` when the file cannot be read.
  public init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else { throw ConfError.unreadable(path) }
    guard data.count <= Self.maximumSize else { throw ConfError.tooLarge(path, data.count) }
    self.init(path: path, text: String(decoding: data, as: UTF8.self))
  }

  /// Reads a text as `init(path:)` reads a file; what cannot be read is among `syntax`.
  public init(path: String, text: String) {
    self.path = path
    var reader = ConfReader(path: path)
    reader.read(text)
    (settings, sections, flaws) = (reader.settings, reader.sections, reader.flaws)
  }

  /// The same with misspelt sections and keys read as what they were meant to be, at their lines.
  func withMeantNames() -> FlexisipConf {
    var copy = self
    copy.sections = sections.map { (FlexisipKeys.meantSection($0.name), $0.line) }
    copy.settings = settings.map { setting in
      var meant = setting
      meant.section = FlexisipKeys.meantSection(setting.section)
      meant.key = FlexisipKeys.meantKey(setting.key, in: meant.section, by: program)
      return meant
    }
    return copy
  }

  // MARK: Looking up; names without regard to case, as Flexisip compares them

  /// The first setting of that section and key, whatever their case.
  public func setting(_ section: String, _ key: String) -> ConfSetting? {
    settings.first {
      $0.section.caseInsensitiveCompare(section) == .orderedSame && $0.key.caseInsensitiveCompare(key) == .orderedSame
    }
  }

  /// Whether the section is there, even without settings.
  public func has(section: String) -> Bool { line(ofSection: section) != nil }

  /// Whether a key of the section is set, and not only its name written.
  func sets(_ section: String) -> Bool {
    settings.contains { $0.section.caseInsensitiveCompare(section) == .orderedSame }
  }

  func line(ofSection name: String) -> Int? {
    sections.first { $0.name.caseInsensitiveCompare(name) == .orderedSame }?.line
  }

  /// The value, or Flexisip's default when it is not set.
  func value(_ section: String, _ key: String) -> String {
    setting(section, key)?.value ?? FlexisipKeys.defaultValue(section, key, by: program)
  }

  /// The words of a list. Commas separate too, as in Flexisip up to 2.5; what that breaks later is a finding of its own.
  func words(_ section: String, _ key: String) -> [String] {
    Self.words(of: value(section, key))
  }

  /// A comma between the networks of a transport is none of the list.
  static func words(of value: String) -> [String] {
    value.split(whereSeparator: \.isWhitespace).flatMap { word in
      word.contains(";network=") ? [String(word)] : word.split(separator: ",").map(String.init)
    }
  }

  func isOn(_ section: String, _ key: String) -> Bool { ["true", "1"].contains(value(section, key)) }

  /// Where to write or change a key: its own line, else its section's, else nowhere.
  func line(of section: String, _ key: String) -> Int? {
    setting(section, key).map { $0.lastLine ?? $0.line } ?? line(ofSection: section)
  }

  /// The file that a section is in, or belongs into.
  func file(of section: String) -> String { files[section.lowercased()] ?? path }
}

/// Why a configuration cannot be read.
public enum ConfError: Error, LocalizedError, CustomStringConvertible {
  case unreadable(String)
  case tooLarge(String, Int)

  public var description: String {
    switch self {
    case .unreadable(let path): "\(path) cannot be read"
    case .tooLarge(let path, let size): "\(path) has \(size) bytes: that is no flexisip.conf"
    }
  }
  public var errorDescription: String? { description }
}

extension FlexisipConf {
  /// The address from which the conference server's requests come. It binds none: on the proxy's own machine the
  /// system takes the one that they go to, whatever `transport` says; from another machine it is that of `transport`.
  var focusSource: String {
    func host(_ key: String) -> String? { SIPTransportAddress(value("conference-server", key))?.host }
    let proxy = host("outbound-proxy") ?? "127.0.0.1"
    if SIPTransportAddress.isLoopback(proxy) { return proxy == "::1" ? proxy : "127.0.0.1" }
    let own = host("transport") ?? "127.0.0.1"
    return SIPTransportAddress.isWildcard(own) || SIPTransportAddress.isLoopback(own) ? proxy : own
  }
}
