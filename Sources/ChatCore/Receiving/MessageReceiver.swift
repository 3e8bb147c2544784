// MessageReceiver.swift: what arrives: stored and answered in that order (RFC 3428).
import Foundation
import GRDB
import Lime
import MessageFormats
import SIPAgent

@ChatActor final class MessageReceiver {
  /// Messages that are stored in one commit.
  static let messagesAtOnce = 64
  /// A room is asked for its state for the sake of a waiting message at most this often, in seconds.
  private static let stateQuestionInterval: TimeInterval = 60
  /// The state usually comes by itself within this.
  private static let stateQuestionPause: Duration = .seconds(2)

  /// What becomes of a message that arrived.
  private enum Outcome: Sendable {
    case stored(Received)
    /// For the room's state to show its author.
    case waits(Room)
    case failed(any Error)
  }

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let contactLog: ContactLog
  private let follower: RoomFollower
  private let peerSessions: PeerSessions
  private let downloads: Downloads
  private let notices: NoticeSender
  private let expiry: Expiry
  private let incoming: IncomingMessageStore
  private let stateLimiter = RateLimiter()
  private var held = HeldMessages()
  /// Rooms whose messages found no place, and are to come again.
  private var refused: Set<String> = []
  /// Takes what was held too long.
  private var holding: Task<Void, Never>?

  init(
    _ context: ChatContext, _ ownDevice: OwnDevice, _ contactLog: ContactLog, _ follower: RoomFollower,
    _ peerSessions: PeerSessions, _ downloads: Downloads, _ notices: NoticeSender, _ expiry: Expiry
  ) {
    (self.context, self.ownDevice, self.contactLog) = (context, ownDevice, contactLog)
    (self.follower, self.peerSessions, self.downloads) = (follower, peerSessions, downloads)
    (self.notices, self.expiry) = (notices, expiry)
    incoming = IncomingMessageStore(context)
  }

  // MARK: Storing and answering

  /// Stores incoming MESSAGEs and only then answers them: a 200 OK means that it is on disk.
  func receive(_ messages: [IncomingMessage]) async {
    await receive(messages.map { (message: $0, deadline: nil) })
  }

  /// The same with messages that have waited for the state of their room.
  private func receive(_ entries: [HeldMessages.Entry]) async {
    await receive(entries.map { (message: $0.message, deadline: $0.deadline) })
  }

  private typealias Arrived = (message: IncomingMessage, deadline: ContinuousClock.Instant?)

  private func receive(_ messages: [Arrived]) async {
    guard !messages.isEmpty, let agent = ownDevice.agent else { return }
    var (hasDeletedText, mayExpire) = (false, false)
    var (rooms, roomsRead): (Set<String>, Set<String>) = ([], [])
    var overdue: [HeldMessages.Entry] = []
    for (arrived, outcome) in zip(messages, await store(messages)) {
      let message = arrived.message
      switch outcome {
      case .failed(let error):
        context.logger.error("an incoming message was not stored: \(context.describe(error))")
        context.complain("an incoming message could not be stored: ", of: error)
        await agent.respond(to: message.id, status: Self.keepForLater)
      case .waits(let room):
        if hold(message, room: room, until: arrived.deadline) { continue }
        if room.version == 0 {
          // Nobody is known to be in it yet, and its messages may be many.
          refused.insert(room.address)
          await agent.respond(to: message.id, status: Self.keepForLater)
        } else {
          overdue.append(HeldMessages.Entry(message: message, deadline: .now))
        }
      case .stored(let received):
        await agent.respond(to: message.id, status: received.status)
        for event in received.events {
          context.hub.send(event)
          if case .message(let message) = event { downloads.offer(message) }
        }
        rooms.insert(message.from.uri.description)
        roomsRead.formUnion(received.roomsRead)
        hasDeletedText = hasDeletedText || received.hasDeletedText
        mayExpire = mayExpire || received.mayExpire
      }
    }
    for room in roomsRead { await context.reportRoom(room) }
    if hasDeletedText { expiry.forgetOnDisk() }
    if mayExpire { expiry.schedule() }
    notices.notify(of: rooms)
    await receive(overdue)
  }

  /// Of all refusals the one after which a server keeps a message for later.
  private static let keepForLater = 503

  /// All in one transaction; when it fails each has one of its own, so that the fault of one is not that of others.
  private func store(_ messages: [Arrived]) async -> [Outcome] {
    guard let lime = ownDevice.lime, let gruu = ownDevice.gruu else {
      return messages.map { _ in .failed(ChatError.notConnected) }
    }
    let now = Date()
    contactLog.sign(at: now)
    let tick = ContinuousClock.now
    let arrivals = messages.map {
      ($0.message, contactLog.arrival(at: now, mayWait: $0.deadline.map { $0 > tick } ?? true))
    }
    let attempts: [IncomingMessageStore.Attempt]
    do {
      attempts = try await context.store.writeRatchets { [incoming] db in
        try arrivals.map { try incoming.store(db, $0.0, $0.1, lime: lime, gruu: gruu) }
      }
    } catch {
      guard messages.count > 1 else { return [.failed(error)] }
      var outcomes: [Outcome] = []
      for message in messages { outcomes += await store([message]) }
      return outcomes
    }
    var outcomes: [Outcome] = []
    for attempt in attempts {
      switch attempt {
      case .stored(let received): outcomes.append(.stored(received))
      case .waits(let room): outcomes.append(.waits(room))
      case .unreadable(let envelope, let room, let isMember, let error):
        do {
          let alert = try await peerSessions.identityAlert(error, room: room.address)
          let sender = envelope.sender.description
          var reason = context.describe(error)
          var algorithm: LimeAlgorithm?
          if case LimeError.otherCurve(let id) = error {
            let other = LimeAlgorithm(rawValue: id)
            reason = DeviceAlgorithms.reason(other, of: sender, own: context.account.curve)
            algorithm = other
          }
          var received = try await context.store.database.write { [incoming, reason, algorithm] db in
            if isMember, let algorithm { try DeviceAlgorithms.record(db, sender, [algorithm]) }
            return try incoming.recordUndecryptable(
              db, envelope, room: room, isMember: isMember, gruu: gruu, reason: reason)
          }
          if let alert { received.events.append(alert) }
          outcomes.append(.stored(received))
        } catch { outcomes.append(.failed(error)) }
      }
    }
    return outcomes
  }

  // MARK: Waiting for the state of a room

  /// The author of a message is not in the state of its room yet.
  /// - Returns: false when it cannot wait.
  private func hold(_ message: IncomingMessage, room: Room, until deadline: ContinuousClock.Instant?) -> Bool {
    let patience = room.version == 0 ? HeldMessages.longPatience : context.clock.patience
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
    guard !refused.isDisjoint(with: rooms), let agent = ownDevice.agent else { return }
    refused.subtract(rooms)
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

  /// Messages that wait for the state of their room come again over the next connection.
  func forgetHeld() {
    holding?.cancel()
    holding = nil
    held.removeAll()
    refused = []
  }
}
