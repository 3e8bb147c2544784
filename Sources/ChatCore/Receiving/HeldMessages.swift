// HeldMessages.swift: messages wait, unanswered, for what they overtook: the invitation to their room, or its state.
import Foundation
import SIPAgent

/// Bounded in time, number and bytes: a stranger's wait here too, and each takes a place of the SIP link's, over which
/// the state has to come.
struct HeldMessages {
  struct Entry: Sendable {
    var message: IncomingMessage
    /// When it is taken as it is.
    var deadline: ContinuousClock.Instant
  }

  /// How long a message waits in a room of which nothing is known yet, as one that we were invited to while we were
  /// away. A server waits half a minute for an answer.
  static let longPatience: Duration = .seconds(20)
  static let maximumCount = 24
  /// Of bodies, in bytes.
  static let maximumSize = 1 << 19

  private let maximumCount: Int
  private let maximumSize: Int
  private(set) var rooms: [String: [Entry]] = [:]
  private var count = 0
  private var size = 0

  init(maximumCount: Int = HeldMessages.maximumCount, maximumSize: Int = HeldMessages.maximumSize) {
    (self.maximumCount, self.maximumSize) = (maximumCount, maximumSize)
  }

  var isEmpty: Bool { count == 0 }
  var nextDeadline: ContinuousClock.Instant? { rooms.values.joined().map(\.deadline).min() }

  /// - Returns: false when there is no place for it.
  mutating func add(_ entry: Entry, room: String) -> Bool {
    guard count < maximumCount, size + entry.message.body.count <= maximumSize else { return false }
    rooms[room, default: []].append(entry)
    count += 1
    size += entry.message.body.count
    return true
  }

  mutating func take(room: String) -> [Entry] {
    let entries = rooms.removeValue(forKey: room) ?? []
    forget(entries)
    return entries
  }

  mutating func takeOverdue(at now: ContinuousClock.Instant) -> [Entry] {
    var overdue: [Entry] = []
    for (room, entries) in rooms {
      overdue += entries.filter { $0.deadline <= now }
      let rest = entries.filter { $0.deadline > now }
      rooms[room] = rest.isEmpty ? nil : rest
    }
    forget(overdue)
    return overdue.sorted { $0.deadline < $1.deadline }
  }

  mutating func removeAll() { self = HeldMessages(maximumCount: maximumCount, maximumSize: maximumSize) }

  private mutating func forget(_ entries: [Entry]) {
    count -= entries.count
    size -= entries.reduce(0) { $0 + $1.message.body.count }
  }
}
