// StatusLayout.swift: the words of the status bar, broken into rows.

/// An error or a hint takes as many rows as it needs; all else is one row.
struct StatusLayout: Equatable {
  let lines: [String]
  /// At the right of the first row, where it is not pushed away: what the other words are to be read with.
  let right: String
  /// Columns of a line.
  let room: Int

  init(_ state: ScreenState, columns: Int) {
    let words = Self.statusWords(state)
    right = words.isEmpty ? "" : "[\(words)] "
    room = max(0, columns - 2 - ClusterWidth.columns(of: right))
    if let text = state.status.error.map({ "! \($0)" }) ?? state.status.hint {
      lines = room > 0 ? TextWrap.lines(of: DisplayText.joinedLines(text), width: room) : [""]
    } else {
      let text = Self.activityParts(state, columns: columns).joined(separator: state.glyphs.divider)
      lines = [DisplayText.line(text).clipped(to: room)]
    }
  }

  /// The state of the connection if it is in trouble, and the open room's encryption.
  private static func statusWords(_ state: ScreenState) -> String {
    var words: [String] = []
    if state.status.error != nil, state.status.health != .good { words.append(state.status.connection) }
    if state.openRoom != nil { words.append(state.header.security.shortWords) }
    return DisplayText.line(words.filter { !$0.isEmpty }.joined(separator: ", "))
  }

  private static func activityParts(_ state: ScreenState, columns: Int) -> [String] {
    var parts: [String] = []
    if let number = state.roomNumber { parts.append("room number: \(number)_") }
    if let progress = state.status.progress.last { parts.append(progress) }
    if state.scroll != .end || state.hasNewer { parts.append("scrolled back, Alt-End") }
    if let typing = state.status.typingWords { parts.append(typing) }
    let activity = activityWords(state)
    if !activity.isEmpty { parts.append("Act: " + activity) }
    // Where there is little room the domain is left out.
    let isNarrow = columns < ScreenLayout.narrowColumns
    let name = isNarrow ? state.status.account.prefix { $0 != "@" } : state.status.account[...]
    let account = name + (state.status.connection.isEmpty ? "" : " " + state.status.connection)
    // A connection in trouble is what matters most, a good one least.
    if state.status.health == .good { parts.append(String(account)) } else { parts.insert(String(account), at: 0) }
    return parts.filter { !$0.isEmpty }
  }

  /// Numbers of the rooms with unread messages, as "2(12) 3!".
  private static func activityWords(_ state: ScreenState) -> String {
    state.rooms.enumerated().filter { state.unread(in: $0.element) > 0 }.map { index, room in
      "\(room.label(at: index))(\(room.unread))" + (room.mentions > 0 ? "!" : "")
    }.joined(separator: " ")
  }
}
