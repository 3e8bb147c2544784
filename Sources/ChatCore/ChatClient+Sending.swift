// ChatClient+Sending.swift: the outbox: what is written is stored, encrypted, and sent, once and in order.
import Foundation
import GRDB
import Lime
import MessageFormats
import SIPAgent

/// How an attempt to send ended.
struct OutboxOutcome: Sendable {
  var state: Message.State
  var failure: String?
}

extension ChatClient {
  /// Largest text that is sent, in bytes of UTF-8.
  public static let textLimit = 64 * 1024
  private static let longestBackOff: TimeInterval = 60

  // MARK: Writing

  /// Stores the text in the outbox and returns at once; events tell what becomes of it.
  /// - Throws: `ChatError.untrusted` when the text requires trust and it is known already that some is missing.
  public func send(
    _ text: String, to address: String, _ options: MessageOptions = MessageOptions()
  ) async throws -> Message {
    try Self.checkSize(text)
    guard let gruu else { throw ChatError.notConnected }
    guard let target = SIPURI(address) else { throw ChatError.badInput("'\(address)' is not a room address") }
    try await check(options, in: address)
    let now = Self.wholeSeconds(Date())
    let needsTrust = options.requireTrust || account.requiresTrust
    let account = account.address.description
    let message = try await store.database.write { db -> Message in
      if let known = try Self.written(db, options, in: address) { return known }
      let message = try Self.write(
        db, text, files: [], to: address, options, account: account, device: gruu, time: now)
      try Self.enqueue(db, message, from: gruu, to: target, requiresTrust: needsTrust)
      return message
    }
    wakeOutbox()
    return message
  }

  func check(_ options: MessageOptions, in room: String) async throws {
    if let lifetime = options.lifetime, Ephemeral.sensible(lifetime) == nil {
      throw ChatError.badInput("a message lives between 1 and \(Ephemeral.longest) seconds after being read")
    }
    if let id = options.messageID, !MessageID.isUsable(id) {
      throw ChatError.badInput("'\(id)' cannot be a message's id: it takes letters, digits, - and ~")
    }
    if options.requireTrust { try await checkTrust(in: room) }
  }

  /// The message that an earlier attempt has written under the id of the options.
  static func written(_ db: Database, _ options: MessageOptions, in room: String) throws -> Message? {
    guard let id = options.messageID else { return nil }
    return try Message.fetchOne(
      db, sql: "SELECT * FROM message WHERE room = ? AND messageID = ? AND isOutgoing", arguments: [room, id])
  }

  /// Stores a new message of ours, which is to be sent.
  static func write(
    _ db: Database, _ text: String, files: [MessageFile], to address: String, _ options: MessageOptions,
    account: String, device: SIPURI, time: Date
  ) throws -> Message {
    guard let room = try Room.fetchOne(db, key: address) else { throw ChatError.unknownRoom(address, known: []) }
    guard room.state != .left else { throw ChatError.notInRoom(room.subject) }
    var message = Message(
      room: address, messageID: options.messageID ?? MessageID.make(), sender: account, senderDevice: device.description, isOutgoing: true,
      text: text, time: time, receivedAt: time, isEncrypted: room.isEncrypted, trust: "unknown", state: .queued,
      isRead: true)
    if !files.isEmpty { message.attachments = files }
    message.forwardedFrom = options.forwardedFrom
    message.lifetime = options.lifetime ?? (room.lifetime > 0 ? room.lifetime : nil)
    if let id = options.replyTo {
      guard let answered = try MessageQueries.find(db, room: address, messageID: id) else { throw noMessage(id) }
      (message.replyTo, message.replySender) = (id, answered.sender)
    }
    _ = try MessageQueries.insertOnce(db, &message)
    guard message.id != nil else { throw DatabaseError(message: "the message got no row") }
    try MessageQueries.expectDeliveries(db, of: message)
    return message
  }

  /// Puts a stored message, all of whose files have an address, into the outbox.
  static func enqueue(
    _ db: Database, _ message: Message, from device: SIPURI, to room: SIPURI, requiresTrust: Bool
  ) throws {
    var cpim = InnerMessage.text(message, from: device, to: room)
    if !message.files.isEmpty { MessageContent(text: message.text, files: message.files).write(to: &cpim) }
    var entry = OutboxEntry(
      room: message.room, message: message.id, content: cpim.serialized, messageID: message.messageID, isUrgent: true,
      mustBePlain: false, requiresTrust: requiresTrust, attempts: 0, createdAt: Date())
    try entry.insert(db)
  }

