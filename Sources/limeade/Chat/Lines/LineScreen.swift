// LineScreen.swift: the chat line by line: what changed on the screen that is not painted, as lines of text.
import ChatCore
import Foundation
import TerminalUI

/// limeade chat --plain on a terminal, and every chat on a terminal that cannot do more.
@MainActor
final class LineScreen {
  /// Messages that are shown when a room is opened.
  static let shownAtFirst = 10
  /// Results of a search.
  private static let shownResults = 20
  /// Rooms that can be chosen by a number of the list.
  private static let shownRooms = 30

  let terminal = LineTerminal()
  /// Whether it is told how far own messages came.
  private let showsReceipts: Bool
  private var room: RoomRow.ID?
  /// As the rows of the open room were printed.
  private var printed: [MessageRow.ID: MessageRow] = [:]
  /// Texts that were typed here, which stand there already.
  private var typed: [String] = []
  private var waiting: [String] = []
  private var connection = ""
  private var error: String?
  private var notice: String?
  private var progress: [String] = []
  /// What is chosen from, and what was typed of the number; the line that was being written waits behind it.
  private var choice: (intents: [Intent], input: InputLine)?

  init(showsReceipts: Bool) { self.showsReceipts = showsReceipts }

  /// A line that is printed with the next ones.
  func add(_ line: String) { waiting.append(SafeLine.text(line)) }

  /// A text that stands in the line that was typed.
  func noteTyped(_ text: String) { typed.append(text) }

  /// Rows of the open room that were printed.
  func isPrinted(_ row: MessageRow) -> Bool { printed[row.id] != nil && !row.id.isEmpty && shown.contains(row.id) }
  private var shown: Set<MessageRow.ID> = []

  /// Prints what is new, and closes what a screen would show in the place of the messages.
  func show(_ interface: inout UserInterface) {
    var lines = waiting
    waiting = []
    let status = interface.screen.status
    if status.connection != connection, status.health != .pending {
      connection = status.connection
      lines.append("-- \(status.connection)")
    }
    lines += roomLines(interface.screen)
    for line in status.progress where !progress.contains(line) { lines.append(SafeLine.text(line)) }
    progress = status.progress
    if let text = status.hint, text != notice { lines.append("-- \(SafeLine.text(text))") }
    notice = status.hint
    if let text = status.error, text != error, !lines.contains("! \(SafeLine.text(text))") {
      lines.append("! \(SafeLine.text(text))")
    }
    error = status.error
    lines += panelLines(&interface)
    if let choice {
      terminal.show(lines, prompt: "number> ", choice.input)
    } else {
      terminal.show(lines, prompt: prompt(interface.screen), interface.screen.input)
    }
  }

  private func prompt(_ screen: ScreenState) -> String {
    let name = SafeLine.text(screen.header.name)
    return screen.openRoom == nil || name.isEmpty ? "> " : "\(name.prefix(24))> "
  }

  // MARK: Messages

  private func roomLines(_ screen: ScreenState) -> [String] {
    guard screen.openRoom == room else { return opened(screen) }
    var lines: [String] = []
    for row in screen.messages {
      guard let before = printed[row.id] else {
        printed[row.id] = row
        shown.insert(row.id)
        if row.isOwn, let index = typed.firstIndex(of: row.text) {
          typed.remove(at: index)
        } else {
          lines.append(Self.line(row, withTime: false))
        }
        lines += failure(row, before: nil)
        continue
      }
      guard before != row else { continue }
      printed[row.id] = row
      if before.text != row.text { lines.append("-- changed: \(Self.line(row, withTime: false))") }
      if before.text == row.text, before.reactions != row.reactions {
        let reactions = row.reactions.isEmpty ? "no reactions" : row.reactions.joined(separator: ", ")
        lines.append("-- \(SafeLine.text(reactions)): \(Self.beginning(row.text))")
      }
      lines += failure(row, before: before)
    }
    return lines
  }

  private func failure(_ row: MessageRow, before: MessageRow?) -> [String] {
    guard let delivery = row.delivery, delivery != before?.delivery else { return [] }
    if case .failed = delivery { return ["! \(SafeLine.text(delivery.words)): \(Self.beginning(row.text))"] }
    return showsReceipts ? ["-- \(delivery.words): \(Self.beginning(row.text))"] : []
  }

  private func opened(_ screen: ScreenState) -> [String] {
    room = screen.openRoom
    printed = Dictionary(screen.messages.map { ($0.id, $0) }) { $1 }
    guard screen.openRoom != nil else { return ["-- no room is open"] }
    let last = screen.messages.suffix(Self.shownAtFirst)
    shown = Set(last.map(\.id))
    let unread = screen.rooms.first { $0.id == room }?.unread ?? 0
    let head = [screen.header.name, screen.header.security.words] + (unread > 0 ? ["\(unread) unread"] : [])
    return ["== \(SafeLine.text(head.joined(separator: ", ")))"] + last.map { Self.line($0, withTime: true) }
  }

