// ChatClient+Receiving.swift: what arrives: decrypted, stored and answered in that order (RFC 3428, RFC 3862, RFC 5438).
import Foundation
import GRDB
import Lime
import MessageFormats
import SIPAgent

/// What a stored message leads to once its transaction is committed.
private struct Received {
  var events: [ChatEvent] = []
  var status = 200
  /// Messages were read on another of our devices.
  var hasRead = false
  var hasDeletedText = false
  /// Whether the time of an ephemeral message may have started.
  var mayExpire: Bool {
    hasRead
      || events.contains { event in
        if case .delivery(_, _, _, .displayed, _, true) = event { true } else { false }
      }
  }
}

extension ChatClient {
  /// A device's failed-decryption notices lead to a new session at most this often; they are unauthenticated.
  private static let rekeyInterval: TimeInterval = 60

  /// Messages that are stored in one commit.
  static let messagesAtOnce = 64

  /// Stores incoming MESSAGEs and only then answers them: a 200 OK means that it is on disk.
  func receive(_ messages: [IncomingMessage]) async {
    guard !messages.isEmpty, let agent else { return }
    var (hasDeletedText, mayExpire) = (false, false)
    var roomsRead: Set<String> = []
    for (message, result) in zip(messages, await store(messages)) {
      switch result {
      case .failure(let error):
        logger.error("an incoming message was not stored: \(describe(error))")
        hub.send(.error(room: nil, text: "an incoming message could not be stored: \(describe(error))"))
        // Of all refusals, 503 is the one after which a server keeps the message for later.
        await agent.respond(to: message.id, status: 503)
      case .success(let received):
        await agent.respond(to: message.id, status: received.status)
        for event in received.events {
          hub.send(event)
          if case .message(let message) = event { offer(message) }
        }
        if received.hasRead { roomsRead.insert(message.from.uri.description) }
        hasDeletedText = hasDeletedText || received.hasDeletedText
        mayExpire = mayExpire || received.mayExpire
      }
    }
    for room in roomsRead { await reportRoom(room) }
    if hasDeletedText { forgetOnDisk() }
    if mayExpire { scheduleExpiry() }
    notify(of: Set(messages.map(\.from.uri.description)))
  }

  /// Devices of a room from which on its notifications wait a little.
  private static let largeRoom = 20
  /// Such a wait, for each device of the room, and at most.
  private static let pausePerDevice: Duration = .milliseconds(10)
  private static let longestPause: Duration = .seconds(2)

  /// Sends the delivery notifications of what came from these rooms. In a large room every device sends one to all
  /// others, so they wait until the message itself is everywhere, and what came meanwhile goes into the same one.
  /// (liblinphone waits half a second in any room.)
  private func notify(of rooms: Set<String>) {
    let devices = rooms.map { live[$0]?.state.participants.reduce(0) { $0 + $1.devices.count } ?? 0 }
    guard let fewest = devices.min(), fewest >= Self.largeRoom else { return wakeOutbox() }
    guard notificationPause == nil else { return }
    notificationPause = Task { [weak self] in
      try? await Task.sleep(for: min(Self.pausePerDevice * fewest, Self.longestPause))
      await self?.endNotificationPause()
    }
  }

  private func endNotificationPause() {
    notificationPause = nil
    wakeOutbox()
  }

  /// What came of a message inside the transaction that it was opened in.
  private enum Attempt: Sendable {
    case stored(Received)
    case unreadable(LimeEnvelope, Room, any Error)
  }

  /// All in one transaction; when it fails each has one of its own, so that the fault of one is not that of others.
  private func store(_ messages: [IncomingMessage]) async -> [Result<Received, any Error>] {
    guard let lime, let gruu else { return messages.map { _ in .failure(ChatError.notConnected) } }
    let attempts: [Attempt]
    do {
      attempts = try await store.writeRatchets { db in
        try messages.map { try self.store(db, $0, lime: lime, gruu: gruu) }
      }
    } catch {
      guard messages.count > 1 else { return [.failure(error)] }
      var results: [Result<Received, any Error>] = []
      for message in messages { results += await store([message]) }
      return results
    }
    var results: [Result<Received, any Error>] = []
    for attempt in attempts {
      switch attempt {
      case .stored(let received): results.append(.success(received))
      case .unreadable(let envelope, let room, let error):
        do {
          let alert = try await identityAlert(error, room: room.address)
          var received = try await storeUndecryptable(envelope, room: room, gruu: gruu, reason: describe(error))
          if let alert { received.events.append(alert) }
          results.append(.success(received))
        } catch { results.append(.failure(error)) }
      }
    }
    return results
  }