  /// Tells the room that we are writing, or stopped (RFC 3994). Not stored: only worth something now.
  public func sendComposing(_ isActive: Bool, to address: String) async {
    guard let gruu, isConnected, let target = SIPURI(address) else { return }
    let cpim = InnerMessage.composing(isActive, from: gruu, to: target, time: Date())
    let entry = OutboxEntry(
      room: address, message: nil, content: cpim.serialized, messageID: nil, isUrgent: false, mustBePlain: false,
      attempts: 0, createdAt: Date())
    _ = try? await transmit(entry)
  }

  // MARK: The outbox

  func wakeOutbox() {
    hasNewsForOutbox = true
    if outboxTask == nil, isConnected {
      outboxTask = Task { [weak self] in await self?.drainOutbox() }
    }
  }

  /// Waits until nothing is left that can be sent now, but no longer than `limit`.
  public func flushOutbox(within limit: Duration = .seconds(5)) async {
    wakeOutbox()
    guard let draining = outboxTask else { return }
    let (done, signal) = AsyncStream.makeStream(of: Void.self)
    let sending = Task {
      await draining.value
      signal.finish()
    }
    let timer = Task {
      try? await Task.sleep(for: limit)
      signal.finish()
    }
    for await _ in done {}
    timer.cancel()
    sending.cancel()
  }

  /// Sends what waits, oldest first, notifications after texts; ends when nothing can be sent now.
  private func drainOutbox() async {
    while !Task.isCancelled, isConnected {
      hasNewsForOutbox = false
      let now = Date()
      blockedRooms = blockedRooms.filter { $0.value > now }
      let next = OutboxEntry.filter(!Array(blockedRooms.keys).contains(Column("room"))).order(sql: "isUrgent DESC, id")
      let entry: OutboxEntry?
      do { entry = try await store.database.read { try next.fetchOne($0) } } catch { break }
      if let entry {
        await process(entry)
      } else if !hasNewsForOutbox {
        break
      }
    }
    outboxTask = nil
    guard isConnected, let soonest = blockedRooms.values.min() else { return }
    Task { [weak self] in
      try? await Task.sleep(for: .seconds(max(0.1, soonest.timeIntervalSinceNow)))
      await self?.wakeOutbox()
    }
  }

  private func process(_ entry: OutboxEntry) async {
    if let id = entry.id, let outcome = unrecordedOutcomes[id] {
      return await finish(entry, state: outcome.state, failure: outcome.failure)
    }
    do {
      let response = try await transmit(entry)
      switch response.status {
      case 200..<300:
        postponements[entry.room] = nil
        await finish(entry, state: .sent, failure: nil)
      case 408, 480, 500, 502, 503, 504: await postpone(entry, "\(response.status) \(response.reason)")
      default:
        let error = ChatError.refused(what: "the message", status: response.status, reason: response.reason)
        await finish(entry, state: .failed, failure: error.description)
      }
    } catch let error as ChatError where error.isFinal {
      await finish(entry, state: .failed, failure: error.description)
    } catch { await postpone(entry, describe(error)) }
  }

  /// One attempt: encrypts (the ratchets are on disk before anything leaves) and sends.
  ///
  /// A repeated attempt encrypts anew under the same Message-ID: the receivers drop the double by its id, while the
  /// same ciphertext twice would be an undecryptable replay to them.
  private func transmit(_ entry: OutboxEntry) async throws -> SIPResponse {
    guard let agent, let gruu, isConnected else { throw ChatError.notConnected }
    guard let room = try await store.database.read({ try Room.fetchOne($0, key: entry.room) }),
      let address = RoomAddress(entry.room)
    else { throw ChatError.notInRoom(entry.room) }

    var headers = [SIPHeader("Date", Self.rfc1123(Date()))]
    if !entry.isUrgent { headers.append(SIPHeader("Priority", "non-urgent")) }
    let contentType: String
    let body: Data
    if room.isEncrypted, !entry.mustBePlain {
      (contentType, body) = try await encrypt(entry, room: room, address: address, gruu: gruu)
    } else {
      (contentType, body) = ("message/cpim", entry.content)
    }
    do {
      return try await agent.message(
        to: address.uri, from: gruu, headers: headers, contentType: contentType, body: body)
    } catch { throw ChatError(from: error, during: "MESSAGE to \(room.subject)") }
  }

