// ChatClient+Rooms.swift: making, joining and leaving rooms (RFC 4579; protocol/chat.md).
import Foundation
import GRDB
import MessageFormats
import SIPAgent

extension ChatClient {
  /// How long the focus may take to send the room's first state.
  static let firstStateTimeout: Duration = .seconds(15)

  // MARK: Making

  /// Makes a room through the conference factory and waits for its first state.
  /// - Returns: the room with its members.
  public func createRoom(
    named subject: String, members: [SIPURI], encrypted: Bool = true, oneToOne: Bool = false
  ) async throws -> RoomSummary {
    guard let agent else { throw ChatError.notConnected }
    if encrypted, keyServer == nil { throw ChatError.noKeyServer }
    let others = members.filter { $0 != account.address }
    guard !others.isEmpty else { throw ChatError.badInput("a room needs at least one other member") }
    try Self.requireName(subject)

    let body = ResourceList(others).serialized
    let headers =
      [
        SIPHeader("Subject", subject), SIPHeader("Require", "recipient-list-invite"),
        SIPHeader("Content-Disposition", "recipient-list"),
      ] + (encrypted ? [SIPHeader("End-To-End-Encrypted", "true")] : [])
      + (oneToOne ? [SIPHeader("One-To-One-Chat-Room", "true")] : [])
    func invite(_ target: SIPURI) async throws -> InviteResult {
      do {
        return try await agent.invite(
          target, headers: headers, contentType: ContentType.resourceLists.description, body: body)
      } catch { throw ChatError(from: error, during: "INVITE \(target)") }
    }

    // The factory answers 302 with the room's address; the room then wants an INVITE of its own (new Call-ID and To),
    // else Flexisip makes another room each time.
    let factory = account.conferenceFactory
    let address: SIPURI
    switch try await invite(factory) {
    case .moved(let contact): address = contact.uri
    case .established(let dialog):
      try? await agent.bye(dialog.id)
      throw ChatError.factoryDidNotRedirect(factory: factory.description, status: 200)
    }
    guard case .established(let dialog) = try await invite(address) else {
      throw ChatError.factoryDidNotRedirect(factory: address.description, status: 302)
    }
    let room = try await store.database.write { db in
      try RoomQueries.join(
        db, address: address.description, subject: subject, encrypted: encrypted, oneToOne: oneToOne, now: Date())
    }
    live[room.address, default: LiveRoom(state: ConferenceState(entity: address))].dialog = dialog.id
    try await subscribe(to: room)
    try await waitForState(of: room.address)
    guard let summary = try await store.database.read({ try RoomQueries.summary($0, room.address) }) else {
      throw ChatError.noStateFromFocus(room: subject)
    }
    return summary
  }

  /// A room without a name could not be told from others in a list, nor be opened by it.
  static func requireName(_ name: String) throws(ChatError) {
    guard name.contains(where: { !$0.isWhitespace }) else { throw .badInput("a room needs a name") }
  }

  /// The encrypted one-to-one room with `address`, made if absent.
  public func oneToOneRoom(with address: SIPURI, encrypted: Bool = true) async throws -> RoomSummary {
    let known = try await store.database.read { db -> RoomSummary? in
      guard let room = try RoomQueries.oneToOne(db, with: address.description, encrypted: encrypted) else { return nil }
      return try RoomQueries.summary(db, room.address)
    }
    if let known { return known }
    return try await createRoom(named: "dummy subject", members: [address], encrypted: encrypted, oneToOne: true)
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
    guard let agent else { return }
    guard invitation.contact?.has(parameter: "isfocus") == true else {
      // Only rooms call us: this is a chat client.
      await agent.reject(invitation, status: 488)
      return
    }
    let address = invitation.from.uri.description
    let isEncrypted = invitation.headers["End-To-End-Encrypted"]?.lowercased() == "true"
    let isOneToOne = invitation.headers["One-To-One-Chat-Room"]?.lowercased() == "true"
    roomsToResume.drop(address)
    do {
      let room = try await store.database.write { db in
        try RoomQueries.join(
          db, address: address, subject: invitation.headers["Subject"] ?? "", encrypted: isEncrypted,
          oneToOne: isOneToOne, now: Date())
      }
      try await agent.accept(invitation)
      live[address, default: LiveRoom(state: ConferenceState(entity: invitation.from.uri))].dialog = invitation.dialog
      try await subscribe(to: room)
    } catch {
      hub.send(.error(room: address, text: "an invitation could not be taken up: \(describe(error))"))
    }
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
    guard let agent else { throw ChatError.notConnected }
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

  // MARK: Waiting for the first state

  private func waitForState(of address: String) async throws {
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