  private nonisolated func store(
    _ db: Database, _ message: IncomingMessage, lime: LimeAccount, gruu: SIPURI
  ) throws -> Attempt {
    if LimeEnvelope.matches(contentType: message.contentType) {
      return try storeEncrypted(db, message, lime: lime, gruu: gruu)
    }
    guard ContentType(message.contentType)?.matches(ContentType.cpim.mediaType) == true else {
      return .stored(Received(status: 415))
    }
    guard let cpim = try? CPIMMessage(parsing: message.body), let author = cpim.from?.uri else {
      return .stored(Received(status: 400))
    }
    let room = try Self.room(db, of: message, isEncrypted: false)
    return .stored(
      try apply(db, cpim, room: room, device: author, gruu: gruu, trust: "unknown", isEncrypted: false))
  }

  /// The room a message came through: see `admit`. An encrypted one that overtook its room's invitation makes the room
  /// known.
  private static func room(_ db: Database, of message: IncomingMessage, isEncrypted: Bool) throws -> Room {
    let uri = message.from.uri
    if let room = try Room.find(db, uri.description) { return room }
    guard isEncrypted else { throw ChatError.unknownRoom(uri.description, known: []) }
    return try RoomQueries.join(db, uri: uri, subject: "", encrypted: true, oneToOne: false, now: Date())
  }

  // MARK: Encrypted

  private nonisolated func storeEncrypted(
    _ db: Database, _ message: IncomingMessage, lime: LimeAccount, gruu: SIPURI
  ) throws -> Attempt {
    let room = try Self.room(db, of: message, isEncrypted: true)
    guard let address = RoomAddress(room.address) else { return .stored(Received(status: 400)) }
    let envelope: LimeEnvelope
    do {
      envelope = try LimeEnvelope(
        parsing: message.body, contentType: message.contentType, for: lime.device.string)
    } catch {
      logger.warning("malformed multipart/encrypted in \(room.address): \(error)")
      return .stored(Received(status: 400))
    }
    let sender = DeviceID(envelope.sender.description)
    do {
      guard let part = envelope.deviceParts[lime.device.string] else { throw UndecryptableReason.notForUs }
      var received = Received()
      // Nothing of a message that proves wrong stays.
      try db.inSavepoint {
        let decrypted = try lime.decrypt(
          db, ratchetMessage: part, cipherMessage: envelope.cipherMessage, sender: sender,
          recipientUser: address.limeUser)
        let cpim = try CPIMMessage(parsing: decrypted.plaintext)
        // The author is who LIME authenticated; an inner From that says otherwise is a forgery.
        guard cpim.from?.uri == envelope.sender else { throw UndecryptableReason.senderMismatch }
        received = try apply(
          db, cpim, room: room, device: envelope.sender, gruu: gruu, trust: decrypted.status.rawValue,
          isEncrypted: true)
        return .commit
      }
      return .stored(received)
    } catch let error as DatabaseError where error.isStorageFailure {
      // It says nothing of the message: that is not acknowledged, and comes again.
      throw error
    } catch {
      return .unreadable(envelope, room, error)
    }
  }

  private enum UndecryptableReason: Error, LocalizedError {
    case notForUs, senderMismatch
    var errorDescription: String? {
      switch self {
      case .notForUs: "it was not encrypted for this device"
      case .senderMismatch: "its author is not the device that encrypted it"
      }
    }
  }

  /// A message that cannot be read is a visible line, and its sender is told so that it starts a new session.
  private func storeUndecryptable(
    _ envelope: LimeEnvelope, room: Room, gruu: SIPURI, reason: String
  ) async throws -> Received {
    // Notifications and typing carry no Message-ID: nothing to show, nothing to ask for again.
    guard let messageID = envelope.messageID else {
      logger.notice("an unreadable notification from \(envelope.sender) in \(room.address): \(reason)")
      return Received()
    }
    let now = Date()
    let own = account.address.description
    return try await store.database.write { db in
      let sender = envelope.sender.addressOfRecord.description
      var message = Message(
        room: room.address, messageID: messageID, sender: sender, senderDevice: envelope.sender.description,
        isOutgoing: sender == own, text: "", time: now, receivedAt: now, isEncrypted: true, trust: "unknown",
        state: .undecryptable, failure: reason, isRead: false)
      // A copy of a message that was read before (a server that repeats itself) is dropped by its id.
      guard try MessageQueries.insertOnce(db, &message) else { return Received() }
      let imdn = IMDNMessage(messageID: messageID, dateTime: now, kind: .failed(.notAcceptable))
      try Self.enqueue(db, imdn, room: room.address, gruu: gruu, time: now, mustBePlain: true)
      return Received(events: [.message(message)])
    }
  }

