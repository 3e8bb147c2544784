// ThemeText.swift: themes and styles as a person writes them in a file.

extension Color {
  private static let names = [
    "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "bright-black", "bright-red",
    "bright-green", "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan", "bright-white",
  ]

  /// A name of the first sixteen, or a number of the palette, 0 to 255.
  init?(named name: String) {
    if let index = Self.names.firstIndex(of: name) {
      self.init(UInt8(index))
    } else if let index = UInt8(name) {
      self.init(index)
    } else {
      return nil
    }
  }
}

extension Theme {
  /// Why a setting of a theme is refused.
  public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownPart(String)
    case badStyle(String)
    case badColor(String)

    public var description: String {
      switch self {
      case .unknownPart(let name):
        "a theme has no '\(name)'; it has sender-colors and " + Theme.parts.keys.sorted().joined(separator: ", ")
      case .badStyle(let text):
        "'\(text)' is no style: write as \"bold underlined 75 on black\", of bold, dim, underlined, reversed, a "
          + "colour, and \"on\" a colour"
      case .badColor(let text):
        "'\(text)' is no colour: write a number from 0 to 255, or black, red, green, yellow, blue, magenta, cyan, "
          + "white, or bright- one of these"
      }
    }
  }

  /// The parts whose style a file can set, by name.
  static let parts: [String: WritableKeyPath<Theme, Style> & Sendable] = [
    "text": \.text, "faint": \.faint, "header": \.header, "header-warning": \.headerWarning,
    "header-plain": \.headerPlain, "prompt-plain": \.promptPlain, "status": \.status,
    "status-error": \.statusError, "open-room": \.openRoom, "unread-room": \.unreadRoom,
    "important-room": \.importantRoom, "border": \.border, "separator": \.separator, "unread-line": \.unreadLine,
    "notice": \.notice, "warning": \.warning, "error": \.error, "own-name": \.ownName, "verified": \.verified,
    "prompt": \.prompt, "mention": \.mention, "quote": \.quote, "selection": \.selection, "read": \.read,
    "match": \.match,
  ]

  /// Sets one part: "warning" to "bold 215 on black".
  public mutating func set(_ part: String, to style: String) throws(Failure) {
    guard let path = Self.parts[part] else { throw .unknownPart(part) }
    self[keyPath: path] = try Self.style(style)
  }

  /// Replaces the colours of senders' names.
  /// - Parameter names: as `Color.init(named:)` reads them; none leaves names plain.
  /// - Throws: `.badColor` with the first that is no colour; then nothing has changed.
  public mutating func setSenderColors(_ names: [String]) throws(Failure) {
    var colors: [Color] = []
    for name in names {
      guard let color = Color(named: name) else { throw .badColor(name) }
      colors.append(color)
    }
    senderColors = colors
  }

  private static func style(_ text: String) throws(Failure) -> Style {
    var style = Style.plain
    var isBackground = false
    for word in text.lowercased().split(separator: " ").map(String.init) {
      switch word {
      case "bold": style.isBold = true
      case "dim": style.isDim = true
      case "underlined": style.isUnderlined = true
      case "reversed": style.isReversed = true
      case "plain": break
      case "on": isBackground = true
      default:
        guard let color = Color(named: word) else { throw .badStyle(text) }
        if isBackground { style.background = color } else { style.foreground = color }
      }
    }
    return style
  }
}
