// RoomFollower.swift: keeping up with the state of the rooms we are in (RFC 4575, RFC 6665)
import Foundation
import GRDB
import MessageFormats
import SIPAgent

/// Subscribes to rooms, and stores what the focus tells of them.
@ChatActor final class RoomFollower {
  private static let subscriptionLifetime = 600
  /// Between the end of a subscription and the next attempt.
  private static let resubscribePause: Duration = .seconds(1)
  /// How long the focus may take to send the room's first state.
  private static let firstStateTimeout: Duration = .seconds(15)

  /// What only lives as long as the connection.
  private struct LiveRoom {
    var dialog: DialogID?
    var subscription: SubscriptionID?
    var state: ConferenceState
    /// Devices that left since the state was stored.
    var departed: [Device] = []
    /// What happened since then.
    var events: [RoomEvent] = []
    /// How devices went, by the last notification.
    var partings: [SIPURI: ConferenceInfo.Parting] = [:]
    /// What was asked for when a version was missed, until a state fits again.
    var gapRepair: GapRepair?
  }
  private enum GapRepair { case missedChanges, fullState }

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let contactLog: ContactLog
  private let origins: RoomOrigins
  /// Told of rooms whose state is stored.
  private let stored: @ChatActor ([String]) async -> Void
  private var live: [String: LiveRoom] = [:]
  private var stateWaiters: [String: [AsyncStream<Void>.Continuation]] = [:]
  /// What this account is doing, by room.
  private var ownActions: [String: Set<OwnAction>] = [:]

  init(
    _ context: ChatContext, _ ownDevice: OwnDevice, _ contactLog: ContactLog, _ origins: RoomOrigins,
    stored: @escaping @ChatActor ([String]) async -> Void
  ) {
    (self.context, self.ownDevice, self.contactLog, self.origins) = (context, ownDevice, contactLog, origins)
    self.stored = stored
  }

  func disconnected() {
    live = live.mapValues { LiveRoom(dialog: nil, subscription: nil, state: $0.state) }
  }

  // MARK: Subscribing

  /// The focus tells what we missed since the version we know.
  func subscribe(to room: Room) async throws { try await subscribe(to: room, repair: nil) }

