// MessageLayout.swift: messages as screen lines, made only for what is visible.
import Foundation

/// A piece of a line in one style.
struct StyledText: Hashable {
  var text: String
  var style: Style
  /// Where it leads, as `WebLink.target`.
  var link: String?
}

/// One line of the message pane: pieces from left to right, or a rule across the pane with a title.
enum MessageLine: Hashable {
  case pieces([StyledText])
  case rule(title: String, style: Style)
}

struct MessageLayout {
  /// Clusters of one message that are drawn; a hint follows that there is more.
  static let maximumDrawn = 8_000
  /// Characters of the message that a reply answers.
  static let maximumQuoted = 200
  /// Columns of text from which on notices stand in the texts' column.
  static let wideText = 50
  /// A speaker who goes on within these seconds is not named again.
  static let longestGap: Double = 300

  let state: ScreenState
  let theme: Theme
  let width: Int
  private let clock: Clock
  private let colors: SenderColors
  private let nameWidth: Int
  /// Lines of a text that is shown whole.
  private let longest: Int
  /// Where the pane is small, texts of as many lines are shown whole.
  private static let minimumFolded = 6
  private var glyphs: Glyphs { state.glyphs }

  /// - Parameter height: rows of the pane; a text with more is folded.
  init(_ state: ScreenState, width: Int, height: Int, theme: Theme) {
    self.state = state
    self.theme = theme
    self.width = width
    longest = max(Self.minimumFolded, height)
    clock = Clock(timeZone: state.timeZone)
    colors = SenderColors(theme, members: state.members)
    nameWidth = width >= 48 ? 10 : 6
  }

  private var timeWidth: Int { 6 }
  /// Time, name and mark, and a space behind each.
  private var indent: Int { timeWidth + nameWidth + 1 + 2 }

  // MARK: The visible lines

  /// The last line drawn and everything above it, at most `height` lines; `laidOut` counts the messages looked at.
  func visibleLines(height: Int) -> (lines: [MessageLine], laidOut: Int) {
    guard height > 0, let bottom else { return ([], 0) }
    var reversed: [MessageLine] = []
    var index = bottom.index
    var block = Array(lines(ofMessageAt: index).prefix(bottom.line + 1))
    while true {
      reversed.append(contentsOf: block.reversed())
      if reversed.count >= height || index == 0 { break }
      index -= 1
      block = lines(ofMessageAt: index)
    }
    // At the top nobody sees who is going on.
    if continues(at: index), let first = block.first, reversed.count <= height, reversed.last == first {
      reversed[reversed.count - 1] = lines(ofMessageAt: index, isNamed: true)[0]
    }
    return (Array(reversed.prefix(height).reversed()), bottom.index - index + 1)
  }

  /// The messages of which a line is visible.
  func visibleMessages(height: Int) -> ArraySlice<MessageRow> {
    guard let bottom else { return [] }
    return state.messages[(bottom.index - visibleLines(height: height).laidOut + 1)...bottom.index]
  }

  /// True when the newest line is at the bottom.
  var isAtEnd: Bool { state.scroll == .end }

  /// The scroll position that shows a message, with what surrounds it.
  func scroll(showing id: MessageRow.ID, height: Int) -> Scroll {
    guard let index = index(of: id) else { return state.scroll }
    var below = height / 3
    var bottom = index
    while bottom + 1 < state.messages.count, below > 0 {
      bottom += 1
      below -= lines(ofMessageAt: bottom).count
    }
    let line = lines(ofMessageAt: bottom).count - 1
    return bottom == state.messages.count - 1 ? .end : .held(message: state.messages[bottom].id, line: line)
  }

  /// The scroll position `count` lines further down (up when negative). Going up stops where the oldest line is at the
  /// top of a pane of `height` lines, which `reachedOldest` reports.
  func scrolled(by count: Int, height: Int) -> (scroll: Scroll, reachedOldest: Bool) {
    guard var place = bottom else { return (.end, true) }
    var left = count
    while left > 0 {
      let below = lines(ofMessageAt: place.index).count - 1 - place.line
      if below >= left {
        place.line += left
        left = 0
      } else if place.index + 1 < state.messages.count {
        left -= below + 1
        place = (place.index + 1, 0)
      } else {
        return (.end, false)
      }
    }
    while left < 0 {
      if place.line >= -left {
        place.line += left
        left = 0
      } else if place.index > 0 {
        left += place.line + 1
        place.index -= 1
        place.line = lines(ofMessageAt: place.index).count - 1
      } else {
        place.line = 0
        left = 0
      }
    }
    var reachedOldest = false
    if count < 0, let lowest = lowestBottom(height: height), (place.index, place.line) <= lowest {
      place = lowest
      reachedOldest = true
    }
    let isLast = place.index == state.messages.count - 1 && place.line == lines(ofMessageAt: place.index).count - 1
    return (isLast ? .end : .held(message: state.messages[place.index].id, line: place.line), reachedOldest)
  }

