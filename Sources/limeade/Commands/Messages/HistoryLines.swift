// HistoryLines.swift: stored messages as lines of text or JSON, and the file they are exported to.
import ChatCore
import Foundation
import TerminalUI

struct HistoryLines: Sendable {
  enum Format: Sendable { case text, json }

  let format: Format
  /// Of rooms, by address.
  let names: [String: String]
  /// Whether a line of text begins with its room's name; JSON has the address always.
  let showsRoom: Bool
  /// Whether a line of text begins with the message's id.
  var showsIDs = false
  /// Of people, in text.
  var person: PersonName = { $0 }

  /// A message of text may have further lines, one for each of its files.
  func line(_ entry: MessageWithDeliveries) -> String {
    format == .json
      ? JSONLine.string(entry.jsonFields)
      : ([text(entry)] + FileText.lines(of: entry.message)).joined(separator: "\n")
  }

  private func text(_ entry: MessageWithDeliveries) -> String {
    let day = Clock().stamp(ofDay: entry.message.time)
    let room = showsRoom ? "\(SafeLine.text(names[entry.message.room] ?? entry.message.room)): " : ""
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
  func eachPage(of request: HistoryRequest, _ body: ([MessageWithDeliveries]) throws -> Void) async throws {
    var request = request
    request.after = MessagePosition(time: .distantPast, id: 0)
    request.limit = Self.exportPage
    var ends: Set<Int64> = []
    while true {
      let page = try await history(request)
      guard let last = page.last else { return }
      try body(page)
      // The time of a damaged entry may be any: it must not lead round in a circle.
      guard page.count == Self.exportPage, ends.insert(last.message.id ?? 0).inserted else { return }
      request.after = MessagePosition(last.message)
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
