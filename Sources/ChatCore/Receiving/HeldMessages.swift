// HeldMessages.swift: messages that overtook the state of their room wait for it, unanswered.
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

  /// Whose messages found no place, and are to come again.
  var refused: Set<String> = []
  private(set) var rooms: [String: [Entry]] = [:]
  private var count = 0
  private var size = 0

  var isEmpty: Bool { count == 0 }
  var nextDeadline: ContinuousClock.Instant? { rooms.values.joined().map(\.deadline).min() }

  /// - Returns: false when there is no place for it.
  mutating func add(_ entry: Entry, room: String) -> Bool {
    guard count < Self.maximumCount, size + entry.message.body.count <= Self.maximumSize else { return false }
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

  mutating func removeAll() { self = HeldMessages() }

  private mutating func forget(_ entries: [Entry]) {
    count -= entries.count
    size -= entries.reduce(0) { $0 + $1.message.body.count }
  }
}

extension ChatClient {
  /// A room is asked for its state for the sake of a waiting message at most this often, in seconds.
  private static let stateQuestionInterval: TimeInterval = 60
  /// The state usually comes by itself within this.
  private static let stateQuestionPause: Duration = .seconds(2)

  /// The author of a message is not in the state of its room yet.
  /// - Returns: false when it cannot wait.
  func hold(_ message: IncomingMessage, room: Room, until deadline: ContinuousClock.Instant?) -> Bool {
    let patience = room.version == 0 ? HeldMessages.longPatience : clock.patience
    let entry = HeldMessages.Entry(message: message, deadline: deadline ?? .now + patience)
    let room = room.address
    guard held.add(entry, room: room) else { return false }
    if holding == nil { holding = Task { [weak self] in await self?.endHolding() } }
    if stateLimiter.allows(room, every: Self.stateQuestionInterval) {
      Task { [weak self] in
        try? await Task.sleep(for: Self.stateQuestionPause)
        guard let self, held.rooms[room] != nil else { return }
        await follower.askForState(of: room)
      }
    }
    return true
  }

  /// After a room's state has come.
  func release(heldFor rooms: [String]) async {
    let entries = rooms.flatMap { held.take(room: $0) }
    if !entries.isEmpty { await receive(entries) }
    guard !held.refused.isDisjoint(with: rooms), let agent = ownDevice.agent else { return }
    held.refused.subtract(rooms)
    // A server brings what it keeps after a REGISTER.
    Task { _ = try? await agent.register() }
  }

  private func endHolding() async {
    while !Task.isCancelled, let next = held.nextDeadline {
      do { try await Task.sleep(until: next) } catch { return }
      await receive(held.takeOverdue(at: .now))
    }
    if !Task.isCancelled { holding = nil }
  }
}