  /// Searched from the newest, and without copying rows: there may be many thousands.
  private func index(of id: MessageRow.ID) -> Int? {
    var index = state.messages.count - 1
    while index >= 0, state.messages[index].id != id { index -= 1 }
    return index >= 0 ? index : nil
  }

  private typealias Place = (index: Int, line: Int)

  private var bottom: Place? {
    guard let last = state.messages.indices.last else { return nil }
    if case .held(let id, let line) = state.scroll, let index = index(of: id) {
      return (index, min(max(0, line), lines(ofMessageAt: index).count - 1))
    }
    return (last, lines(ofMessageAt: last).count - 1)
  }

  /// The bottom line's place when the oldest line is at the top.
  private func lowestBottom(height: Int) -> Place? {
    var left = max(1, height)
    for index in state.messages.indices {
      let count = lines(ofMessageAt: index).count
      if count >= left { return (index, left - 1) }
      left -= count
    }
    guard let last = state.messages.indices.last else { return nil }
    return (last, lines(ofMessageAt: last).count - 1)
  }

  // MARK: One message

  /// Never empty. The day's rule and the unread rule belong to the message below them.
  private func lines(ofMessageAt index: Int, isNamed: Bool = false) -> [MessageLine] {
    let message = state.messages[index]
    var lines: [MessageLine] = []
    let day = clock.day(of: message.time)
    if index == 0 || clock.day(of: state.messages[index - 1].time) != day {
      lines.append(.rule(title: clock.title(of: message.time), style: theme.separator))
    }
    if message.id == state.firstUnread { lines.append(.rule(title: "new", style: theme.unreadLine)) }
    switch message.kind {
    case .text:
      let isNamed = isNamed || !continues(at: index)
      lines += textLines(
        message, isNamed: isNamed,
        isTimed: isNamed || clock.time(of: state.messages[index - 1].time) != clock.time(of: message.time))
    case .notice(let level): lines += noticeLines(message, level)
    }
    return lines
  }

  /// Whether the speaker of the message before goes on, without a rule between. A name that is only claimed stands
  /// before each message.
  private func continues(at index: Int) -> Bool {
    guard index > 0 else { return false }
    let (last, next) = (state.messages[index - 1], state.messages[index])
    guard last.kind == .text, next.kind == .text, last.isOwn == next.isOwn, last.senderID == next.senderID,
      last.encryption != .stranger, next.encryption != .stranger, next.id != state.firstUnread
    else { return false }
    return abs(next.time.timeIntervalSince(last.time)) <= Self.longestGap
      && clock.day(of: last.time) == clock.day(of: next.time)
  }

  private func textLines(_ message: MessageRow, isNamed: Bool, isTimed: Bool) -> [MessageLine] {
    let isPlaintextInEncryptedRoom = message.encryption == .notEncrypted && state.header.security != .notEncrypted
    let bodyStyle: Style =
      switch message.encryption {
      case .undecryptable, .unsafe, .stranger: theme.error
      case .notEncrypted: isPlaintextInEncryptedRoom ? theme.error : theme.text
      case .encrypted, .trusted: message.isMention ? theme.mention : theme.text
      }
    var text = cut(message.text)
    if isPlaintextInEncryptedRoom { text = "[not encrypted] " + text }
    if message.encryption == .stranger { text = "[\(message.encryption.words)] " + text }
    var tail = ""
    if let delivery = message.delivery, delivery.isPartial { tail += " [\(delivery.words)]" }
    for remark in message.remarks { tail += " (\(DisplayText.line(remark)))" }
    let head = head(of: message, isNamed: isNamed, isTimed: isTimed, isPlaintextInEncryptedRoom)
    let margin = StyledText(text: String(repeating: " ", count: indent), style: theme.text)
    var lines: [MessageLine] = []
    if let quote = message.quote {
      let line = glyphs.quote + DisplayText.joinedLines(String(quote.prefix(Self.maximumQuoted)))
      lines.append(.pieces(head + [StyledText(text: line.clipped(to: max(0, width - indent)), style: theme.quote)]))
    }
    let body = body(DisplayText.lines(text), bodyStyle, tail: DisplayText.line(tail))
    let shown = body.count > longest ? longest * 2 / 3 : body.count
    for pieces in body.prefix(shown) { lines.append(.pieces((lines.isEmpty ? head : [margin]) + pieces)) }
    if shown < body.count {
      let count = "\(message.text.utf8.count > Self.maximumDrawn ? "over " : "")\(body.count - shown)"
      let fold = "… \(count) more lines, Alt-v or /view" + DisplayText.line(tail)
      lines.append(.pieces([margin, StyledText(text: fold.clipped(to: max(0, width - indent)), style: theme.notice)]))
    }
    if !message.reactions.isEmpty {
      let reactions = DisplayText.joinedLines(message.reactions.joined(separator: ", "))
      for line in TextWrap.lines(of: reactions, width: width - indent) {
        lines.append(.pieces([margin, StyledText(text: line, style: theme.quote)]))
      }
    }
    if case .failed = message.delivery, let words = message.delivery?.words {
      for line in TextWrap.lines(of: DisplayText.line(words), width: width - indent) {
        lines.append(.pieces([margin, StyledText(text: line, style: theme.error)]))
      }
    }
    return lines
  }

