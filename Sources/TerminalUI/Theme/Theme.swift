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
  /// The ticks of own messages that were read.
  public var read = Style(bold: true)
  /// What a search has found in a text.
  public var match = Style(bold: true, underlined: true)
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

  /// What was found, on the chosen row too.
  func match(isChosen: Bool) -> Style {
    guard isChosen else { return match }
    var style = selection
    style.isUnderlined = true
    return style
  }
}