  private typealias OutgoingMessage = (
    envelope: LimeEnvelope?, started: [DeviceID: Result<Void, LimeError>], failures: [DeviceID: LimeError]
  )

  private func encrypt(
    _ entry: OutboxEntry, room: Room, address: RoomAddress, gruu: SIPURI
  ) async throws -> (contentType: String, body: Data) {
    guard let lime else { throw ChatError.notConnected }
    let devices = try await allowedDevices(for: entry, room: room, lime: lime)
    // New sessions and the message in one commit, as each waits for the disk. When the message may yet be refused they
    // have a commit of their own, as their bundles are spent.
    var (bundles, reasons) =
      entry.requiresTrust
      ? ([], try await ensureSessions(with: devices)) : try await missingBundles(for: devices)
    let candidates = devices.filter { reasons[$0] == nil }
    let (envelope, started, failures) = try await store.writeRatchets { [bundles] db -> OutgoingMessage in
      let started = try lime.startSessions(db, with: bundles)
      let reachable = candidates.filter { started[$0].map { (try? $0.get()) != nil } ?? true }
      if entry.requiresTrust {
        try Self.checkTrust(try reachable.map { ($0, try lime.status(db, of: $0)) }, room: room.subject)
      }
      let encrypted = try lime.encrypt(
        db, plaintext: entry.content, recipientUser: address.limeUser, devices: reachable, policy: .cipherMessage)
      guard !encrypted.ratchetMessages.isEmpty else { return (nil, started, encrypted.failures) }
      try db.execute(sql: "UPDATE outbox SET attempts = attempts + 1 WHERE id = ?", arguments: [entry.id])
      if let row = entry.message {
        let trust = Self.weakest(encrypted.ratchetMessages.map(\.status))
        try db.execute(sql: "UPDATE message SET trust = ? WHERE id = ?", arguments: [trust.rawValue, row])
      }
      let envelope = LimeEnvelope(
        sender: gruu, messageID: entry.messageID,
        deviceParts: Dictionary(encrypted.ratchetMessages.map { ($0.device.string, $0.data) }) { first, _ in first },
        cipherMessage: encrypted.cipherMessage)
      return (envelope, started, encrypted.failures)
    }
    reasons.merge(try await self.reasons(of: started)) { $1 }
    for (device, error) in failures { reasons[device] = error.description }
    if entry.isUrgent {
      for (device, reason) in reasons {
        hub.send(.security(room: room.address, device: device.string, text: "\(device) cannot read this: \(reason)"))
      }
    }
    guard let envelope else {
      throw ChatError.nobodyToEncryptFor(room: room.subject, reasons: reasons.map { "\($0.key): \($0.value)" }.sorted())
    }
    return envelope.serialized
  }

  private func finish(_ entry: OutboxEntry, state: Message.State, failure: String?) async {
    let message: Message?
    do {
      message = try await store.database.write { db -> Message? in
        try db.execute(sql: "DELETE FROM outbox WHERE id = ?", arguments: [entry.id])
        guard let row = entry.message, var message = try Message.fetchOne(db, key: row) else { return nil }
        message.state = state
        message.failure = failure
        try message.update(db)
        return message
      }
    } catch {
      if let id = entry.id { unrecordedOutcomes[id] = OutboxOutcome(state: state, failure: failure) }
      return await postpone(entry, describe(error))
    }
    if let id = entry.id { unrecordedOutcomes[id] = nil }
    if let message { hub.send(.messageState(message)) }
    await finishedChange(entry, state: state, failure: failure)
  }

  private func postpone(_ entry: OutboxEntry, _ reason: String) async {
    let attempts = (postponements[entry.room] ?? 0) + 1
    postponements[entry.room] = attempts
    blockedRooms[entry.room] = Date().addingTimeInterval(min(Self.longestBackOff, pow(2, Double(min(attempts, 6)))))
    if attempts == 1 || attempts % 10 == 0 {
      hub.send(.error(room: entry.room, text: "not sent yet, will be tried again: \(reason)"))
    }
  }

  /// `Date` header (RFC 3261 §20.17).
  private static func rfc1123(_ date: Date) -> String { rfc1123Formatter.string(from: date) }

  // Made once, as making one takes longer than all else about a message; DateFormatter is thread-safe.
  private static let rfc1123Formatter: DateFormatter = {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return formatter
  }()
}
