// ChatClient+Outbox.swift: the outbox: what is in it is encrypted and sent, once and in order.
import Foundation
import GRDB
import Lime
import MessageFormats
import SIPAgent

extension ChatClient {
  nonisolated static let longestBackOff: TimeInterval = 60
  /// Longer than the requests take that ask the factory: they end by themselves.
  private nonisolated static let longestConfirmation: TimeInterval = 600

  func wakeOutbox() {
    hasNewsForOutbox = true
    if outboxTask == nil, ownDevice.isConnected {
      outboxTask = Task { [weak self] in await self?.drainOutbox() }
    }
  }

  /// Waits until nothing is left that can be sent now, but no longer than `limit`.
  public func flushOutbox(within limit: Duration = .seconds(5)) async {
    wakeOutbox()
    await withTimeout(limit) {
      while let work = await self.outboxWork { await work.value }
    }
  }

  /// What has to end before nothing can be sent: the outbox itself, or the factory's word on a room in it.
  private var outboxWork: Task<Void, Never>? { outboxTask ?? confirmations.values.first }

  /// Sends what waits, oldest first, notifications after texts; ends when nothing can be sent now.
  private func drainOutbox() async {
    while !Task.isCancelled, ownDevice.isConnected, let agent = ownDevice.agent {
      hasNewsForOutbox = false
      let now = Date()
      blockedRooms = blockedRooms.filter { $0.value > now }
      heldRooms = heldRooms.filter { $0.value > now }
      await recordOutcomes(unrecordedOutcomes.values.filter { blockedRooms[$0.entry.room] == nil })
      let isSingle = await !agent.sendsSeveralMessages
      let (rooms, held) = (Array(blockedRooms.keys), Array(heldRooms.keys))
      let entries = Array(unrecordedOutcomes.keys)
      let batch: OutboxBatch?
      do {
        batch = try await store.database.read {
          try OutboxBatch.next($0, leavingOut: rooms, held: held, entries: entries, isSingle: isSingle)
        }
      } catch { break }
      if let batch {
        if let room = await oneToOne.unconfirmed(batch.room) { confirm(room) } else { await process(batch) }
      } else if !hasNewsForOutbox {
        break
      }
    }
    outboxTask = nil
    guard ownDevice.isConnected, let soonest = [blockedRooms, heldRooms].flatMap(\.values).min() else { return }
    Task { [weak self] in
      try? await Task.sleep(for: .seconds(max(0.1, soonest.timeIntervalSinceNow)))
      self?.wakeOutbox()
    }
  }

