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

  let state: ScreenState
  let theme: Theme
  let width: Int
  private let clock: Clock
  private let nameWidth: Int

  init(_ state: ScreenState, width: Int, theme: Theme) {
    self.state = state
    self.theme = theme
    self.width = width
    clock = Clock(timeZone: state.timeZone)
    nameWidth = width >= 48 ? 10 : 6
  }

  private var timeWidth: Int { 6 }
  /// Time, name, the two marks, and a space behind each.
  private var indent: Int { timeWidth + nameWidth + 1 + 3 }

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
  private func lines(ofMessageAt index: Int) -> [MessageLine] {
    let message = state.messages[index]
    var lines: [MessageLine] = []
    let day = clock.day(of: message.time)
    if index == 0 || clock.day(of: state.messages[index - 1].time) != day {
      lines.append(.rule(title: clock.title(of: message.time), style: theme.separator))
    }
    if message.id == state.firstUnread { lines.append(.rule(title: "new", style: theme.unreadLine)) }
    switch message.kind {
    case .text: lines += textLines(message)
    case .notice(let level): lines += noticeLines(message, level)
    }
    return lines
  }

  private func textLines(_ message: MessageRow) -> [MessageLine] {
    let isPlaintextInEncryptedRoom = message.encryption == .notEncrypted && state.header.security != .notEncrypted
    let bodyStyle: Style =
      switch message.encryption {
      case .undecryptable, .unsafe, .stranger: theme.error
      case .notEncrypted: isPlaintextInEncryptedRoom ? theme.error : theme.text
      case .encrypted, .verified: message.isMention ? theme.mention : theme.text
      }
    var text = cut(message.text)
    if isPlaintextInEncryptedRoom { text = "[not encrypted] " + text }
    if message.encryption == .stranger { text = "[\(message.encryption.words)] " + text }
    if let delivery = message.delivery, delivery.isPartial { text += " [\(delivery.words)]" }
    for remark in message.remarks { text += " (\(DisplayText.line(remark)))" }
    let name = DisplayText.line(message.isOwn ? "me" : message.sender)
    let timeStyle = message.id == state.selected ? theme.selection : theme.faint
    let head = [
      StyledText(text: clock.time(of: message.time), style: timeStyle),
      StyledText(text: message.id == state.selected ? ">" : " ", style: timeStyle),
      StyledText(text: name.clipped(to: nameWidth).padded(to: nameWidth) + " ", style: theme.senderName(message)),
      StyledText(text: message.encryption.letter, style: markStyle(message.encryption, isPlaintextInEncryptedRoom)),
      StyledText(text: (message.delivery?.letter ?? " ") + " ", style: deliveryStyle(message.delivery)),
    ]
    let margin = StyledText(text: String(repeating: " ", count: indent), style: theme.text)
    var lines: [MessageLine] = []
    if let quote = message.quote {
      let line = "> " + DisplayText.joinedLines(String(quote.prefix(Self.maximumQuoted)))
      lines.append(.pieces(head + [StyledText(text: line.clipped(to: max(0, width - indent)), style: theme.quote)]))
    }
    for line in Self.bodyLines(DisplayText.lines(text), width: width - indent, style: bodyStyle) {
      lines.append(.pieces((lines.isEmpty ? head : [margin]) + line))
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

  /// A text's lines, with its links set apart and whole on each line that they run over.
  private static func bodyLines(_ text: String, width: Int, style: Style) -> [[StyledText]] {
    let links = WebLink.all(in: text)
    var linkStyle = style
    linkStyle.isUnderlined = true
    var position = 0
    return TextWrap.lines(of: text, width: width).map { line in
      WebLink.pieces(of: line, position: &position, links: links).map { text, link in
        StyledText(text: text, style: link == nil ? style : linkStyle, link: link?.target)
      }
    }
  }

  private func noticeLines(_ message: MessageRow, _ level: MessageRow.Level) -> [MessageLine] {
    let (mark, style): (String, Style) =
      switch level {
      case .information: ("-- ", theme.notice)
      case .warning: ("** ", theme.warning)
      case .error: ("!! ", theme.error)
      }
    let room = width - timeWidth - mark.count
    return TextWrap.lines(of: DisplayText.lines(cut(message.text)), width: room).enumerated().map { number, line in
      .pieces([
        StyledText(
          text: number == 0 ? clock.time(of: message.time) + " " : String(repeating: " ", count: timeWidth),
          style: theme.faint),
        StyledText(text: (number == 0 ? mark : String(repeating: " ", count: mark.count)) + line, style: style),
      ])
    }
  }

  private func cut(_ text: String) -> String {
    // Cheap for the usual case: a text of few bytes has few clusters.
    if text.utf8.count <= Self.maximumDrawn { return text }
    let drawn = text.prefix(Self.maximumDrawn)
    return drawn.endIndex == text.endIndex ? text : drawn + " [… too long to be shown whole]"
  }

  private func markStyle(_ encryption: MessageRow.Encryption, _ isPlaintextInEncryptedRoom: Bool) -> Style {
    switch encryption {
    case .verified: theme.verified
    case .unsafe, .undecryptable, .stranger: theme.error
    case .notEncrypted: isPlaintextInEncryptedRoom ? theme.error : theme.faint
    case .encrypted: theme.faint
    }
  }

  private func deliveryStyle(_ delivery: MessageRow.Delivery?) -> Style {
    if case .failed = delivery { return theme.error }
    return theme.faint
  }
}
