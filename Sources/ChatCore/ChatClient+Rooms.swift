// ChatClient+Rooms.swift: making, joining, following and leaving rooms (RFC 4579, RFC 4575; protocol/chat.md).
import Foundation
import GRDB
import MessageFormats
import SIPAgent

extension ChatClient {
  /// How long the focus may take to send the room's first state.
  static let firstStateTimeout: Duration = .seconds(15)
  static let subscriptionLifetime = 600
  /// Between the end of a subscription and the next attempt.
  static let resubscribePause: Duration = .seconds(1)

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

  /// The encrypted one-to-one room with `address`, made if absent.
  public func oneToOneRoom(with address: SIPURI, encrypted: Bool = true) async throws -> RoomSummary {
    let known = try await store.database.read { db -> RoomSummary? in
      guard let room = try RoomQueries.oneToOne(db, with: address.description, encrypted: encrypted) else { return nil }
      return try RoomQueries.summary(db, room.address)
    }
    if let known { return known }
    return try await createRoom(named: "dummy subject", members: [address], encrypted: encrypted, oneToOne: true)
  }

  /// What a user's TO means: a SIP address is the one-to-one room with that person, anything else a known room.
  public func room(for target: String) async throws -> RoomSummary {
    if target.hasPrefix("sip:") || target.hasPrefix("sips:") {
      if let known = try? await store.room(named: target, for: account.address) { return known }
      guard let address = SIPURI(target) else { throw ChatError.badInput("'\(target)' is not a SIP address") }
      guard address.gruu == nil, address[parameter: "conf-id"] == nil else {
        throw ChatError.unknownRoom(target, known: [])
      }
      return try await oneToOneRoom(with: address)
    }
    return try await store.room(named: target, for: account.address)
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

  // MARK: Following

  /// After a (re)registration: subscribes to every room we are in, from the version we know.
  func resumeRooms() async {
    let rooms = (try? await store.database.read { try RoomQueries.summaries($0) }) ?? []
    for summary in rooms where summary.room.state != .left {
      do { try await subscribe(to: summary.room) } catch {
        hub.send(.error(room: summary.room.address, text: describe(error)))
      }
    }
  }

  /// The focus tells what we missed since the version we know; all of it when `repair` is by the full state.
  private func subscribe(to room: Room, repair: GapRepair? = nil) async throws {
    guard let agent, let gruu else { throw ChatError.notConnected }
    guard let uri = SIPURI(room.address) else { return }
    if let old = live[room.address]?.subscription {
      live[room.address]?.subscription = nil
      await agent.unsubscribe(old)
    }
    let state = try await store.database.read { try Self.storedState($0, room, entity: uri) }
    live[room.address, default: LiveRoom(state: state)].state = state
    live[room.address]?.gapRepair = repair
    let version = repair == .fullState ? 0 : room.version
    do {
      let id = try await agent.subscribe(
        to: uri, from: gruu, headers: [SIPHeader("Last-Notify-Version", "\(version)")],
        expires: Self.subscriptionLifetime)
      live[room.address]?.subscription = id
      // An up-to-date subscriber gets no NOTIFY: the room is what we know.
      if room.version > 0 { stateArrived(room.address) }
    } catch let error as SIPError {
      if case .refused(let status, _) = error, status == 403 || status == 404 || status == 603 {
        try await markLeft(room.address)
      }
      throw ChatError(from: error, during: "SUBSCRIBE to \(room.subject)")
    }
  }

  /// The state as of the last NOTIFY that was stored.
  static func storedState(_ db: Database, _ room: Room, entity: SIPURI) throws -> ConferenceState {
    var state = ConferenceState(entity: entity, subject: room.subject)
    guard room.version > 0 else { return state }
    let members = try RoomQueries.participants(db, room: room.address)
    let devices = try RoomQueries.devices(db, room: room.address)
    let users = members.compactMap { member -> ConferenceInfo.User? in
      guard let address = SIPURI(member.address) else { return nil }
      let endpoints = devices.filter { $0.participant == member.address }.compactMap { SIPURI($0.gruu) }
      return ConferenceInfo.User(
        entity: address, roles: [member.isAdmin ? "admin" : "participant"],
        endpoints: endpoints.map { ConferenceInfo.Endpoint(entity: $0) })
    }
    _ = state.apply(
      ConferenceInfo(
        entity: entity, state: .full, version: room.version, subject: room.subject, ephemeralLifetime: room.lifetime,
        users: users))
    return state
  }

  func notified(_ notify: SubscriptionNotify) async {
    // By its resource, because the first NOTIFY may overtake the answer to SUBSCRIBE.
    let address = notify.resource.description
    guard live[address] != nil, !notify.body.isEmpty else { return }
    do {
      let infos = try ConferenceInfo.all(inContentType: notify.contentType, body: notify.body)
      guard var state = live[address]?.state else { return }
      for info in infos {
        let changes = state.apply(info)
        if changes.contains(where: { if case .versionGap = $0 { true } else { false } }) {
          try await repairGap(in: address)
          return
        }
      }
      live[address]?.state = state
      live[address]?.gapRepair = nil
      let merged = state
      let events = try await store.database.write { db -> [ChatEvent] in
        guard var room = try Room.fetchOne(db, key: address) else { return [] }
        let events = try RoomQueries.store(db, state: merged, room: &room)
        return try RoomQueries.summary(db, address)?.isForNotifications == true ? [] : events
      }
      for event in events { hub.send(event) }
      await reportRoom(address)
      stateArrived(address)
      wakeOutbox()
    } catch {
      hub.send(.error(room: address, text: "the room's state cannot be read: \(describe(error))"))
    }
  }

  /// A partial state is missing: asks for what we lack. The focus may lack it too (liblinphone's tells only the changes
  /// that it keeps), so a gap in the answer is repaired by the full state, and no gap by asking the same again.
  private func repairGap(in address: String) async throws {
    guard let room = try await store.database.read({ try Room.fetchOne($0, key: address) }) else { return }
    switch live[address]?.gapRepair {
    case nil: try await subscribe(to: room, repair: .missedChanges)
    case .missedChanges: try await subscribe(to: room, repair: .fullState)
    case .fullState: break
    }
  }

  /// The focus, or a refused refresh, ended the subscription. A room we are still in takes us back; one that we were
  /// removed from refuses, and is then left.
  func subscriptionEnded(_ end: SubscriptionEnd) {
    let address = end.resource.description
    guard live[address]?.subscription == end.subscription else { return }
    live[address]?.subscription = nil
    Task { [weak self] in
      try? await Task.sleep(for: Self.resubscribePause)
      await self?.resubscribe(to: address)
    }
  }

  private func resubscribe(to address: String) async {
    guard isConnected, live[address] != nil, live[address]?.subscription == nil,
      let room = try? await store.database.read({ try Room.fetchOne($0, key: address) }), room.state != .left
    else { return }
    do { try await subscribe(to: room) } catch { hub.send(.error(room: address, text: describe(error))) }
  }

  /// The focus ended our dialog: we were removed, or the room is gone.
  func dialogEnded(_ id: DialogID) async {
    guard let address = live.first(where: { $0.value.dialog == id })?.key else { return }
    do { try await markLeft(address) } catch { hub.send(.error(room: address, text: describe(error))) }
  }

  // MARK: Leaving

  /// Leaves the room: un-SUBSCRIBE and BYE. After a restart there is no dialog to end, so one is made first; after one
  /// of the server there is none that it knows, but it has us in the room still.
  public func leave(_ address: String) async throws {
    guard let agent else { throw ChatError.notConnected }
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

  private func markLeft(_ address: String) async throws {
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

  private func stateArrived(_ address: String) {
    for waiter in stateWaiters.removeValue(forKey: address) ?? [] { waiter.finish() }
  }
}
