// NoticeSender.swift: telling others that their messages came and were read (RFC 5438), and that we are writing (RFC 3994).
import Foundation
import GRDB
import MessageFormats

@ChatActor final class NoticeSender {
  /// Devices of a room from which on its notifications wait a little.
  private static let largeRoom = 20
  /// Such a wait, for each device of the room, and at most.
  private static let pausePerDevice: Duration = .milliseconds(10)
  private static let longestPause: Duration = .seconds(2)

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let follower: RoomFollower
  private let outbox: Outbox
  private let sender: MessageSender
  private let expiry: Expiry
  /// Until the notifications of large rooms are sent.
  private var pause: Task<Void, Never>?

  init(
    _ context: ChatContext, _ ownDevice: OwnDevice, _ follower: RoomFollower, _ outbox: Outbox,
    _ sender: MessageSender, _ expiry: Expiry
  ) {
    (self.context, self.ownDevice, self.follower) = (context, ownDevice, follower)
    (self.outbox, self.sender, self.expiry) = (outbox, sender, expiry)
  }

  func stop() {
    pause?.cancel()
    pause = nil
  }

  // MARK: Delivered

  /// Sends the delivery notifications of what came from these rooms. In a large room every device sends one to all
  /// others, so they wait until the message itself is everywhere, and what came meanwhile goes into the same one.
  /// (liblinphone waits half a second in any room.)
  func notify(of rooms: Set<String>) {
    let devices = rooms.map { follower.deviceCount(of: $0) }
    guard let fewest = devices.min(), fewest >= Self.largeRoom else { return outbox.wake() }
    guard pause == nil else { return }
    pause = Task { [weak self] in
      try? await Task.sleep(for: min(Self.pausePerDevice * fewest, Self.longestPause))
      self?.endPause()
    }
  }

  private func endPause() {
    pause = nil
    outbox.wake()
  }

  // MARK: Displayed

  /// Marks messages of the room as read and tells the senders (display notifications), if they are to know.
  /// - Parameter rows: which, by their `id`; nil for all.
  func markRead(_ address: String, rows: [Int64]? = nil) async throws {
    guard let gruu = ownDevice.gruu else { return }
    let now = context.clock.now()
    let isNews = try await context.store.database.write { db -> Bool in
      // Who reads in a room has seen that it is there.
      let isNew = try RoomEvent.markRead(db, room: address)
      let unread = try MessageQueries.markRead(db, room: address, rows: rows, now: now)
      for message in unread where message.state == .received && !message.isStranger {
        let imdn = IMDNMessage(messageID: message.messageID, dateTime: message.writtenAt, kind: .displayed)
        try context.enqueue(db, notice: imdn, room: address, gruu: gruu, time: Date())
      }
      return isNew || !unread.isEmpty
    }
    guard isNews else { return }
    expiry.schedule()
    await context.reportRoom(address)
    outbox.wake()
  }

  // MARK: Writing

  /// Tells the room that we are writing, or stopped (RFC 3994), if it is to know. Not stored: only worth something now.
  func sendComposing(_ isActive: Bool, to address: String) async {
    guard let gruu = ownDevice.gruu, ownDevice.isConnected, let target = SIPURI(address), await tellsTyping(in: address)
    else { return }
    let cpim = InnerMessage.composing(isActive, from: gruu, to: target, time: Date())
    let entry = OutboxEntry(
      room: address, message: nil, content: cpim.serialized, messageID: nil, isUrgent: false, mustBePlain: false,
      attempts: 0, createdAt: Date())
    _ = try? await sender.transmit([OutboxItem(entry)])
  }

  /// Whether the room is told that this account is writing.
  private func tellsTyping(in address: String) async -> Bool {
    let account = context.account
    let tells = try? await context.store.database.read { db -> Bool? in
      try Room.find(db, address)?.typing(in: account.settled(db))
    }
    return tells == true
  }
}
