// Theme.swift: which style each part of the screen has.

/// The styles of the screen's parts. A file can set each of them by name.
public struct Theme: Hashable, Sendable {
  /// Messages, the input line, and what has no style of its own.
  public var text = Style.plain
  /// What can be overlooked: times, fingerprints, hints.
  public var faint = Style(dim: true)
  /// The first row, and the headings of panels.
  public var header = Style(bold: true, reversed: true)
  /// The first row while the open room is not safe.
  public var headerWarning = Style(bold: true, underlined: true, reversed: true)
  /// The first row while the open room is not encrypted.
  public var headerPlain = Style(underlined: true, reversed: true)
  /// The row above the input line, and the switcher.
  public var status = Style(reversed: true)
  /// The same row while something is wrong.
  public var statusError = Style(bold: true, reversed: true)
  /// The open room in the list, and the chosen one in the switcher.
  public var openRoom = Style(bold: true, reversed: true)
  /// A room with unread messages.
  public var unreadRoom = Style(bold: true)
  /// A room with messages that concern the user in person.
  public var importantRoom = Style(bold: true, underlined: true)
  /// Lines between the panes.
  public var border = Style(dim: true)
  /// The line with the date between two days.
  public var separator = Style(dim: true)
  /// The line above the first unread message.
  public var unreadLine = Style(bold: true)
  /// What happened in the room, and answers of the program.
  public var notice = Style(dim: true)
  /// Notices that should be read.
  public var warning = Style(bold: true)
  /// Failures, and whatever makes a message or a device doubtful.
  public var error = Style(bold: true)
  /// The user's own name before messages.
  public var ownName = Style(bold: true)
  /// Devices and messages whose keys were compared.
  public var verified = Style(bold: true)
  /// What stands before the input, and headings in panels.
  public var prompt = Style(bold: true)
  /// The same in a room that is not encrypted.
  public var promptPlain = Style(bold: true, underlined: true)
  /// A message that calls the user by name.
  public var mention = Style(bold: true)
  /// What other people's messages quote, and reactions to a message.
  public var quote = Style(dim: true)
  /// The row chosen in a list.
  public var selection = Style(bold: true, reversed: true)
  /// One is chosen by a hash of the sender's address; empty leaves names plain.
  public var senderColors: [Color] = []

  /// No colours: NO_COLOR, monochrome terminals, and the base of the others.
  public static let monochrome = Theme()

  /// For a dark background.
  public static let dark: Theme = {
    var theme = Theme()
    theme.header = Style(foreground: Color(15), background: Color(24), bold: true)
    theme.headerWarning = Style(foreground: Color(15), background: Color(124), bold: true)
    theme.headerPlain = Style(foreground: Color(15), background: Color(94), bold: true)
    theme.promptPlain = Style(foreground: Color(215), bold: true)
    theme.status = Style(foreground: Color(252), background: Color(236))
    theme.statusError = Style(foreground: Color(15), background: Color(124), bold: true)
    theme.faint = Style(foreground: Color(244))
    theme.border = Style(foreground: Color(240))
    theme.separator = Style(foreground: Color(244))
    theme.notice = Style(foreground: Color(109))
    theme.unreadLine = Style(foreground: Color(203), bold: true)
    theme.importantRoom = Style(foreground: Color(215), bold: true)
    theme.warning = Style(foreground: Color(215), bold: true)
    theme.error = Style(foreground: Color(203), bold: true)
    theme.verified = Style(foreground: Color(114), bold: true)
    theme.prompt = Style(foreground: Color(75), bold: true)
    theme.mention = Style(foreground: Color(222), bold: true)
    theme.quote = Style(foreground: Color(109))
    theme.selection = Style(foreground: Color(15), background: Color(24), bold: true)
    theme.senderColors = [75, 114, 141, 173, 180, 79, 212, 110, 149, 209, 147, 186].map(Color.init)
    return theme
  }()

  /// For a light background.
  public static let light: Theme = {
    var theme = Theme.dark
    theme.status = Style(foreground: Color(235), background: Color(252))
    theme.header = Style(foreground: Color(15), background: Color(25), bold: true)
    theme.headerPlain = Style(foreground: Color(15), background: Color(130), bold: true)
    theme.promptPlain = Style(foreground: Color(130), bold: true)
    theme.faint = Style(foreground: Color(243))
    theme.border = Style(foreground: Color(248))
    theme.separator = Style(foreground: Color(243))
    theme.notice = Style(foreground: Color(30))
    theme.unreadLine = Style(foreground: Color(160), bold: true)
    theme.importantRoom = Style(foreground: Color(130), bold: true)
    theme.warning = Style(foreground: Color(130), bold: true)
    theme.error = Style(foreground: Color(160), bold: true)
    theme.verified = Style(foreground: Color(28), bold: true)
    theme.prompt = Style(foreground: Color(25), bold: true)
    theme.mention = Style(foreground: Color(88), bold: true)
    theme.quote = Style(foreground: Color(30))
    theme.selection = Style(foreground: Color(15), background: Color(25), bold: true)
    theme.senderColors = [25, 28, 91, 130, 94, 30, 126, 61, 64, 124, 54, 100].map(Color.init)
    return theme
  }()

  /// What `named` takes, the default first.
  public static let names = ["dark", "light", "none"]

  /// The theme of that name, or nil. A non-empty NO_COLOR in `environment` (no-color.org), or a terminal of fewer than
  /// 8 colours, always means "none".
  public static func named(_ name: String, environment: [String: String] = [:], colors: Int = 256) -> Theme? {
    let isMonochrome = colors < 8 || environment["NO_COLOR"]?.isEmpty == false
    if isMonochrome, names.contains(name) { return .monochrome }
    return switch name {
    case "dark": .dark
    case "light": .light
    case "none": .monochrome
    default: nil
    }
  }

  func senderName(_ message: MessageRow) -> Style { senderName(message.senderID, isOwn: message.isOwn) }

  func senderName(_ senderID: String, isOwn: Bool) -> Style {
    if isOwn { return ownName }
    guard !senderColors.isEmpty else { return text }
    // The same colour in every run.
    return Style(foreground: senderColors[Int(StableHash.of(senderID) % UInt32(senderColors.count))])
  }
}