  // MARK: Content

  /// Applies one inner message: a text, notifications, or typing. Runs inside the transaction that decrypted it.
  private nonisolated func apply(
    _ db: Database, _ cpim: CPIMMessage, room: Room, device: SIPURI, gruu: SIPURI, trust: String, isEncrypted: Bool
  ) throws -> Received {
    let type = cpim.contentType ?? .plainText
    let author = device.addressOfRecord.description
    let notUnderstood = cpim.notUnderstood.map(\.description).joined(separator: ", ")
    if !notUnderstood.isEmpty, cpim.isNotification || type.matches(ContentType.isComposing.mediaType) {
      logger.notice("a notification of \(author) requires \(notUnderstood)")
      return Received()
    }
    if type.matches(ContentType.isComposing.mediaType) {
      guard let composing = try? IsComposing(parsing: cpim.body), author != account.address.description else {
        return Received()
      }
      let event = ChatEvent.composing(room: room.address, address: author, isActive: composing.isActive)
      return Received(events: [event])
    }
    if let notices = try? IMDNMessage.all(inContentType: type.description, body: cpim.body), !notices.isEmpty {
      return try applyNotices(db, notices, room: room, device: device, author: author)
    }
    if cpim.isNotification {
      logger.notice("a notification of \(author) in \(room.address) cannot be read")
      return Received()
    }

    let now = Date()
    let isOwn = author == account.address.description
    // A required header may change the meaning of all the rest.
    let content =
      notUnderstood.isEmpty
      ? MessageContent(cpim) : MessageContent(text: "[a message that requires \(notUnderstood)]", files: [])
    var message = Message(
      room: room.address, messageID: cpim.messageID ?? MessageID.make(), sender: author,
      senderDevice: device.description, isOutgoing: isOwn, text: content.text,
      time: Self.time(of: cpim, now: now), receivedAt: now, isEncrypted: isEncrypted, trust: trust,
      state: isOwn ? .sent : .received, isRead: isOwn)
    if !content.files.isEmpty { message.attachments = content.files }
    message.lifetime = Ephemeral.sensible(cpim.ephemeralLifetime)
    if notUnderstood.isEmpty, let change = MessageChange(cpim, room: room.address, sender: author, now: now) {
      return try applyChange(db, change, message, room: room, device: device, gruu: gruu)
    }
    message.replyTo = cpim.reply?.messageID
    message.replySender = cpim.reply?.sender?.addressOfRecord.description
    message.forwardedFrom = cpim.forwardInfo
    var received = Received()
    let isNew = try MessageQueries.insertOnce(db, &message)
    // One whose edit or retraction came first is shown already, but its sender waits for the notification.
    let isLate = try !isNew && MessageQueries.isChanged(db, message)
    guard isNew || isLate else { return received }
    if isNew { received.events.append(.message(message)) }
    if isOwn { try MessageQueries.expectDeliveries(db, of: message) }
    if room.isEncrypted, !isEncrypted {
      received.events.append(
        .security(
          room: room.address, device: device.description,
          text: "a message from \(author) came unencrypted into an encrypted room: anyone on its way could read or forge it"))
    }
    let isFailed = !notUnderstood.isEmpty
    if !isOwn, cpim.dispositionNotification.contains(isFailed ? .negativeDelivery : .positiveDelivery) {
      let kind = isFailed ? IMDNMessage.Kind.failed(.badExtension) : .delivered
      let imdn = IMDNMessage(messageID: message.messageID, dateTime: message.time, kind: kind)
      try Self.enqueue(db, imdn, room: room.address, gruu: gruu, time: now)
    }
    return received
  }

