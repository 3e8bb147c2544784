// IncomingMessageStore.swift: decrypting what came and storing it, in one transaction (RFC 3862, LIME).
import Foundation
import GRDB
import Lime
import MessageFormats
import SIPAgent

/// What a stored message leads to once its transaction is committed.
struct Received: Sendable {
  var events: [ChatEvent] = []
  var status = 200
  /// Where messages were read on another of our devices.
  var roomsRead: Set<String> = []
  var hasDeletedText = false
  /// Whether the time of an ephemeral message may have started.
  var mayExpire: Bool {
    !roomsRead.isEmpty || hasStarted
      || events.contains { event in
        if case .delivery(_, _, _, _, _, true) = event { true } else { false }
      }
  }
  /// Whether the time of an unread message runs.
  var hasStarted = false
}

/// Works inside the transaction of whoever calls it, on the database's thread.
struct IncomingMessageStore: Sendable {
  /// What came of a message inside the transaction that it was opened in.
  enum Attempt: Sendable {
    case stored(Received)
    case waits(Room)
    case unreadable(LimeEnvelope, Room, isMember: Bool, any Error)
  }

  private let context: ChatContext
  private let noticeReader: NoticeReader
  private let strangerLimiter = RateLimiter()

  init(_ context: ChatContext) {
    self.context = context
    noticeReader = NoticeReader(context)
  }

  func store(
    _ db: Database, _ message: IncomingMessage, _ arrival: Arrival, lime: LimeAccount, gruu: SIPURI
  ) throws -> Attempt {
    if LimeEnvelope.matches(contentType: message.contentType) {
      return try storeEncrypted(db, message, arrival, lime: lime, gruu: gruu)
    }
    guard ContentType(message.contentType)?.matches(ContentType.cpim.mediaType) == true else {
      return .stored(Received(status: 415))
    }
    guard let cpim = try? CPIMMessage(parsing: message.body), let device = cpim.from?.uri else {
      return .stored(Received(status: 400))
    }
    // Anybody can send that: it makes no room, and is not told whether it was read.
    guard try Room.find(db, message.from.uri.description) != nil else { return .stored(Received(status: 403)) }
    let room = try Self.room(db, of: message, isEncrypted: false)
    let standing = try RoomQueries.standing(db, ofUser: device, in: room.address)
    let isMember = arrival.isMember(standing, writing: cpim.dateTime)
    guard isMember || !arrival.mayWait else { return .waits(room) }
    let author = Author(
      device: device, address: device.addressOfRecord.description, isEncrypted: false,
      trust: PeerStatus.unknown.rawValue, identity: nil, isMember: isMember)
    return .stored(try apply(db, cpim, arrival, room: room, author: author, gruu: gruu))
  }

  /// The room a message came through: see `fromItsRoom`. An encrypted one that overtook its room's invitation makes the
  /// room known.
  private static func room(_ db: Database, of message: IncomingMessage, isEncrypted: Bool) throws -> Room {
    let uri = message.from.uri
    if let room = try Room.find(db, uri.description) { return room }
    guard isEncrypted else { throw ChatError.unknownRoom(uri.description, known: []) }
    return try RoomQueries.join(db, uri: uri, subject: "", encrypted: true, oneToOne: false, now: Date())
  }

  // MARK: Encrypted

