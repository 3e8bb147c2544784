// ChatClient+Following.swift: keeping up with the state of the rooms we are in (RFC 4575, RFC 6665)
import Foundation
import GRDB
import MessageFormats
import SIPAgent

/// Rooms that are taken up again after a registration.
struct RoomsToResume {
  /// Those that wait, the last one first.
  private var queue: [String] = []
  private var waiting: Set<String> = []
  private var underWay: Set<String> = []
  var waiters: [String: [CheckedContinuation<Void, Never>]] = [:]

  init(_ addresses: [String] = []) {
    queue = addresses.reversed()
    waiting = Set(addresses)
  }

  mutating func next() -> String? {
    while let address = queue.popLast() { if take(address) { return address } }
    return nil
  }

  /// False when the room does not wait.
  mutating func take(_ address: String) -> Bool {
    guard waiting.remove(address) != nil else { return false }
    underWay.insert(address)
    return true
  }

  /// Somebody else takes the room up.
  mutating func drop(_ address: String) { waiting.remove(address) }

  func isUnderWay(_ address: String) -> Bool { underWay.contains(address) }

  mutating func finish(_ address: String) {
    underWay.remove(address)
    for waiter in waiters.removeValue(forKey: address) ?? [] { waiter.resume() }
  }
}

extension ChatClient {
  nonisolated static let subscriptionLifetime = 600
  /// Between the end of a subscription and the next attempt.
  nonisolated static let resubscribePause: Duration = .seconds(1)
  /// SUBSCRIBEs that are under way at a time when rooms are taken up again.
  nonisolated static let resumedAtOnce = 16

  /// After a (re)registration: subscribes to every room we are in, from the version we know. Returns at once; some
  /// rooms at a time, and in front of all others those that something is to be sent to.
  func resumeRooms() async {
    let sql = """
      SELECT address FROM room WHERE state <> 'left'
      ORDER BY address IN (SELECT room FROM outbox) DESC, lastActivity DESC, address
      """
    let addresses = (try? await store.database.read { try String.fetchAll($0, sql: sql) }) ?? []
    guard ownDevice.isConnected else { return }
    resumption?.cancel()
    let waiters = roomsToResume.waiters.values.joined()
    roomsToResume = RoomsToResume(addresses)
    // They wait for the new attempt.
    for waiter in waiters { waiter.resume() }
    resumption = Task { [weak self] in
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<Self.resumedAtOnce {
          group.addTask { while !Task.isCancelled, await self?.resumeNext() == true {} }
        }
      }
    }
  }

  /// - Returns: whether there was a room left.
  private func resumeNext() async -> Bool {
    guard ownDevice.isConnected, let address = roomsToResume.next() else { return false }
    await resume(address)
    return true
  }

  /// Before something is done in a room: takes up the room out of its turn if it is not yet, so that what is sent goes
  /// to the members of today.
  func waitUntilResumed(_ address: String) async {
    while true {
      if roomsToResume.take(address) { return await resume(address) }
      guard roomsToResume.isUnderWay(address) else { return }
      await withCheckedContinuation { roomsToResume.waiters[address, default: []].append($0) }
    }
  }

  private func resume(_ address: String) async {
    do {
      if let room = try await store.database.read({ try Room.fetchOne($0, key: address) }), room.state != .left {
        try requireOurs(address)
        try await subscribe(to: room)
      }
    } catch { if ownDevice.isConnected { hub.send(.error(room: address, text: describe(error))) } }
    roomsToResume.finish(address)
  }

  /// The focus tells what we missed since the version we know; all of it when `repair` is by the full state.
  func subscribe(to room: Room, repair: GapRepair? = nil) async throws {
    guard let agent = ownDevice.agent, let gruu = ownDevice.gruu else { throw ChatError.notConnected }
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
        try await dropUnentered(room.address)
        try await markLeft(room.address)
      }
      throw ChatError(from: error, during: "SUBSCRIBE to \(room.subject)")
    }
  }

  /// The state as of the last NOTIFY that was stored.
  nonisolated static func storedState(_ db: Database, _ room: Room, entity: SIPURI) throws -> ConferenceState {
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
        let isComplete = infos.allSatisfy { info in
          state.apply(info).allSatisfy { change in
            switch change {
            case .versionGap: return false
            case .deviceRefused(let device, let user): refused.append((device, user))
            case .deviceRemoved(let device, let user):
              live[address]?.departed.append(
                Device(room: address, participant: user.description, gruu: device.description))
            default: break
            }
            return true
          }
        }
        for (device, user) in refused { reportForeignDevice(device, of: user, in: address) }
        guard isComplete else {
          // What is asked for follows what is stored.
          await storeStates(of: changed)
          changed = []
          try await repairGap(in: address)
          continue
        }
        live[address]?.state = state
        live[address]?.gapRepair = nil
        if state.hasEnded {
          await storeStates(of: changed)
          changed = []
          try await markLeft(address)
          continue
        }
        if !changed.contains(address) { changed.append(address) }
      } catch { hub.send(.error(room: address, text: "the room's state cannot be read: \(describe(error))")) }
    }
    await storeStates(of: changed)
  }

  /// A conference server that gives somebody a device at another address is in error, or wants to read along.
  private func reportForeignDevice(_ device: SIPURI, of user: SIPURI, in room: String) {
    let key = "\(room) \(device.deviceKey)"
    guard roomOrigins.reported.count < RoomOrigins.maximumReported, roomOrigins.reported.insert(key).inserted else {
      return
    }
    hub.send(
      .security(
        room: room, device: device.description,
        text: """
          the conference server says that \(device) is a device of \(user), whose address it does not have: an attack, \
          or a fault of the server. Nothing is encrypted to it and nothing from it counts
          """))
  }

  private func storeStates(of rooms: [String]) async {
    let states = rooms.compactMap { address in live[address].map { (address, $0.state) } }
    guard !states.isEmpty else { return }
    // Also those that came and went while we were away.
    let departed = rooms.flatMap { live[$0]?.departed ?? [] }
    for address in rooms { live[address]?.departed = [] }
    do {
      let results = try await store.database.write { db in
        try states.map { address, state -> (events: [ChatEvent], summary: RoomSummary?) in
          guard var room = try Room.fetchOne(db, key: address) else { return ([], nil) }
          for device in departed where device.room == address { try FormerDevice.record(db, device, at: Date()) }
          let events = try RoomQueries.store(db, state: state, room: &room)
          return (events, try RoomQueries.summary(db, address))
        }
      }
      for (events, summary) in results {
        guard let summary, !summary.isForNotifications else { continue }
        for event in events { hub.send(event) }
        context.report(summary)
      }
    } catch {
      for (address, _) in states {
        hub.send(.error(room: address, text: "the room's state cannot be stored: \(describe(error))"))
      }
    }
    for address in rooms {
      stateArrived(address)
      // A device that is held may have gone.
      heldRooms[address] = nil
    }
    await release(heldFor: rooms)
    wakeOutbox()
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
    guard ownDevice.isConnected, live[address] != nil, live[address]?.subscription == nil,
      let room = try? await store.database.read({ try Room.fetchOne($0, key: address) }), room.state != .left
    else { return }
    do { try await subscribe(to: room) } catch { hub.send(.error(room: address, text: describe(error))) }
  }
}