  /// A reaction, edit or retraction.
  /// - Parameter message: what the change is as a message of its own.
  private nonisolated func applyChange(
    _ db: Database, _ change: MessageChange, _ message: Message, room: Room, device: SIPURI, gruu: SIPURI
  ) throws -> Received {
    // Whoever can put an unencrypted message into the room must not change what came encrypted.
    if room.isEncrypted, !message.isEncrypted {
      let text = "an unencrypted change of a message of this encrypted room, allegedly by \(change.sender), was refused"
      return Received(events: [.security(room: room.address, device: device.description, text: text)])
    }
    var received = Received()
    guard try change.apply(db, orInsert: message) else { return received }
    received.events.append(.change(change))
    received.hasDeletedText = change.kind != .reaction
    return received
  }

  /// When the message was written. Clocks that are ahead of ours must not keep a message below all later ones.
  private static func time(of cpim: CPIMMessage, now: Date) -> Date {
    min(cpim.dateTime ?? now, wholeSeconds(now))
  }

  private nonisolated func applyNotices(
    _ db: Database, _ notices: [IMDNMessage], room: Room, device: SIPURI, author: String
  ) throws -> Received {
    var received = Received()
    for notice in notices {
      if case .displayed = notice.kind, author == account.address.description {
        if try MessageQueries.readElsewhere(db, messageID: notice.messageID, now: clock.now()) {
          received.hasRead = true
        }
        continue
      }
      let (state, reason): (Delivery.State, String?)
      switch notice.kind {
      case .delivered: (state, reason) = (.delivered, nil)
      case .displayed: (state, reason) = (.displayed, nil)
      // Who does not say whether a message was read, or could not, has it all the same.
      case .forbidden: continue
      case .failed, .error:
        guard notice.notification != .display else { continue }
        let isUndecryptable = notice.reasonCode == IMDNMessage.Reason.notAcceptable.code
        let cause = notice.reasonCode.map { "reason \($0)" } ?? "no reason given"
        (state, reason) = (.failed, isUndecryptable ? "\(author) could not decrypt it" : "not delivered (\(cause))")
        if isUndecryptable, let event = try repairSession(db, with: device, room: room) {
          received.events.append(event)
        }
      case .processed, .stored: continue
      }
      if let message = try MessageQueries.confirmSent(db, messageID: notice.messageID) {
        received.events.append(.messageState(message))
      }
      if let event = try MessageQueries.applyDelivery(
        db, messageID: notice.messageID, by: author, state: state, reason: reason, time: clock.now())
      {
        received.events.append(event)
      }
    }
    return received
  }

  /// A member could not decrypt us: the next message to that device starts a new session. Such notices are not
  /// authenticated, so only members' devices count, and only once a minute.
  private nonisolated func repairSession(_ db: Database, with device: SIPURI, room: Room) throws -> ChatEvent? {
    guard room.isEncrypted, let own = try Setting.gruu.read(db) else { return nil }
    let isMember = try RoomQueries.devices(db, room: room.address).contains { $0.gruu == device.description }
    guard isMember, rekeyLimiter.allows(device.description, every: Self.rekeyInterval) else { return nil }
    let lime = LimeAccount(device: DeviceID(own), curve: account.curve, now: clock.now)
    try lime.markSessionsStale(db, with: DeviceID(device.description))
    return .security(
      room: room.address, device: device.description,
      text: "\(device) could not decrypt a message; a new session starts with the next one")
  }

  private static func enqueue(
    _ db: Database, _ imdn: IMDNMessage, room: String, gruu: SIPURI, time: Date, mustBePlain: Bool = false
  ) throws {
    guard let target = SIPURI(room) else { return }
    let cpim = InnerMessage.imdn(imdn, from: gruu, to: target, time: time)
    var entry = OutboxEntry(
      room: room, message: nil, content: cpim.serialized, messageID: nil, isUrgent: false, mustBePlain: mustBePlain,
      attempts: 0, createdAt: time)
    try entry.insertQuickly(db)
  }

  // MARK: Reading

  /// Marks the room as read and tells the senders (display notifications).
  public func markRead(_ address: String) async throws {
    guard let gruu else { return }
    let now = clock.now()
    let count = try await store.database.write { db -> Int in
      let unread = try MessageQueries.markRead(db, room: address, now: now)
      for message in unread where message.state == .received {
        let imdn = IMDNMessage(messageID: message.messageID, dateTime: message.time, kind: .displayed)
        try Self.enqueue(db, imdn, room: address, gruu: gruu, time: Date())
      }
      return unread.count
    }
    guard count > 0 else { return }
    scheduleExpiry()
    await reportRoom(address)
    wakeOutbox()
  }
}