  /// What the server refuses for now comes again, after what it took of the same batch: receivers put it in its place
  /// by its time.
  private func process(_ batch: OutboxBatch) async {
    let results: [Result<SIPResponse, any Error>]
    do { results = try await transmit(batch.items) } catch { results = batch.items.map { _ in .failure(error) } }
    var outcomes: [OutboxOutcome] = []
    var reason: String?
    var held: [HeldDevice] = []
    for (item, result) in zip(batch.items, results) {
      func end(_ state: Message.State, _ failure: String? = nil) {
        outcomes += item.entries.map { OutboxOutcome(entry: $0, state: state, failure: failure) }
      }
      switch result {
      case .success(let response):
        switch response.status {
        case 200..<300: end(.sent)
        case 408, 480, 500, 502, 503, 504: reason = reason ?? "\(response.status) \(response.reason)"
        default:
          let error = ChatError.refused(what: "the message", status: response.status, reason: response.reason)
          end(.failed, error.description)
        }
      case .failure(ChatError.newDevices(_, let devices)) where item.content.waits: held = devices
      case .failure(let error as ChatError) where error.isFinal: end(.failed, error.description)
      case .failure(let error): reason = reason ?? describe(error)
      }
    }
    if outcomes.contains(where: { $0.state == .sent }) { postponements[batch.room] = nil }
    await recordOutcomes(outcomes)
    if !held.isEmpty { await keepBack(batch.room, held) }
    if let reason { postpone(batch.room, reason) }
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
    guard let room = try await store.database.read({ try Room.find($0, first.room) }),
      let address = RoomAddress(first.room)
    else { throw ChatError.notInRoom(first.room) }
    try origins.requireOurs(room.address)
    if room.isOneToOne, !room.isConfirmed { throw ChatError.noStateFromFocus(room: room.subject) }

    var headers = [SIPHeader("Date", CivilTime(Date()).headerText)]
    if !first.isUrgent { headers.append(SIPHeader("Priority", "non-urgent")) }
    let contents: [Result<OutgoingMessage, any Error>]
    if room.isEncrypted, !first.mustBePlain {
      contents = try await encrypt(items.map(\.content), room: room, address: address, gruu: gruu, headers: headers)
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
          .mapError { ChatError(from: $0, during: "MESSAGE to \(room.subject)") }
      }
    }
  }

  private struct EncryptedItem: Sendable {
    var envelope: LimeEnvelope?
    var failures: [DeviceID: LimeError]
    var recipients: [(device: DeviceID, status: PeerStatus)] = []
  }

  private func encrypt(
    _ entries: [OutboxEntry], room: Room, address: RoomAddress, gruu: SIPURI, headers: [SIPHeader]
  ) async throws -> [Result<OutgoingMessage, any Error>] {
    guard let lime = ownDevice.lime, let first = entries.first else { throw ChatError.notConnected }
    let devices = try await allowedDevices(for: first, room: room, lime: lime)
    let (policy, urgent) = (account.newDevices, first.isUrgent)
    // New sessions and the messages in one commit, as each waits for the disk. When a message may yet be refused they
    // have a commit of their own, as their bundles are spent.
    var (bundles, reasons) =
      first.requiresTrust
      ? ([], try await peerSessions.ensureSessions(with: devices)) : try await peerSessions.missingBundles(for: devices)
    let candidates = devices.filter { reasons[$0] == nil }
    let (items, started, news) = try await store.writeRatchets {
      [bundles] db -> ([EncryptedItem], [DeviceID: Result<Void, LimeError>], [String]) in
      let started = try lime.startSessions(db, with: bundles)
      let reachable = candidates.filter { started[$0].map { (try? $0.get()) != nil } ?? true }
      if first.requiresTrust {
        try Self.checkTrust(try reachable.map { ($0, try lime.status(db, of: $0)) }, room: room.subject)
      } else if urgent {
        // Another program may have decided since the look at the devices.
        try Self.checkAdmission(db, policy, lime: lime, room: room)
      }
      // A session that ends with one of these messages is followed by another one, whose bundle is not here yet.
      let count = try lime.messagesBeforeNewSession(db, to: reachable, of: entries.count)
      let items = try entries.prefix(count).map {
        try Self.encrypt(db, $0, lime: lime, recipientUser: address.limeUser, devices: reachable, gruu: gruu)
      }
      let news = urgent ? try Self.admit(db, items.first?.recipients ?? [], room: room.address) : []
      return (items, started, news)
    }
    for device in news { hub.send(.security(room: room.address, device: device, text: Self.firstText(to: device))) }
    reasons.merge(try await peerSessions.reasons(of: started)) { $1 }
    return zip(entries, items).map { entry, item in
      let reasons = reasons.merging(item.failures.mapValues(\.description)) { $1 }
      if entry.isUrgent {
        for (device, reason) in reasons {
          hub.send(.security(room: room.address, device: device.string, text: "\(device) cannot read this: \(reason)"))
        }
      }
      guard let envelope = item.envelope else {
        let reasons = reasons.map { "\($0.key): \($0.value)" }.sorted()
        return .failure(ChatError.nobodyToEncryptFor(room: room.subject, reasons: reasons))
      }
      let (contentType, body) = envelope.serialized
      return .success(OutgoingMessage(headers: headers, contentType: contentType, body: body))
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
      let trust = weakest(encrypted.ratchetMessages.map(\.status))
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

  /// Writes down what became of entries. What cannot be written is tried again later and not sent again.
  private func recordOutcomes(_ outcomes: [OutboxOutcome]) async {
    guard !outcomes.isEmpty else { return }
    for outcome in outcomes { if let id = outcome.entry.id { unrecordedOutcomes[id] = outcome } }
    let messages: [Message?]
    do {
      messages = try await store.database.write { db in try outcomes.map { try $0.write(db) } }
    } catch {
      for room in Set(outcomes.map(\.entry.room)) { postpone(room, describe(error)) }
      return
    }
    for (outcome, message) in zip(outcomes, messages) {
      if let id = outcome.entry.id { unrecordedOutcomes[id] = nil }
      if let message { hub.send(.messageState(message)) }
      finishedChange(outcome.entry, state: outcome.state, failure: outcome.failure)
    }
  }

  // MARK: One-to-one rooms that somebody else made

  /// The room's entries wait for the factory's word; those of other rooms do not.
  private func confirm(_ room: Room) {
    guard confirmations[room.address] == nil else { return }
    blockedRooms[room.address] = Date().addingTimeInterval(Self.longestConfirmation)
    confirmations[room.address] = Task { [weak self] in await self?.settle(room.address) }
  }

  private func settle(_ address: String) async {
    do {
      await resumption.waitUntilResumed(address)
      try await follower.waitForState(of: address)
      if let room = await oneToOne.unconfirmed(address) { try await oneToOne.confirm(room) }
      blockedRooms[address] = nil
    } catch let error as ChatError where error.isFinal || error.isRefusal {
      blockedRooms[address] = nil
      let entries = try? await store.database.read { db in
        try OutboxEntry.fetchAll(db, sql: "SELECT * FROM outbox WHERE room = ? ORDER BY id", arguments: [address])
      }
      await recordOutcomes(
        (entries ?? []).map { OutboxOutcome(entry: $0, state: .failed, failure: error.description) })
    } catch { postpone(address, describe(error)) }
    confirmations[address] = nil
    wakeOutbox()
  }

  private func postpone(_ room: String, _ reason: String) {
    let attempts = (postponements[room] ?? 0) + 1
    postponements[room] = attempts
    blockedRooms[room] = Date().addingTimeInterval(min(Self.longestBackOff, pow(2, Double(min(attempts, 6)))))
    if attempts == 1 || attempts % 10 == 0 {
      hub.send(.error(room: room, text: "not sent yet, will be tried again: \(reason)"))
    }
  }
}