  /// `bob: text`, with the time where it is an old one, and with what is to be known of it.
  static func line(_ row: MessageRow, withTime: Bool) -> String {
    let time = withTime ? "\(Clock().time(of: row.time)) " : ""
    switch row.kind {
    case .notice(let level): return "\(level == .information ? "--" : "!") \(SafeLine.text(row.text))"
    case .text: break
    }
    var marks: [String] = []
    switch row.encryption {
    case .encrypted, .trusted: break
    case .notEncrypted, .unsafe, .undecryptable, .stranger: marks.append(row.encryption.words)
    }
    if let quote = row.quote { marks.append("answering \(beginning(quote))") }
    let mark = marks.isEmpty ? "" : " (\(marks.joined(separator: ", ")))"
    let remarks = (row.remarks + row.reactions).map { " (\(SafeLine.text($0)))" }.joined()
    return "\(time)\(SafeLine.text(row.sender))\(mark): \(SafeLine.text(row.text))\(remarks)"
  }

  private static func beginning(_ text: String) -> String {
    let line = SafeLine.text(text)
    return line.count > 40 ? line.prefix(39) + "…" : line
  }

  // MARK: What a screen shows in the place of the messages

  private func panelLines(_ interface: inout UserInterface) -> [String] {
    var lines: [String] = []
    if let page = interface.screen.page {
      lines += ["== \(SafeLine.text(page.title))"] + page.lines.map { $0.isEmpty ? "" : SafeLine.text($0) }
      interface.screen.page = nil
    }
    if let panel = interface.screen.verification {
      lines += Self.lines(panel)
      interface.screen.verification = nil
    }
    if let search = interface.screen.search, !search.isWaiting {
      if search.input.text.isEmpty {
        lines.append("! write what is to be found behind it: /search TEXT")
      } else {
        let results = search.results.prefix(Self.shownResults).reversed()
        lines += results.map { "\(Clock().stamp(of: $0.time)) \($0.roomName), \($0.sender): \($0.text)" }
          .map(SafeLine.text)
        let count = search.results.count
        lines.append(count == 0 ? "-- nothing found" : "-- \(count) found, the newest last")
      }
      interface.screen.search = nil
    }
    if let picker = interface.screen.picker {
      lines += choose(picker.title, picker.choices.map { ($0.text, $0.intent) })
      interface.screen.picker = nil
    }
    if let switcher = interface.screen.switcher {
      let rooms = switcher.matches(in: interface.screen.rooms)
      lines += choose(
        "Rooms",
        rooms.prefix(Self.shownRooms).map { room in
          (room.unread > 0 ? "\(room.name), \(room.unread) unread" : room.name, Intent.openRoom(room.id))
        })
      if rooms.count > Self.shownRooms { lines.append("-- \(rooms.count - Self.shownRooms) more: /join NAME") }
      interface.screen.switcher = nil
    }
    interface.screen.isBare = false
    return lines
  }

  // MARK: Choosing by a number

  private func choose(_ title: String, _ choices: [(text: String, intent: Intent)]) -> [String] {
    guard !choices.isEmpty else { return ["-- there is nothing to choose from"] }
    choice = (choices.map(\.intent), InputLine())
    return ["== \(SafeLine.text(title))"]
      + choices.enumerated().map { "\($0.offset + 1) \(SafeLine.text($0.element.text))" }
      + ["-- type a number and Enter; Enter alone chooses nothing"]
  }

  /// What the program is to do after a key, while a number is asked for; nil when the key is the line's.
  func answer(_ key: KeyEvent) -> [Intent]? {
    guard let (intents, input) = choice, case .stroke(let stroke) = key else { return nil }
    switch (stroke.key, stroke.modifiers) {
    case (.enter, []):
      choice = nil
      terminal.endLine()
      if let number = Int(input.text), intents.indices.contains(number - 1) { return [intents[number - 1]] }
      waiting.append(
        input.isEmpty
          ? "-- nothing chosen" : "! '\(SafeLine.text(input.text))' is no number of the list: nothing chosen")
    case (.escape, _), (.character("c"), .control), (.character("g"), .control), (.character("d"), .control):
      choice = nil
      waiting.append("-- nothing chosen")
    case (.character(let character), []): choice?.input.apply(.insert(character))
    case (.backspace, []): choice?.input.apply(.deleteBackward)
    case (.character("z"), .control): return [.suspend]
    default: break
    }
    return []
  }

  private static func lines(_ panel: VerificationPanel) -> [String] {
    var lines = ["your device \(panel.ownDevice)", "  fingerprint \(panel.ownFingerprint)"]
    for device in panel.devices {
      lines.append("device of \(panel.address): \(device.id), \(device.trust.words)")
      if let code = device.code { lines.append("  code \(code)") }
      if let fingerprint = device.fingerprint { lines.append("  fingerprint \(fingerprint)") }
      if let refused = device.refusedFingerprint { lines.append("  REFUSED \(refused)") }
    }
    return lines.map(SafeLine.text)
      + ["-- if a code is the same on both sides: /trust DEVICE; else /admit, /exclude, /distrust or /forget DEVICE"]
  }
}
