// InterfaceConfiguration.swift: [ui] of config.toml and theme files: colours, signs, keys, mouse, notifications.
import Foundation
import TOMLKit
import TerminalUI

/// How the terminal UI looks and behaves.
struct InterfaceConfiguration: Sendable {
  enum NotifyFor: String, CaseIterable, Sendable {
    /// Messages that mention the user, and those of one-to-one rooms.
    case mentions
    case all
  }

  enum RoomOrder: String, CaseIterable, Sendable {
    /// Those that mention the user, then others with unread messages, then the last active.
    case unread
    /// The last active room at the top; numbers stay.
    case activity
    /// By their numbers.
    case fixed
  }

  /// Whether links are marked as such for the terminal (OSC 8).
  enum Links: String, CaseIterable, Sendable {
    /// Where the terminal is not known to show the marks as text.
    case auto
    case on, off

    /// - Parameter terminal: its name, as in TERM.
    func isOn(terminal: String) -> Bool {
      switch self {
      case .on: true
      case .off: false
      // Old consoles print what they do not know.
      case .auto: !["linux", "vt", "ansi", "cons", "sun", "eterm", "emacs", "dumb"].contains(where: terminal.hasPrefix)
      }
    }
  }

  var theme = ThemeSetting()
  var glyphs = Glyphs.standard
  var setsTitle = true
  var keymap = Keymap.standard
  var usesMouse = true
  var rings = true
  var notification: NotificationForm?
  var notifyCommand: ExternalCommand?
  var notifyFor = NotifyFor.mentions
  /// When nothing is announced.
  var quietHours: QuietHours?
  var roomOrder = RoomOrder.unread
  /// Columns of the list of rooms; nil is by what stands in it.
  var roomsWidth: Int?
  var links = Links.auto
  /// Gets a link or a file's path as its last argument.
  var openCommand = ExternalCommand("xdg-open")
  /// Gets a text on standard input; nil leaves the clipboard to the terminal.
  var copyCommand: ExternalCommand?

  private static let roomsWidths = 10...80

  static let keys = [
    "theme", "lines", "marks", "title", "keys", "mouse", "bell", "notify", "notify-command", "notify-for",
    "quiet-hours", "room-order", "rooms-width", "links", "open-command", "copy-command",
  ]

  /// - Parameters:
  ///   - theme: a name or file that takes the place of the configured one.
  ///   - environment: `NO_COLOR` and the locale are looked at.
  /// - Throws: `CommandFailure` with the line and what to write instead.
  init(_ file: ConfigurationFile?, theme wanted: String? = nil, environment: [String: String]) throws {
    let reader = file.flatMap { file in file.interface.map { SettingsReader(file.path, file.text, $0, section: "ui") } }
    var name = ThemeSetting.Base.auto.rawValue
    glyphs = Glyphs.ofLocale(environment)
    if let reader {
      try reader.requireKnown(Self.keys)
      name = try reader.string("theme") ?? name
      let lines = ["auto"] + Glyphs.Lines.allCases.map(\.rawValue)
      glyphs.lines = try reader.choice("lines", of: lines).flatMap(Glyphs.Lines.init) ?? glyphs.lines
      let marks = ["auto"] + Glyphs.Marks.allCases.map(\.rawValue)
      glyphs.marks = try reader.choice("marks", of: marks).flatMap(Glyphs.Marks.init) ?? glyphs.marks
      setsTitle = try reader.bool("title") ?? setsTitle
      usesMouse = try reader.bool("mouse") ?? usesMouse
      rings = try reader.bool("bell") ?? rings
      let forms = ["none"] + NotificationForm.allCases.map(\.rawValue)
      notification = try reader.choice("notify", of: forms).flatMap(NotificationForm.init)
      notifyCommand = try reader.string("notify-command").map(ExternalCommand.init)
      notifyFor =
        try reader.choice("notify-for", of: NotifyFor.allCases.map(\.rawValue)).flatMap(NotifyFor.init)
        ?? notifyFor
      if let text = try reader.string("quiet-hours") {
        guard let hours = QuietHours(text) else {
          throw reader.failure("quiet-hours", "\"\(text)\" is no time of the day: write \"22:00-07:00\"")
        }
        quietHours = hours
      }
      roomOrder =
        try reader.choice("room-order", of: RoomOrder.allCases.map(\.rawValue)).flatMap(RoomOrder.init)
        ?? roomOrder
      links = try reader.choice("links", of: Links.allCases.map(\.rawValue)).flatMap(Links.init) ?? links
      openCommand = try reader.string("open-command").map(ExternalCommand.init) ?? openCommand
      copyCommand = try reader.string("copy-command").map(ExternalCommand.init)
      roomsWidth = try reader.number("rooms-width", or: "auto", in: Self.roomsWidths)
      if let keys = try reader.section("keys") {
        for key in keys.names {
          do throws(Keymap.Failure) { try keymap.bind(key, to: keys.text(key)) } catch {
            throw keys.failure(key, error.description)
          }
        }
      }
    }
    let isColorless = environment["NO_COLOR"]?.isEmpty == false
    let folder = URL(fileURLWithPath: file?.path ?? ConfigurationFile.defaultPath).deletingLastPathComponent()
    let theme = try ThemeSetting(named: wanted ?? name) ?? ThemeFile.read(wanted ?? name, folder: folder)
    self.theme = isColorless ? ThemeSetting(.none) : theme
  }
}