  /// Time, name and mark.
  private func head(
    of message: MessageRow, isNamed: Bool, isTimed: Bool, _ isPlaintextInEncryptedRoom: Bool
  ) -> [StyledText] {
    let isSelected = message.id == state.selected
    let timeStyle = isSelected ? theme.selection : theme.faint
    let name = isNamed ? DisplayText.line(message.isOwn ? "me" : message.sender).clipped(to: nameWidth) : ""
    let (mark, markStyle) =
      message.delivery.map { (glyphs.mark($0), style(of: $0)) }
      ?? (
        glyphs.mark(message.encryption),
        isPlaintextInEncryptedRoom ? theme.error : style(of: message.encryption)
      )
    return [
      StyledText(
        text: isTimed || isSelected ? clock.time(of: message.time) : String(repeating: " ", count: timeWidth - 1),
        style: timeStyle),
      StyledText(text: isSelected ? ">" : " ", style: timeStyle),
      StyledText(
        text: name.padded(to: nameWidth + 2 - ClusterWidth.columns(of: mark)),
        style: colors.style(of: message.senderID, isOwn: message.isOwn)),
      StyledText(text: mark + " ", style: markStyle),
    ]
  }

  /// The text broken into lines, with its links set apart and whole on each line that they run over; what the program
  /// adds behind it can be overlooked.
  private func body(_ text: String, _ style: Style, tail: String) -> [[StyledText]] {
    let links = WebLink.all(in: text)
    var linkStyle = style
    linkStyle.isUnderlined = true
    // Blanks are where wrapping changes a text.
    let count = tail.isEmpty ? Int.max : text.reduce(0) { $1.isWhitespace ? $0 : $0 + 1 }
    var position = 0
    return TextWrap.lines(of: text + tail, width: width - indent).map { line in
      let end = tail.isEmpty ? line.endIndex : Self.index(in: line, after: count - position)
      var pieces = WebLink.pieces(of: String(line[..<end]), position: &position, links: links).map { text, link in
        StyledText(text: text, style: link == nil ? style : linkStyle, link: link?.target)
      }
      if end < line.endIndex {
        pieces.append(StyledText(text: String(line[end...]), style: theme.faint))
        position = count
      } else if !tail.isEmpty, links.isEmpty {
        position += line.reduce(0) { $1.isWhitespace ? $0 : $0 + 1 }
      }
      return pieces
    }
  }

  /// Whether not all of its text is on the screen.
  func isFolded(_ message: MessageRow) -> Bool {
    guard message.kind == .text, message.text.utf8.count > longest else { return false }
    return message.text.utf8.count > Self.maximumDrawn
      || TextWrap.lines(of: DisplayText.lines(message.text), width: width - indent).count > longest
  }

  /// Behind that many characters that are no blanks.
  private static func index(in line: String, after count: Int) -> String.Index {
    var left = count
    for index in line.indices where !line[index].isWhitespace {
      if left <= 0 { return index }
      left -= 1
    }
    return line.endIndex
  }

  /// Where there is room, what happened stands in the column of the texts.
  private func noticeLines(_ message: MessageRow, _ level: MessageRow.Level) -> [MessageLine] {
    let style: Style =
      switch level {
      case .information: theme.notice
      case .warning: theme.warning
      case .error: theme.error
      }
    let mark = glyphs.mark(level)
    let head =
      width - indent < Self.wideText
      ? mark.padded(to: 2) : String(repeating: " ", count: nameWidth + 2 - mark.count) + mark
    let room = width - timeWidth - head.count - 1
    return TextWrap.lines(of: DisplayText.lines(cut(message.text)), width: room).enumerated().map { number, line in
      .pieces([
        StyledText(
          text: number == 0 ? clock.time(of: message.time) + " " : String(repeating: " ", count: timeWidth),
          style: theme.faint),
        StyledText(text: (number == 0 ? head : String(repeating: " ", count: head.count)) + " " + line, style: style),
      ])
    }
  }

  private func cut(_ text: String) -> String {
    // Cheap for the usual case: a text of few bytes has few clusters.
    if text.utf8.count <= Self.maximumDrawn { return text }
    let drawn = text.prefix(Self.maximumDrawn)
    return drawn.endIndex == text.endIndex ? text : drawn + " [… too long to be shown whole: Alt-v or /view]"
  }

  private func style(of encryption: MessageRow.Encryption) -> Style {
    switch encryption {
    case .trusted: theme.verified
    case .unsafe, .undecryptable, .stranger: theme.error
    case .notEncrypted, .encrypted: theme.faint
    }
  }

  private func style(of delivery: MessageRow.Delivery) -> Style {
    switch delivery {
    case .failed: theme.error
    case .displayed: theme.read
    case .queued, .sending, .sent, .delivered: theme.faint
    }
  }
}