  private func storeEncrypted(
    _ db: Database, _ message: IncomingMessage, _ arrival: Arrival, lime: LimeAccount, gruu: SIPURI
  ) throws -> Attempt {
    let room = try Self.room(db, of: message, isEncrypted: true)
    guard let address = RoomAddress(room.address) else { return .stored(Received(status: 400)) }
    let envelope: LimeEnvelope
    do {
      envelope = try LimeEnvelope(
        parsing: message.body, contentType: message.contentType, for: lime.device.string)
    } catch {
      context.logger.warning("malformed multipart/encrypted in \(room.address): \(error)")
      return .stored(Received(status: 400))
    }
    let standing = try RoomQueries.standing(db, ofDevice: envelope.sender, in: room.address)
    guard !arrival.mayWait || arrival.mayBeMember(standing) else { return .waits(room) }
    let sender = DeviceID(envelope.sender.description)
    do {
      guard let part = envelope.deviceParts[lime.device.string] else { throw UndecryptableReason.notForUs }
      var received: Received?
      // Nothing of a message that proves wrong stays.
      try db.inSavepoint {
        let decrypted = try lime.decrypt(
          db, ratchetMessage: part, cipherMessage: envelope.cipherMessage, sender: sender,
          recipientUser: address.limeUser)
        let cpim = try CPIMMessage(parsing: decrypted.plaintext)
        // The author is who LIME authenticated; an inner From that says otherwise is a forgery.
        guard cpim.from?.uri == envelope.sender else { throw UndecryptableReason.senderMismatch }
        let isMember = arrival.isMember(standing, writing: cpim.dateTime)
        // It is opened again when the state has come.
        guard isMember || !arrival.mayWait else { return .rollback }
        let author = Author(
          device: envelope.sender, address: envelope.sender.addressOfRecord.description, isEncrypted: true,
          trust: decrypted.status.rawValue, identity: decrypted.identity.bytes, isMember: isMember)
        received = try apply(db, cpim, arrival, room: room, author: author, gruu: gruu)
        return .commit
      }
      return received.map { .stored($0) } ?? .waits(room)
    } catch let error as DatabaseError where error.isStorageFailure {
      // It says nothing of the message: that is not acknowledged, and comes again.
      throw error
    } catch {
      return .unreadable(envelope, room, isMember: arrival.mayBeMember(standing), error)
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

  /// A message that cannot be read is a visible line, and its sender, if a member, is told so that it starts a new
  /// session.
  func recordUndecryptable(
    _ db: Database, _ envelope: LimeEnvelope, room: Room, isMember: Bool, gruu: SIPURI, reason: String
  ) throws -> Received {
    // Notifications and typing carry no Message-ID: nothing to show, nothing to ask for again.
    guard let messageID = envelope.messageID else {
      context.logger.notice("an unreadable notification from \(envelope.sender) in \(room.address): \(reason)")
      return Received()
    }
    let now = Date()
    let own = context.account.address.description
    let sender = envelope.sender.addressOfRecord.description
    var message = Message(
      room: room.address, messageID: messageID, sender: sender, senderDevice: envelope.sender.description,
      isOutgoing: sender == own && isMember, text: "", time: now, receivedAt: now, isEncrypted: true,
      trust: "unknown", state: .undecryptable, failure: reason, isRead: try Blocking.contains(db, sender))
    message.isStranger = !isMember
    // A copy of a message that was read before (a server that repeats itself) is dropped by its id.
    guard try MessageQueries.insertOnce(db, &message).isShown else { return Received() }
    if isMember, !message.isRead {
      let imdn = IMDNMessage(messageID: messageID, dateTime: now, kind: .failed(.notAcceptable))
      try context.enqueue(db, notice: imdn, room: room.address, gruu: gruu, time: now, mustBePlain: true)
    }
    return Received(events: [.message(message)])
  }

  // MARK: Content

  /// Applies one inner message: a text, notifications, or typing. Runs inside the transaction that decrypted it.
  private func apply(
    _ db: Database, _ cpim: CPIMMessage, _ arrival: Arrival, room: Room, author: Author, gruu: SIPURI
  ) throws -> Received {
    let type = cpim.contentType ?? .plainText
    let own = context.account.address.description
    let notUnderstood = cpim.notUnderstood.map(\.description).joined(separator: ", ")
    if !notUnderstood.isEmpty, cpim.isNotification || type.matches(ContentType.isComposing.mediaType) {
      context.logger.notice("a notification of \(author.device) requires \(notUnderstood)")
      return Received()
    }
    if type.matches(ContentType.isComposing.mediaType) {
      guard author.isMember, author.isEncrypted || !room.isEncrypted, author.address != own,
        let composing = try? IsComposing(parsing: cpim.body), try !Blocking.contains(db, author.address)
      else { return Received() }
      let event = ChatEvent.composing(room: room.address, address: author.address, isActive: composing.isActive)
      return Received(events: [event])
    }
    if let notices = try? IMDNMessage.all(inContentType: type.description, body: cpim.body), !notices.isEmpty {
      return try noticeReader.apply(db, notices, room: room, author: author, gruu: gruu)
    }
    if cpim.isNotification {
      context.logger.notice("a notification of \(author.device) in \(room.address) cannot be read")
      return Received()
    }

    let isOwn = author.address == own && author.isMember
    let isBlocked = try !isOwn && Blocking.contains(db, author.address)
    // A required header may change the meaning of all the rest.
    let content =
      notUnderstood.isEmpty
      ? MessageContent(cpim) : MessageContent(text: "[a message that requires \(notUnderstood)]", files: [])
    let place = MessagePlace(claimed: cpim.dateTime, arrival: arrival)
    var message = Message(
      room: room.address, messageID: cpim.messageID ?? MessageID.make(), sender: author.address,
      senderDevice: author.device.description, isOutgoing: isOwn, text: content.text, time: place.time,
      receivedAt: arrival.now, isEncrypted: author.isEncrypted, trust: author.trust, state: isOwn ? .sent : .received,
      isRead: isOwn || isBlocked)
    (message.identity, message.isStranger, message.claimedTime) = (author.identity, !author.isMember, place.claimed)
    if !content.files.isEmpty { message.attachments = content.files }
    message.lifetime = Ephemeral.sensible(cpim.ephemeralLifetime)
    message.unreadLifetime = Ephemeral.sensible(cpim.ephemeralUnreadLifetime)
    // Unread, it lives from here on.
    if !isOwn, let seconds = message.unreadLifetime {
      message.expiresAt = context.clock.now().addingTimeInterval(TimeInterval(seconds))
    }
    if notUnderstood.isEmpty,
      let change = MessageChange(cpim, room: room.address, sender: author.address, now: arrival.now)
    {
      var received = try applyChange(db, change, message, room: room, author: author)
      received.hasStarted = message.expiresAt != nil
      return received
    }
    message.replyTo = cpim.reply?.messageID
    message.replySender = cpim.reply?.sender?.addressOfRecord.description
    message.forwardedFrom = cpim.forwardInfo
    message.isAutomatic = cpim.isAutomatic
    let insertion = try MessageQueries.insertOnce(db, &message)
    var received = Received(events: warnings(of: insertion, message, room: room, author: author))
    received.hasStarted = message.expiresAt != nil
    guard insertion != .known else { return received }
    if insertion.isShown { received.events.insert(.message(message), at: 0) }
    if isOwn { try MessageQueries.expectDeliveries(db, of: message) }
    let isFailed = !notUnderstood.isEmpty
    if !isOwn, author.isMember, !isBlocked,
      cpim.dispositionNotification.contains(isFailed ? .negativeDelivery : .positiveDelivery)
    {
      let kind = isFailed ? IMDNMessage.Kind.failed(.badExtension) : .delivered
      let imdn = IMDNMessage(messageID: message.messageID, dateTime: message.writtenAt, kind: kind)
      try context.enqueue(db, notice: imdn, room: room.address, gruu: gruu, time: arrival.now)
    }
    return received
  }

  /// What the user has to know of a message beside itself.
  private func warnings(
    of insertion: MessageQueries.Insertion, _ message: Message, room: Room, author: Author
  ) -> [ChatEvent] {
    func warning(_ text: String) -> ChatEvent {
      .security(room: room.address, device: author.device.description, text: text)
    }
    var warnings: [ChatEvent] = []
    if insertion == .replaced {
      warnings.append(
        warning(
          """
          another text stood under the id of a message from \(author.address), put there by somebody else: the \
          message is in its place
          """))
    }
    if insertion.isShown, !author.isMember { warnings += strangerWarning(author, room: room, what: "a message") }
    if insertion.isShown, room.isEncrypted, !author.isEncrypted {
      warnings.append(
        warning(
          """
          a message from \(author.address) came unencrypted into an encrypted room: anyone on its way could read or \
          forge it
          """))
    }
    return warnings
  }

  /// Strangers may write often: they are told of once in a while.
  private func strangerWarning(_ author: Author, room: Room, what: String) -> [ChatEvent] {
    let name = "\(room.address) \(author.device) \(what)"
    guard strangerLimiter.allows(name, every: Self.warningInterval) else { return [] }
    let place = author.isEncrypted ? "device" : "address"
    let text = """
      \(what) came from \(author.device), which is no member's \(place) in this room: it is not from \
      \(author.address) as far as anybody can tell
      """
    return [.security(room: room.address, device: author.device.description, text: text)]
  }

  /// Between two warnings of the same stranger, in seconds.
  private static let warningInterval: TimeInterval = 60

  /// A reaction, edit or retraction.
  /// - Parameter message: what the change is as a message of its own.
  private func applyChange(
    _ db: Database, _ change: MessageChange, _ message: Message, room: Room, author: Author
  ) throws -> Received {
    func refusal(_ text: String) -> Received {
      Received(events: [.security(room: room.address, device: author.device.description, text: text)])
    }
    guard author.isMember else {
      return Received(events: strangerWarning(author, room: room, what: "a change of a message"))
    }
    // Whoever can put an unencrypted message into the room must not change what came encrypted.
    if room.isEncrypted, !message.isEncrypted {
      return refusal(
        "an unencrypted change of a message of this encrypted room, allegedly by \(change.sender), was refused")
    }
    var received = Received()
    switch try change.apply(db, orInsert: message, by: author) {
    case .nothing: return received
    case .refused:
      return refusal(
        """
        \(author.device) wanted to change a message that another device of \(author.address) wrote, and was refused: \
        it would have to be trusted ('limeade keys trust')
        """)
    case .applied:
      received.events.append(.change(change))
      received.hasDeletedText = change.kind != .reaction
      return received
    }
  }
}