/// A theme in a file of its own: `base`, `sender-colors`, and a style for each part that is to differ.
private enum ThemeFile {
  /// - Parameter name: a path if it has a slash, else a file of the folder `themes` beside the configuration.
  static func read(_ name: String, folder: URL) throws -> ThemeSetting {
    let path =
      name.contains("/")
      ? BaseFolders.expanded(name) : folder.appendingPathComponent("themes/\(name).toml").path
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw CommandFailure.badConfiguration(
        "there is no theme '\(name)': it is \(ThemeSetting.names.joined(separator: ", ")), or a file \(path)")
    }
    let table: TOMLTable
    do { table = try TOMLTable(string: text) } catch let error as TOMLParseError {
      throw CommandFailure.badConfiguration("\(path), line \(error.source.begin.line): \(error.description)")
    }
    let reader = SettingsReader(path, text, table, section: nil)
    var theme = try reader.choice("base", of: ThemeSetting.names).flatMap(ThemeSetting.init) ?? ThemeSetting()
    for key in reader.names where key != "base" {
      do throws(Theme.Failure) {
        if key == "sender-colors" {
          try theme.setSenderColors(reader.texts(key))
        } else {
          try theme.set(key, to: reader.text(key))
        }
      } catch { throw reader.failure(key, error.description) }
    }
    return theme
  }
}

/// Typed settings of one TOML table, with errors that name file and line.
struct SettingsReader {
  private let path: String
  private let lines: ConfigurationLines
  private let table: TOMLTable
  private let section: String?

  init(_ path: String, _ text: String, _ table: TOMLTable, section: String?) {
    self.init(path, ConfigurationLines(text), table, section)
  }

  private init(_ path: String, _ lines: ConfigurationLines, _ table: TOMLTable, _ section: String?) {
    (self.path, self.lines, self.table, self.section) = (path, lines, table, section)
  }

  var names: [String] { table.keys.sorted() }

  func requireKnown(_ keys: [String]) throws {
    for key in names where !keys.contains(key) {
      throw failure(key, "unknown setting; known are \(keys.joined(separator: ", "))")
    }
  }

  func section(_ key: String) throws -> SettingsReader? {
    guard let value = table[key] else { return nil }
    guard let inner = value.table else { throw failure(key, "write a section [\(section ?? "").\(key)]") }
    return SettingsReader(path, lines, inner, [section, key].compactMap { $0 }.joined(separator: "."))
  }

  func string(_ key: String) throws -> String? {
    guard let value = table[key] else { return nil }
    guard let string = value.string else { throw failure(key, "write text in quotes") }
    return string
  }

  /// The value as text, whatever its type is; empty for what is no text.
  func text(_ key: String) -> String { table[key]?.string ?? table[key]?.int.map(String.init) ?? "" }

  func texts(_ key: String) -> [String] {
    guard let array = table[key]?.array else { return [text(key)] }
    return array.map { $0.string ?? $0.int.map(String.init) ?? "" }
  }

  func bool(_ key: String) throws -> Bool? {
    guard let value = table[key] else { return nil }
    guard let isOn = value.bool else { throw failure(key, "write true or false") }
    return isOn
  }

  /// A number, or nil for the word that leaves it to the program.
  func number(_ key: String, or word: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let value = table[key], value.string != word else { return nil }
    guard let number = value.int, range.contains(number) else {
      throw failure(key, "write a number from \(range.lowerBound) to \(range.upperBound), or \"\(word)\"")
    }
    return number
  }

  func choice(_ key: String, of choices: [String]) throws -> String? {
    guard let text = try string(key) else { return nil }
    guard choices.contains(text) else {
      throw failure(key, "\"\(text)\" is none of \(choices.joined(separator: ", "))")
    }
    return text
  }

  func failure(_ key: String, _ text: String) -> CommandFailure {
    let place = section.map { "[\($0)] \(key)" } ?? key
    let table = section?.split(separator: ".").map(String.init) ?? []
    let line = lines.number(of: key, in: table)
    return .badConfiguration("\(path)\(line.map { ", line \($0)" } ?? ""): \(place): \(text)")
  }
}
