// OutgoingLines.swift: what waits to be written to a client: every answer, and a bounded number of events.
import Foundation

/// Written by a thread of its own, so that a client that does not read holds up nobody else.
///
/// `@unchecked Sendable`: everything mutable is only touched under `condition`.
final class OutgoingLines: @unchecked Sendable {
  /// Events that wait for a client. Those beyond are dropped and counted, and the client is told how many.
  static let eventLimit = 1024
  /// Bytes of events that wait for a client.
  static let eventByteLimit = 8 << 20

  private struct Line {
    var text: String
    var isEvent: Bool
    var written: (@Sendable () -> Void)?
  }

  private let condition = NSCondition()
  private var lines: [Line] = []
  private var events = 0
  private var eventBytes = 0
  private var lost = 0
  private var isFinished = false

  /// - Parameter written: called when the line has left, or never will.
  func add(_ text: String, written: (@Sendable () -> Void)? = nil) {
    let isTaken = condition.withLock {
      guard !isFinished else { return false }
      lines.append(Line(text: text, isEvent: false, written: written))
      condition.signal()
      return true
    }
    if !isTaken { written?() }
  }

  func addEvent(_ text: String) {
    condition.withLock {
      guard !isFinished else { return }
      let size = text.utf8.count
      guard lost == 0, events < Self.eventLimit, eventBytes + size <= Self.eventByteLimit else {
        lost += 1
        return
      }
      lines.append(Line(text: text, isEvent: true))
      events += 1
      eventBytes += size
      condition.signal()
    }
  }

  /// Takes no more; `run` ends when what is there has been written.
  func finish() {
    condition.withLock {
      isFinished = true
      condition.broadcast()
    }
  }

  /// Writes until `finish`, or until the client is gone.
  func run(to descriptor: Int32) {
    while let line = next() {
      let isWritten = LineWriter.write(line.text, to: descriptor)
      line.written?()
      guard isWritten else { break }
    }
    let rest = condition.withLock {
      isFinished = true
      defer { lines = [] }
      return lines
    }
    for line in rest { line.written?() }
  }

  private func next() -> Line? {
    condition.withLock {
      while lines.isEmpty, !isFinished { condition.wait() }
      guard !lines.isEmpty else { return nil }
      let line = lines.removeFirst()
      if line.isEvent {
        events -= 1
        eventBytes -= line.text.utf8.count
        if lost > 0 {
          // Behind those that are still there, before those that come: in its place.
          lines.append(Line(text: RPC.notification("events.lost", ["count": lost]), isEvent: false))
          lost = 0
        }
      }
      return line
    }
  }
}
