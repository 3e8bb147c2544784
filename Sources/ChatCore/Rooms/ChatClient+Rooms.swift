// ChatClient+Rooms.swift: making, joining and leaving rooms (RFC 4579; protocol/chat.md).
import Foundation
import GRDB
import MessageFormats
import SIPAgent

extension ChatClient {
  /// How long the focus may take to send the room's first state.
  nonisolated static let firstStateTimeout: Duration = .seconds(15)

  // MARK: Making

  /// Makes a room through the conference factory and waits for its first state.
  /// - Returns: the room with its members.
  public func createRoom(
    named subject: String, members: [SIPURI], encrypted: Bool = true, oneToOne: Bool = false
  ) async throws -> RoomSummary {
    guard ownDevice.agent != nil else { throw ChatError.notConnected }
    if encrypted, !keyServer.isThere { throw ChatError.noKeyServer }
    let others = members.filter { $0.addressOfRecord != account.address }
    guard !others.isEmpty else { throw ChatError.badInput("a room needs at least one other member") }
    try Self.requireName(subject)

    let request = FactoryRequest(
      subject: subject, members: others, isEncrypted: encrypted, isOneToOne: oneToOne)
    // The factory answers 302 with the room's address; the room then wants an INVITE of its own (new Call-ID and To),
    // else Flexisip makes another room each time.
    return try await enter(try await askFactory(request), request)
  }

  /// Enters the room that the factory named, inviting the request's members, and waits for its first state.
  ///
  /// The room is stored first: if this program is killed before the answer, it is taken up, or forgotten if the focus
  /// does not know it, at the next start.
  func enter(_ named: SIPURI, _ request: FactoryRequest) async throws -> RoomSummary {
    let room = try await store.database.write { db in
      var room = try RoomQueries.join(
        db, uri: named, subject: request.subject, encrypted: request.isEncrypted, oneToOne: request.isOneToOne,
        now: Date())
      if request.isOneToOne {
        (room.isOneToOne, room.isConfirmed) = (true, true)
        try room.update(db)
      }
      return room
    }
    guard let address = SIPURI(room.address) else { throw ChatError.badInput("\(room.address) is not a SIP address") }
    do {
      guard case .established(let dialog) = try await invite(address, request) else {
        throw ChatError.factoryDidNotRedirect(factory: address.description, status: 302)
      }
      live[room.address, default: LiveRoom(state: ConferenceState(entity: address))].dialog = dialog.id
    } catch {
      // After a refusal there is no room. When no answer came there may be one.
      if let error = error as? ChatError, error.isRefusal { try await dropUnentered(room.address) }
      throw error
    }
    try await subscribe(to: room)
    try await waitForState(of: room.address)
    guard let summary = try await store.database.read({ try RoomQueries.summary($0, room.address) }) else {
      throw ChatError.noStateFromFocus(room: request.subject)
    }
    return summary
  }

  /// Removes a room that we asked for and never came into.
  func dropUnentered(_ address: String) async throws {
    live[address] = nil
    roomOrigins.addresses = [:]
    try await store.database.write { db in
      let sql = """
        DELETE FROM room WHERE address = ? AND version = 0 AND NOT EXISTS (SELECT 1 FROM message WHERE room = address)
        """
      try db.execute(sql: sql, arguments: [address])
    }
  }

  /// A room without a name could not be told from others in a list, nor be opened by it.
  nonisolated static func requireName(_ name: String) throws(ChatError) {
    guard name.contains(where: { !$0.isWhitespace }) else { throw .badInput("a room needs a name") }
  }

  /// What a user's TO means: a SIP address is the one-to-one room with that person, anything else a known room
  /// (`RoomLookup`).
  public func room(for target: String) async throws -> RoomSummary {
    switch try await store.target(target, for: account.address) {
    case .room(let room): room
    case .person(let address): try await oneToOneRoom(with: address)
    }
  }

  // MARK: Being invited

