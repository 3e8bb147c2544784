// HistoryLines.swift: stored messages as lines of text or JSON, and the file they are exported to.
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

struct HistoryLines: Sendable {
  enum Format: Sendable { case text, json }

  let format: Format
  let account: SIPURI
  /// By address.
  let rooms: [String: MessageSetting]
  /// Of rooms, by address, as people read them.
  let names: [String: String]
  /// Whether a line of text begins with its room's name; JSON has the address always.
  let showsRoom: Bool
  /// Whether a line of text begins with the message's id.
  var showsIDs = false
  /// People whose messages are not shown; JSON marks them.
  var blocked: Set<String> = []
  /// Of people, in text.
  var person: PersonName = { $0 }

  func line(_ entry: HistoryEntry) -> String {
    switch entry {
    case .message(let message): return line(message)
    case .event(let event) where format == .json: return JSONLine.string(event.jsonFields)
    case .event(let event):
      let time = "\(Clock().stamp(ofDay: event.time)) \(Clock().time(of: event.time))"
      let words = "\(time) -- \(EventLine.words(of: event, name: person))"
      return (showsIDs ? "- " : "") + place(event.room) + words
    }
  }

  private func place(_ room: String) -> String { showsRoom ? "\(SafeLine.text(names[room] ?? room)): " : "" }

  /// A message of text may have further lines, one for each of its files.
  func line(_ entry: MessageWithDeliveries) -> String {
    let message = entry.message
    let isBlocked = !message.isOutgoing && blocked.contains(message.sender)
    guard format == .text else {
      return JSONLine.string(entry.jsonFields(in: rooms[message.room], for: account, isBlocked: isBlocked))
    }
    guard !isBlocked else {
      return (showsIDs ? "\(SafeLine.text(message.messageID)) " : "") + place(message.room)
        + "\(Clock().stamp(ofDay: message.time)) \(Clock().time(of: message.time)) "
        + "\(SafeLine.text(person(message.sender))) (blocked)"
    }
    var entry = entry
    if let quote = entry.quote, blocked.contains(quote.sender) { entry.quote?.text = nil }
    return ([text(entry)] + FileText.lines(of: message)).joined(separator: "\n")
  }

  private func text(_ entry: MessageWithDeliveries) -> String {
    let day = Clock().stamp(ofDay: entry.message.time)
    let room = place(entry.message.room)
    let id = showsIDs ? "\(SafeLine.text(entry.message.messageID)) " : ""
    let line = "\(id)\(room)\(day) \(EventLine.line(for: entry, name: person))"
    guard entry.message.isOutgoing else { return line }
    let delivered = entry.count(atLeast: .delivered)
    let displayed = entry.count(atLeast: .displayed)
    return switch entry.message.state {
    case .queued: "\(line)  (not sent yet)"
    case .failed: "\(line)  (failed: \(ExitStatus.line(entry.message.failure ?? "")))"
    default:
      "\(line)  (delivered \(delivered.done)/\(delivered.of), displayed \(displayed.done)/\(displayed.of)"
        + "\(entry.deliveries.compactMap(\.reason).map { "; \(ExitStatus.line($0))" }.joined()))"
    }
  }
}

extension AccountStore {
  private static let exportPage = 1000

  /// Everything that fits the request, oldest first, a page at a time, so that memory does not grow with the history.
  /// What happened in the room beside its messages stands between them, but for a search.
  func eachPage(of request: HistoryRequest, _ body: ([HistoryEntry]) throws -> Void) async throws {
    var request = request
    request.after = MessagePosition(time: .distantPast, id: 0)
    request.limit = Self.exportPage
    var ends: Set<Int64> = []
    var start = request.since
    while true {
      let page = try await history(request)
      // The time of a damaged entry may be any: it must not lead round in a circle.
      let isLast = page.count < Self.exportPage || !ends.insert(page.last?.message.id ?? 0).inserted
      let end = isLast ? nil : page.last?.message.time
      let hasEvents = request.search == nil
      try body(
        hasEvents
          ? try await entries(page, room: request.room, from: start, before: end) : page.map { .message($0) })
      guard !isLast, let last = page.last else { return }
      (request.after, start) = (MessagePosition(last.message), end)
    }
  }
}

/// A new file that only its owner can read, written line by line.
struct PrivateFile {
  let path: String
  private let handle: FileHandle

  /// - Throws: `CommandFailure` when there is such a file already, or it cannot be made.
  init(creating path: String) throws {
    self.path = BaseFolders.expanded(path)
    let descriptor = open(self.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CommandFailure.cannotWrite(
        errno == EEXIST
          ? "\(self.path) exists already: name another file"
          : "\(self.path) cannot be written: \(String(cString: strerror(errno)))")
    }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  func write(_ line: String) throws {
    do { try handle.write(contentsOf: Data((line + "\n").utf8)) } catch {
      throw CommandFailure.cannotWrite("\(path) cannot be written: \(error.localizedDescription)")
    }
  }
}
