// MessageSender.swift: one attempt to send: encrypted for the devices of the room, and handed to the SIP agent (RFC 3428).
import Foundation
import GRDB
import Lime
import MessageFormats
import SIPAgent

@ChatActor final class MessageSender {
  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let origins: RoomOrigins
  private let resumption: RoomResumption
  private let recipients: Recipients
  private let peerSessions: PeerSessions

  init(
    _ context: ChatContext, _ ownDevice: OwnDevice, _ origins: RoomOrigins, _ resumption: RoomResumption,
    _ recipients: Recipients, _ peerSessions: PeerSessions
  ) {
    (self.context, self.ownDevice, self.origins) = (context, ownDevice, origins)
    (self.resumption, self.recipients, self.peerSessions) = (resumption, recipients, peerSessions)
  }

  /// One attempt: encrypts (the ratchets are on disk before anything leaves) and sends.
  ///
  /// A repeated attempt encrypts anew under the same Message-ID: the receivers drop the double by its id, while the
  /// same ciphertext twice would be an undecryptable replay to them.
  /// - Parameter items: of one room and one kind.
  /// - Returns: what became of each of the first ones; the others were left alone.
  func transmit(_ items: [OutboxItem]) async throws -> [Result<SIPResponse, any Error>] {
    guard let agent = ownDevice.agent, let gruu = ownDevice.gruu, ownDevice.isConnected,
      let first = items.first?.content
    else { throw ChatError.notConnected }
    await resumption.waitUntilResumed(first.room)
    let account = context.account.address
    let known = try await context.store.database.read { db in
      try Room.find(db, first.room).map { ($0, try RoomQueries.name(db, of: $0)) }
    }
    guard let (room, name) = known, let address = RoomAddress(first.room) else {
      throw ChatError.notInRoom(first.room)
    }
    try origins.requireOurs(room.address)
    if room.isOneToOne, !room.isConfirmed { throw ChatError.noStateFromFocus(room: name) }
    try await context.store.database.read { try Recipients.checkPresence($0, room, for: account) }

    var headers = [SIPHeader("Date", CivilTime(Date()).headerText)]
    if !first.isUrgent { headers.append(SIPHeader("Priority", "non-urgent")) }
    let contents: [Result<OutgoingMessage, any Error>]
    if room.isEncrypted, !first.mustBePlain {
      contents = try await encrypt(
        items.map(\.content), room: room, named: name, address: address, gruu: gruu, headers: headers)
    } else {
      contents = items.map {
        .success(OutgoingMessage(headers: headers, contentType: "message/cpim", body: $0.content.content))
      }
    }
    let sent = await agent.messages(to: address.uri, from: gruu, contents.compactMap { try? $0.get() })
    var answers = sent.makeIterator()
    return contents.map { content in
      content.flatMap { _ in
        (answers.next() ?? .failure(ChatError.notConnected))
          .mapError { ChatError(from: $0, during: "writing to \(name)") }
      }
    }
  }

  private struct EncryptedItem: Sendable {
    var envelope: LimeEnvelope?
    var failures: [DeviceID: LimeError]
    var recipients: [(device: DeviceID, status: PeerStatus)] = []
  }