  /// - Parameters:
  ///   - repair: by the full state, the focus tells all of it.
  ///   - isFollowed: up to a moment ago the focus told us all that happened.
  private func subscribe(to room: Room, repair: GapRepair?, isFollowed: Bool = false) async throws {
    guard let agent = ownDevice.agent, let gruu = ownDevice.gruu else { throw ChatError.notConnected }
    guard let uri = SIPURI(room.address) else { return }
    if let old = live[room.address]?.subscription {
      live[room.address]?.subscription = nil
      await agent.unsubscribe(old)
    }
    try await recall(room, entity: uri)
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
      if case .refused(let status, _) = error, let end = RoomEnd(refusal: status) {
        try await dropUnentered(room.address)
        try await markLeft(room.address, end == .refused && isFollowed ? .dialogEnded : end)
        // We were in it, and were taken out while we were away: the room's event says so.
        if room.version > 0 { return }
      }
      let name = try? await context.store.database.read { try RoomQueries.name($0, of: room) }
      throw ChatError(from: error, during: "entering the room \(name ?? room.subject)")
    }
  }

  /// From here on the state is that of the last NOTIFY that was stored.
  func recall(_ room: Room, entity: SIPURI) async throws {
    let state = try await context.store.database.read { try Self.storedState($0, room, entity: entity) }
    live[room.address, default: LiveRoom(state: state)].state = state
  }

  private nonisolated static func storedState(_ db: Database, _ room: Room, entity: SIPURI) throws -> ConferenceState {
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
        ephemeralUnreadLifetime: room.unreadLifetime ?? 0, users: users))
    return state
  }

  /// Takes NOTIFYs over in order, and stores what came of them in one commit.
  func notified(_ notifies: [SubscriptionNotify]) async {
    var changed: [String] = []
    for notify in notifies {
      // By its resource, because the first NOTIFY may overtake the answer to SUBSCRIBE.
      let address = notify.resource.description
      guard var state = live[address]?.state, !notify.body.isEmpty else { continue }
      do {
        let infos = try ConferenceInfo.all(inContentType: notify.contentType, body: notify.body)
        var refused: [(device: SIPURI, user: SIPURI)] = []
        var (events, partings): ([RoomEvent], [SIPURI: ConferenceInfo.Parting]) = ([], live[address]?.partings ?? [:])
        let isComplete = infos.allSatisfy { info in
          let before = state
          let changes = state.apply(info)
          for change in changes {
            switch change {
            case .versionGap: return false
            case .deviceRefused(let device, let user): refused.append((device, user))
            case .deviceRemoved(let device, let user):
              live[address]?.departed.append(
                Device(room: address, participant: user.description, gruu: device.description))
            default: break
            }
          }
          let step = step(from: before, to: state, info, partings, in: address)
          events += self.events(of: step, changes, in: address)
          partings = step.ownPartings
          return true
        }
        for (device, user) in refused { origins.reportForeignDevice(device, of: user, in: address) }
        guard isComplete else {
          // What is asked for follows what is stored.
          await storeStates(of: changed)
          changed = []
          try await repairGap(in: address)
          continue
        }
        live[address]?.state = state
        live[address]?.gapRepair = nil
        live[address]?.events += events
        live[address]?.partings = partings
        if state.hasEnded {
          await storeStates(of: changed)
          changed = []
          try await markLeft(address, .ended)
          continue
        }
        if !changed.contains(address) { changed.append(address) }
      } catch {
        context.complain("the room's state cannot be read: ", of: error, in: address)
      }
    }
    await storeStates(of: changed)
  }

  private func step(
    from before: ConferenceState, to after: ConferenceState, _ info: ConferenceInfo,
    _ partings: [SIPURI: ConferenceInfo.Parting], in address: String
  ) -> RoomStep {
    RoomStep(
      before: before, after: after, info: info, partings: partings, account: context.account.address,
      ownActions: ownActions[address] ?? [])
  }

  /// At the time that the focus gives, where a message could have been written then (Flexisip has it in `free-text`).
  private func events(of step: RoomStep, _ changes: [ConferenceChange], in address: String) -> [RoomEvent] {
    let now = Date()
    let place = MessagePlace(
      claimed: step.info.changedAt, arrival: contactLog.arrival(at: now, mayWait: false))
    return step.events(in: address, at: place.time, receivedAt: now, changes: changes)
  }

  /// While `body` runs, changes of the room's state that fit the action are this account's.
  func doing<Value>(_ action: OwnAction, in room: String, _ body: () async throws -> Value) async rethrows -> Value {
    ownActions[room, default: []].insert(action)
    defer {
      ownActions[room]?.remove(action)
      if ownActions[room]?.isEmpty == true { ownActions[room] = nil }
    }
    return try await body()
  }

  private func storeStates(of rooms: [String]) async {
    let states = rooms.compactMap { address in live[address].map { (address, $0.state) } }
    guard !states.isEmpty else { return }
    // Also those that came and went while we were away.
    let departed = rooms.flatMap { live[$0]?.departed ?? [] }
    let happened = rooms.flatMap { live[$0]?.events ?? [] }
    for address in rooms {
      live[address]?.departed = []
      live[address]?.events = []
    }
    let account = context.account.address
    do {
      let results = try await context.store.database.write { db in
        try states.map { address, state -> (events: [ChatEvent], summary: RoomSummary?) in
          guard var room = try Room.fetchOne(db, key: address) else { return ([], nil) }
          for device in departed where device.room == address { try FormerDevice.record(db, device, at: Date()) }
          var news = try RoomEvent.welcome(db, to: room, state: state, account: account).map { [$0] } ?? []
          for var event in happened where event.room == address && !room.isOneToOne {
            try event.record(db)
            news.append(event)
          }
          let events = try RoomQueries.store(db, state: state, room: &room)
          return (events + news.map { .roomEvent($0) }, try RoomQueries.summary(db, address))
        }
      }
      for (events, summary) in results {
        guard let summary, !summary.isForNotifications else { continue }
        for event in events { context.hub.send(event) }
        context.report(summary)
      }
    } catch {
      for (address, _) in states {
        context.complain("the room's state cannot be stored: ", of: error, in: address)
      }
    }
    for address in rooms { stateArrived(address) }
    await stored(rooms)
  }

  /// A partial state is missing: asks for what we lack. The focus may lack it too (liblinphone's tells only the changes
  /// that it keeps), so a gap in the answer is repaired by the full state, and no gap by asking the same again.
  private func repairGap(in address: String) async throws {
    guard let room = try await context.store.database.read({ try Room.fetchOne($0, key: address) }) else { return }
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
    guard ownDevice.isConnected, live[address] != nil, live[address]?.subscription == nil,
      let room = try? await context.store.database.read({ try Room.fetchOne($0, key: address) }), room.state != .left
    else { return }
    do { try await subscribe(to: room, repair: nil, isFollowed: true) } catch {
      context.complain(of: error, in: address)
    }
  }

  /// A NOTIFY may have been lost.
  func askForState(of address: String) async {
    guard ownDevice.isConnected, live[address]?.subscription != nil, live[address]?.gapRepair == nil,
      let room = try? await context.store.database.read({ try Room.find($0, address) }), room.state == .active
    else { return }
    do { try await subscribe(to: room, repair: .missedChanges) } catch {
      context.logger.notice("\(address) was asked for its state: \(context.describe(error))")
    }
  }

  /// Of all members, as far as the room is followed.
  func deviceCount(of address: String) -> Int {
    live[address]?.state.participants.reduce(0) { $0 + $1.devices.count } ?? 0
  }

  // MARK: Dialogs

  /// The INVITE to or from the room's focus was accepted.
  func opened(_ dialog: DialogID, with address: String, entity: SIPURI) {
    live[address, default: LiveRoom(state: ConferenceState(entity: entity))].dialog = dialog
  }

  func opened(_ dialog: DialogID, withKnown address: String) { live[address]?.dialog = dialog }

  func dialog(with address: String) -> DialogID? { live[address]?.dialog }

  func closedDialog(with address: String) { live[address]?.dialog = nil }

  /// The focus ended our dialog: we were removed, or the room is gone.
  func dialogEnded(_ id: DialogID) async {
    guard let address = live.first(where: { $0.value.dialog == id })?.key else { return }
    do { try await markLeft(address, .dialogEnded) } catch { context.complain(of: error, in: address) }
  }

  // MARK: Leaving

  func unsubscribe(from address: String) async {
    if let subscription = live[address]?.subscription { await ownDevice.agent?.unsubscribe(subscription) }
  }

  func markLeft(_ address: String, _ end: RoomEnd) async throws {
    let end = ownActions[address]?.contains(.leaving) == true ? .leaving : end
    let account = context.account.address
    live[address] = nil
    let event = try await context.store.database.write { db -> RoomEvent? in
      guard var room = try Room.fetchOne(db, key: address), room.state != .left else { return nil }
      var event = try end.event(db, room, account: account)
      try event.record(db)
      room.state = .left
      try room.update(db)
      try db.execute(sql: "DELETE FROM outbox WHERE room = ?", arguments: [address])
      try db.execute(
        sql: "UPDATE message SET state = 'failed', failure = 'the room was left' WHERE room = ? AND state = 'queued'",
        arguments: [address])
      return event
    }
    if let event {
      context.hub.send(.roomEvent(event))
      await context.reportRoom(address)
    }
    stateArrived(address)
  }

  /// Removes a room that we asked for and never came into.
  func dropUnentered(_ address: String) async throws {
    forget(address)
    try await context.store.database.write { db in
      let sql = """
        DELETE FROM room WHERE address = ? AND version = 0 AND NOT EXISTS (SELECT 1 FROM message WHERE room = address)
        """
      try db.execute(sql: sql, arguments: [address])
    }
  }

  func forget(_ address: String) {
    live[address] = nil
    origins.forgetAddresses()
  }

  // MARK: Waiting for the first state

  func waitForState(of address: String) async throws {
    // Before the look into the database: the state may arrive during it.
    let (arrivals, waiter) = AsyncStream.makeStream(of: Void.self)
    stateWaiters[address, default: []].append(waiter)
    let isThere = { () async throws -> Bool in
      try await self.context.store.database.read { try Room.fetchOne($0, key: address)?.version ?? 0 } > 0
    }
    if try await isThere() { return }
    await withTimeout(Self.firstStateTimeout) { for await _ in arrivals {} }
    guard try await isThere() else { throw ChatError.noStateFromFocus(room: address) }
  }

  private func stateArrived(_ address: String) {
    for waiter in stateWaiters.removeValue(forKey: address) ?? [] { waiter.finish() }
  }
}