  func invited(_ invitation: IncomingInvite) async {
    guard let agent = ownDevice.agent else { return }
    guard invitation.contact?.has(parameter: "isfocus") == true else {
      // Only rooms call us: this is a chat client.
      await agent.reject(invitation, status: 488)
      return
    }
    let uri = invitation.from.uri
    guard await isFocus(uri, invitation.headers) else {
      await agent.reject(invitation, status: 403)
      return reportStranger(uri, "an invitation")
    }
    guard await mayEnter(uri) else {
      await agent.reject(invitation, status: 480)
      return
    }
    let isEncrypted = invitation.headers["End-To-End-Encrypted"]?.lowercased() == "true"
    let isOneToOne = invitation.headers["One-To-One-Chat-Room"]?.lowercased() == "true"
    do {
      let room = try await store.database.write { db in
        try RoomQueries.join(
          db, uri: uri, subject: invitation.headers["Subject"] ?? "", encrypted: isEncrypted, oneToOne: isOneToOne,
          now: Date())
      }
      roomsToResume.drop(room.address)
      try await agent.accept(invitation)
      let entity = SIPURI(room.address) ?? uri
      live[room.address, default: LiveRoom(state: ConferenceState(entity: entity))].dialog = invitation.dialog
      // They come behind the invitation, which they overtook.
      let overtaking = takeWaiting(uri.conferenceKey)
      if !overtaking.isEmpty { takeAgain(overtaking) }
      try await subscribe(to: room)
    } catch {
      hub.send(.error(room: uri.description, text: "an invitation could not be taken up: \(describe(error))"))
    }
  }

  /// Somebody who makes rooms and invites us to them cannot fill the list without end.
  private func mayEnter(_ uri: SIPURI) async -> Bool {
    let limit = Self.maximumUnansweredRooms
    let isOpen = try? await store.database.read { db in
      try Room.find(db, uri) != nil || RoomQueries.countUnanswered(db) < limit
    }
    if isOpen == true { return true }
    hub.send(
      .security(
        room: nil, device: nil,
        text: """
          an invitation was declined: there are \(limit) rooms in which this account has not written. Leave some with \
          'limeade room leave' or 'limeade room forget'
          """))
    return false
  }

  // MARK: Ended

  /// The focus ended our dialog: we were removed, or the room is gone.
  func dialogEnded(_ id: DialogID) async {
    guard let address = live.first(where: { $0.value.dialog == id })?.key else { return }
    do { try await markLeft(address) } catch { hub.send(.error(room: address, text: describe(error))) }
  }

  // MARK: Leaving

  /// Leaves the room: un-SUBSCRIBE and BYE. After a restart, ours or the server's, there is no dialog to end, so one is
  /// made first.
  public func leave(_ address: String) async throws {
    guard let agent = ownDevice.agent else { throw ChatError.notConnected }
    await waitUntilResumed(address)
    if let subscription = live[address]?.subscription { await agent.unsubscribe(subscription) }
    do {
      try await inDialog(with: address) { try await agent.bye($0) }
    } catch SIPError.noSuchDialog {
      // Not known although it was made just now: over.
    } catch SIPError.refused(let status, _) where [403, 404, 481, 603].contains(status) {
      // The focus no longer counts us as a member: that is what was wanted.
    } catch { throw ChatError(from: error, during: "leaving the room") }
    live[address]?.dialog = nil
    try await markLeft(address)
  }

  func markLeft(_ address: String) async throws {
    live[address] = nil
    try await store.database.write { db in
      guard var room = try Room.fetchOne(db, key: address), room.state != .left else { return }
      room.state = .left
      try room.update(db)
      try db.execute(sql: "DELETE FROM outbox WHERE room = ?", arguments: [address])
      try db.execute(
        sql: "UPDATE message SET state = 'failed', failure = 'the room was left' WHERE room = ? AND state = 'queued'",
        arguments: [address])
    }
    await reportRoom(address)
    stateArrived(address)
  }

  /// Removes a room with its messages from this device. The focus is told, if it listens, for at most `limit`.
  public func forget(_ address: String, within limit: Duration = .seconds(5)) async throws {
    if ownDevice.agent != nil, ownDevice.isConnected {
      let leaving = Task { try? await self.leave(address) }
      await withTimeout(limit) { await leaving.value }
      leaving.cancel()
    }
    live[address] = nil
    roomOrigins.addresses = [:]
    try await store.forget(room: address)
    expiry.forgetOnDisk()
  }

  // MARK: Waiting for the first state

  func waitForState(of address: String) async throws {
    // Before the look into the database: the state may arrive during it.
    let (arrivals, waiter) = AsyncStream.makeStream(of: Void.self)
    stateWaiters[address, default: []].append(waiter)
    let isThere = { () async throws -> Bool in
      try await self.store.database.read { try Room.fetchOne($0, key: address)?.version ?? 0 } > 0
    }
    if try await isThere() { return }
    await withTimeout(Self.firstStateTimeout) { for await _ in arrivals {} }
    guard try await isThere() else { throw ChatError.noStateFromFocus(room: address) }
  }

  func stateArrived(_ address: String) {
    for waiter in stateWaiters.removeValue(forKey: address) ?? [] { waiter.finish() }
  }
}