  private func encrypt(
    _ entries: [OutboxEntry], room: Room, named name: String, address: RoomAddress, gruu: SIPURI, headers: [SIPHeader]
  ) async throws -> [Result<OutgoingMessage, any Error>] {
    guard let lime = ownDevice.lime, let first = entries.first else { throw ChatError.notConnected }
    let devices = try await recipients.allowedDevices(for: first, room: room, lime: lime)
    let (policy, urgent) = (context.account.newDevices, first.isUrgent)
    // New sessions and the messages in one commit, as each waits for the disk. When a message may yet be refused they
    // have a commit of their own, as their bundles are spent.
    var (bundles, reasons) =
      first.requiresTrust
      ? ([], try await peerSessions.ensureSessions(with: devices)) : try await peerSessions.missingBundles(for: devices)
    let candidates = devices.filter { reasons[$0] == nil }
    let (items, started, news) = try await context.store.writeRatchets {
      [bundles] db -> ([EncryptedItem], [DeviceID: Result<Void, LimeError>], [String]) in
      let started = try lime.startSessions(db, with: bundles)
      let reachable = candidates.filter { started[$0].map { (try? $0.get()) != nil } ?? true }
      if first.requiresTrust {
        try Recipients.checkTrust(try reachable.map { ($0, try lime.status(db, of: $0)) }, room: name)
      } else if urgent {
        // Another program may have decided since the look at the devices.
        try Recipients.checkAdmission(db, policy, lime: lime, room: room)
      }
      // A session that ends with one of these messages is followed by another one, whose bundle is not here yet.
      let count = try lime.messagesBeforeNewSession(db, to: reachable, of: entries.count)
      let items = try entries.prefix(count).map {
        try Self.encrypt(db, $0, lime: lime, recipientUser: address.limeUser, devices: reachable, gruu: gruu)
      }
      let news = urgent ? try Recipients.admit(db, items.first?.recipients ?? [], room: room.address) : []
      return (items, started, news)
    }
    for device in news {
      context.hub.send(.security(room: room.address, device: device, text: Recipients.firstText(to: device)))
    }
    reasons.merge(try await peerSessions.reasons(of: started)) { $1 }
    try await keep(reasons, of: zip(entries, items).compactMap { $1.envelope == nil ? nil : $0.message })
    var results: [Result<OutgoingMessage, any Error>] = []
    for (entry, item) in zip(entries, items) {
      let reasons = reasons.merging(item.failures.mapValues(\.description)) { $1 }
      if entry.isUrgent {
        for (device, reason) in reasons where await isNews(device, reason) {
          context.hub.send(
            .security(room: room.address, device: device.string, text: DeviceAlgorithms.shortText(device, reason)))
        }
      }
      guard let envelope = item.envelope else {
        let reasons = reasons.map { "\($0.key): \($0.value)" }.sorted()
        results.append(.failure(ChatError.nobodyToEncryptFor(room: name, reasons: reasons)))
        continue
      }
      let (contentType, body) = envelope.serialized
      results.append(.success(OutgoingMessage(headers: headers, contentType: contentType, body: body)))
    }
    return results
  }

  /// That a device cannot read is said once a day, also by programs that send one message each; what stands in the
  /// history says it of each message.
  private func isNews(_ device: DeviceID, _ reason: String) async -> Bool {
    let now = context.clock.now()
    return (try? await context.store.database.write { try DeviceAlgorithms.isNews($0, device.string, reason, at: now) })
      ?? true
  }

  /// That devices cannot read the messages stays in the history. A member none of whose devices can does not get them.
  private func keep(_ reasons: [DeviceID: String], of messages: [Int64]) async throws {
    guard !reasons.isEmpty, !messages.isEmpty else { return }
    try await context.store.database.write { db in
      for row in messages {
        for (device, reason) in reasons.sorted(by: { $0.key.string < $1.key.string }) {
          try MessageQueries.keep(
            db, "\(device) cannot read this: \(reason)", of: row, by: Admissions.user(of: device.string))
        }
        try MessageQueries.endDeliveries(db, of: row, without: Set(reasons.keys.map(\.string)))
      }
    }
  }

  private nonisolated static func encrypt(
    _ db: Database, _ entry: OutboxEntry, lime: LimeAccount, recipientUser: String, devices: [DeviceID], gruu: SIPURI
  ) throws -> EncryptedItem {
    let encrypted = try lime.encrypt(
      db, plaintext: entry.content, recipientUser: recipientUser, devices: devices, policy: .cipherMessage)
    guard !encrypted.ratchetMessages.isEmpty else { return EncryptedItem(failures: encrypted.failures) }
    try db.cachedStatement(sql: "UPDATE outbox SET attempts = attempts + 1 WHERE id = ?").execute(arguments: [entry.id])
    if let row = entry.message {
      let trust = Recipients.weakest(encrypted.ratchetMessages.map(\.status))
      try db.cachedStatement(sql: "UPDATE message SET trust = ?1 WHERE id = ?2 AND trust <> ?1")
        .execute(arguments: [trust.rawValue, row])
    }
    let envelope = LimeEnvelope(
      sender: gruu, messageID: entry.messageID,
      deviceParts: Dictionary(encrypted.ratchetMessages.map { ($0.device.string, $0.data) }) { first, _ in first },
      cipherMessage: encrypted.cipherMessage)
    return EncryptedItem(
      envelope: envelope, failures: encrypted.failures,
      recipients: encrypted.ratchetMessages.map { ($0.device, $0.status) })
  }
}
