// BareText.swift: the open room's messages without panes and columns, for the terminal's own selection.

extension UserInterface {
  /// The messages that fit the screen, oldest first: each is one line as long as it is, which the terminal breaks and a
  /// selection takes whole; lines of its author's own stay apart. The last line says how to go back.
  public var bareLines: [String] {
    let hint = "-- any key goes back --"
    var lines: [String] = []
    var rows = 1
    let clock = Clock(timeZone: screen.timeZone)
    for message in screen.messages[...bareEnd].reversed() {
      let text = DisplayText.lines(String(message.text.prefix(MessageLayout.maximumDrawn)))
      let name = message.isOwn ? "me" : DisplayText.line(message.sender)
      let head = clock.time(of: message.time) + " " + (name.isEmpty ? "--" : name) + "  "
      let new = (head + text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      rows += new.reduce(0) { $0 + max(1, (ClusterWidth.columns(of: $1) + size.columns - 1) / max(1, size.columns)) }
      // One that is longer than the screen is there whole: its beginning may be scrolled back to.
      guard rows <= size.rows || lines.isEmpty else { break }
      lines = new + lines
    }
    return lines + [hint]
  }

  /// Index of the message at the bottom of the screen.
  private var bareEnd: Int {
    guard case .held(let id, _) = screen.scroll, let index = screen.messages.firstIndex(where: { $0.id == id })
    else { return screen.messages.count - 1 }
    return index
  }
}
