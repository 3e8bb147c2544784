// RoomWatch.swift: the lasting check: two devices and one room that are kept, and a text each way in every round
import ChatCore
import Foundation
import Logging
import ServerConnection

/// Quiet enough for a server in use: nothing is made anew while it works.
public actor RoomWatch {
  /// What our devices send in a round at most: two texts, each perhaps twice and perhaps challenged, their receipts, and
  /// a share of the registrations.
  public static let requestsPerRound = 16
  /// Further ones when devices and room have to be made.
  public static let requestsToSetUp = 40
  /// A minute, without those.
  public static let budget = 60
  /// Between the beginnings of two rounds, in seconds.
  public static let shortestInterval = Double(requestsPerRound * 60 / budget)

  /// A room whose texts fail so often one after the other is given up for a new one.
  private static let failuresOfRoom = 3
  private static let subject = "limeade check --watch"

  private let account: AccountConfiguration
  private let other: AccountConfiguration
  private let timeouts: LiveCheck.Timeouts
  private let setUpPause: Duration
  private let logger: Logger
  private let trace: WireTrace?
  private let ranking: CauseRanking
  private let causes: CheckCauses
  private let isEncrypted: Bool

  private var here: Side?
  private var there: Side?
  private var room: String?
  private var lastSetUp: ContinuousClock.Instant?
  private var failures = 0
  private var summary: CheckSummary

  /// A device and what it heard since the round began.
  private struct Side {
    var device: VisitingDevice
    var events: RecentEvents
  }

  /// - Parameters:
  ///   - account: makes the room.
  ///   - other: is invited.
  ///   - conf: the server's configuration, to point at its lines.
  ///   - setUpPause: between two new rooms.
  public init(
    account: AccountConfiguration, other: AccountConfiguration, conf: FlexisipConf? = nil,
    findings: [ConfFinding] = [], timeouts: LiveCheck.Timeouts = LiveCheck.Timeouts(),
    setUpPause: Duration = .seconds(300), trace: WireTrace? = nil, logger: Logger
  ) {
    self.setUpPause = setUpPause
    (self.account, self.other, self.timeouts, self.trace, self.logger) = (account, other, timeouts, trace, logger)
    ranking = CauseRanking(conf: conf, findings: findings)
    causes = CheckCauses(
      domain: account.address.host, factory: account.conferenceFactory,
      proxy: account.outboundProxy ?? account.address)
    isEncrypted = account.keyServer != nil && other.keyServer != nil
    summary = CheckSummary(account: account.address.description)
  }

  /// One round. A cancelled one ends early.
  public func round() async -> CheckSummary {
    summary = CheckSummary(account: account.address.description)
    let start = ContinuousClock.now
    await tryRound()
    summary.seconds = Self.seconds(since: start)
    return summary
  }

  /// Leaves the room and takes the devices away.
  /// - Returns: what is left behind.
  public func end() async -> [String] {
    var left: [String] = []
    for side in [there, here].compactMap({ $0 }) {
      left += await side.device.remove(leaving: room.map { [$0] } ?? [], within: min(timeouts.answer, 5))
    }
    (here, there, room) = (nil, nil, nil)
    return left
  }

  // MARK: A round

  private var textSteps: [CheckStep] {
    isEncrypted ? [.encryptedMessage, .notification, .encryptedReply] : [.message, .notification, .reply]
  }

  private func tryRound() async {
    here?.events.clear()
    there?.events.clear()
    let roomStep: CheckStep = isEncrypted ? .encryptedRoom : .roomInvite
    guard await passes(.devices, startDevices), let here, let there else {
      return notTried([roomStep] + textSteps, "a device is not online")
    }
    guard await passes(roomStep, { try await self.keepRoom(here, there) }), let room else {
      return notTried(textSteps, "there is no room")
    }
    var sent: String?
    let arrives = await passes(textSteps[0]) {
      let result = try await self.send(to: room, from: here, to: there)
      sent = result.id
      return result.seen
    }
    if arrives, let sent {
      _ = await passes(.notification) { try await self.awaitDelivery(of: sent, here, by: there) }
      _ = await passes(textSteps[2]) { try await self.send(to: room, from: there, to: here).seen }
    } else {
      notTried(Array(textSteps.dropFirst()), "the text did not arrive")
    }
    failures = summary.count(.failed) == 0 ? 0 : failures + 1
    if failures >= Self.failuresOfRoom, mayRenew { await giveRoomUp(here, there) }
  }

  private var mayRenew: Bool { lastSetUp.map { .now - $0 >= setUpPause } ?? true }

  private func startDevices() async throws -> String {
    if here == nil || there == nil {
      for side in [here, there].compactMap({ $0 }) { _ = await side.device.remove(leaving: [], within: 2) }
      (here, there) = (nil, nil)
      let (first, second) = (try makeSide(account), try makeSide(other))
      for (index, side) in [first, second].enumerated() {
        do { try await capped(timeouts.arrival) { try await side.device.start() } } catch {
          for made in [first, second] { _ = await made.device.remove(leaving: [], within: 2) }
          let wrong =
            switch error {
            case ChatError.wrongCredentials, ChatError.otherRealm: true
            default: false
            }
          throw LiveCheck.StepFailure(
            "\(side.device.address): \(LiveCheck.text(of: error))",
            wrong && index == 0 ? causes.wrongPassword() : causes.noRegistrar())
        }
      }
      (here, there) = (first, second)
    }
    for side in [here, there].compactMap({ $0 }) {
      // A connection that has just been lost may be back in a moment.
      guard await eventually(within: timeouts.answer, { await side.device.client.isConnected }) else {
        throw LiveCheck.StepFailure(
          "\(side.device.address) is offline" + (side.events.offlineReason.map { ": \($0)" } ?? ""),
          causes.noRegistrar())
      }
    }
    return "\(account.address) and \(other.address)"
  }

  private func makeSide(_ account: AccountConfiguration) throws -> Side {
    let events = RecentEvents()
    return Side(
      device: try VisitingDevice(account, logger: logger, trace: trace) { events.take($0) }, events: events)
  }

  // MARK: The room

  private func keepRoom(_ here: Side, _ there: Side) async throws -> String {
    if let room {
      let stored = (try? await here.device.client.rooms())?.first { $0.room.address == room }
      if stored?.room.state != .left { return "kept: \(room)" }
      self.room = nil
    }
    guard mayRenew else { throw LiveCheck.StepFailure("the room is over; a new one is made later", []) }
    lastSetUp = .now
    let member = other.address
    let isEncrypted = self.isEncrypted
    let made: RoomSummary
    do {
      made = try await capped(timeouts.answer * 2 + timeouts.arrival) {
        try await here.device.client.createRoom(named: Self.subject, members: [member], encrypted: isEncrypted)
      }
    } catch {
      throw LiveCheck.StepFailure(LiveCheck.text(of: error), causes.brokenFactory(status: nil))
    }
    let address = made.room.address
    room = address
    failures = 0
    guard let device = await there.device.client.device else { throw LiveCheck.StepFailure("offline", []) }
    let isIn = await eventually(within: timeouts.arrival) {
      let comes = there.events.contains {
        if case .room(let room, _) = $0 { room.room.address == address } else { false }
      }
      let listed = here.events.contains {
        if case .device(address, _, device, .added) = $0 { true } else { false }
      }
      return comes && listed
    }
    guard isIn else {
      throw LiveCheck.StepFailure("\(device) does not come into the room", causes.notInvited(other.address))
    }
    return address
  }

  private func giveRoomUp(_ here: Side, _ there: Side) async {
    guard let room else { return }
    for side in [there, here] {
      try? await capped(timeouts.answer) { try await side.device.client.leave(room) }
    }
    self.room = nil
  }

  // MARK: Texts

  private func send(to room: String, from sender: Side, to receiver: Side) async throws -> (id: String, seen: String) {
    let text = "limeade check: watch \(UUID().uuidString.prefix(8))"
    var ids: [String] = []
    // The first one after a device came back may be held until its next REGISTER (Flexisip 2.2.0).
    for _ in 0..<2 {
      ids.append(try await sender.device.client.send(text, to: room).messageID)
      let sent = ids
      let arrived = await found(in: receiver, within: timeouts.arrival / 2) { event -> Message? in
        if case .message(let message) = event, sent.contains(message.messageID) { message } else { nil }
      }
      guard let arrived else { continue }
      guard arrived.state == .received, arrived.text == text, arrived.isEncrypted == isEncrypted else {
        throw LiveCheck.StepFailure("it cannot be read: \(arrived.failure ?? "other text")", causes.undecryptable)
      }
      return (arrived.messageID, ids.count == 1 ? "arrived" : "arrived, the second of two")
    }
    throw LiveCheck.StepFailure("\(receiver.device.address) got nothing", causes.noMessage(somePass: failures == 0))
  }

  private func awaitDelivery(of id: String, _ sender: Side, by receiver: Side) async throws -> String {
    let address = receiver.device.address
    let state = await found(in: sender, within: timeouts.arrival) { event -> Delivery.State? in
      if case .delivery(_, id, address, let state, _, _) = event { state } else { nil }
    }
    guard let state, state >= .delivered else {
      throw LiveCheck.StepFailure(
        state.map { "\(address) reports: \($0.rawValue)" } ?? "no notification (IMDN) of \(address) came back",
        causes.noMessage(somePass: true))
    }
    return "\(address) reports: \(state.rawValue)"
  }

  private func found<Value: Sendable>(
    in side: Side, within seconds: Double, _ pick: @Sendable (ChatEvent) -> Value?
  ) async -> Value? {
    var value: Value?
    _ = await eventually(within: seconds) {
      value = side.events.first(pick)
      return value != nil
    }
    return value
  }

  private func eventually(within seconds: Double, _ isSo: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while !Task.isCancelled {
      if await isSo() { return true }
      guard ContinuousClock.now < end else { return false }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  // MARK: Steps

  private func passes(_ step: CheckStep, _ body: () async throws -> String) async -> Bool {
    let start = ContinuousClock.now
    let place = trace?.position ?? 0
    do {
      let seen = try await body()
      summary.results.append(
        CheckResult(step: step, outcome: .passed, seconds: Self.seconds(since: start), seen: seen, causes: []))
      return true
    } catch {
      let failure = error as? LiveCheck.StepFailure ?? LiveCheck.StepFailure(LiveCheck.text(of: error), [])
      var result = CheckResult(
        step: step, outcome: .failed, seconds: Self.seconds(since: start), seen: failure.seen,
        causes: ranking.rank(failure.causes, isFlexisips: step.isFlexisips))
      result.traceLine = trace?.placeOfFailure(since: place)
      summary.results.append(result)
      return false
    }
  }

  private func notTried(_ steps: [CheckStep], _ reason: String) {
    for step in steps {
      summary.results.append(CheckResult(step: step, outcome: .notTried, seconds: 0, seen: reason, causes: []))
    }
  }

  private static func seconds(since start: ContinuousClock.Instant) -> Double {
    let elapsed = start.duration(to: .now).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
  }
}

/// What a device was told since the round began.
///
/// `@unchecked Sendable`: `events` and `reason` are only touched under `lock`.
private final class RecentEvents: @unchecked Sendable {
  /// The oldest give way: a round waits for few.
  private static let most = 1000

  private let lock = NSLock()
  private var events: [ChatEvent] = []
  private var reason: String?

  func take(_ event: ChatEvent) {
    lock.withLock {
      if case .connection(let connection) = event {
        if case .offline(let text) = connection { reason = text } else if case .registered = connection { reason = nil }
      }
      events.append(event)
      if events.count > Self.most { events.removeFirst(Self.most / 2) }
    }
  }

  var offlineReason: String? { lock.withLock { reason } }
  func clear() { lock.withLock { events = [] } }
  func contains(_ isSo: (ChatEvent) -> Bool) -> Bool { lock.withLock { events }.contains(where: isSo) }
  func first<Value>(_ pick: (ChatEvent) -> Value?) -> Value? {
    for event in lock.withLock({ events }) { if let value = pick(event) { return value } }
    return nil
  }
}
