// LoadRun.swift: many accounts of one program write in rooms at a given rate, whether the answers come or not
import ChatCore
import FlexisipCheck
import Foundation
import Logging
import ServerConnection

/// One run: devices come, rooms are made, texts are sent, and everything is taken away again.
public actor LoadRun {
  /// How far the run is.
  public enum Progress: Sendable {
    case devices(Int, of: Int)
    case rooms(Int, of: Int)
    case second(LoadSecond)
    case cleaning
  }

  private static let devicesAtOnce = 8
  private static let roomsAtOnce = 4
  /// Texts that tell whether too many get lost.
  private static let leastToJudge = 20
  /// Texts under way at which it stops.
  private static let mostWaiting = 20_000

  private struct Room: Sendable {
    var address: String
    var members: [Int]
  }

  private let plan: LoadPlan
  private let accounts: [AccountConfiguration]
  private let logger: Logger
  private let trace: WireTrace?
  private let report: @Sendable (Progress) -> Void
  private let run = String(UUID().uuidString.prefix(8))
  private let folder: URL
  private let ledger: TextLedger
  /// For the texts by which a room shows that it works.
  private let trials: TextLedger
  private var devices: [Int: VisitingDevice] = [:]
  private var rooms: [Room] = []
  private var result: LoadResult
  private let stopping = StopSign()

  /// - Parameter report: hears how far it is.
  public init(
    _ plan: LoadPlan, accounts: [AccountConfiguration], trace: WireTrace? = nil, logger: Logger,
    report: @escaping @Sendable (Progress) -> Void
  ) {
    (self.plan, self.accounts, self.trace, self.logger, self.report) = (plan, accounts, trace, logger, report)
    folder = Self.folder(for: accounts.count)
    ledger = TextLedger(run: run)
    trials = TextLedger(run: "\(run)-trial")
    result = LoadResult(plan: plan)
  }

  /// Ends it early; what was made is taken away.
  public nonisolated func stop(_ reason: String) { stopping.set(reason) }

  /// `@unchecked Sendable`: `text` is only touched under `lock`.
  private final class StopSign: @unchecked Sendable {
    private let lock = NSLock()
    private var text: String?
    var reason: String? { lock.withLock { text } }
    func set(_ reason: String) { lock.withLock { text = text ?? reason } }
  }

  /// Runs to the end, or to what stops it; once only.
  public func perform() async -> LoadResult {
    await startDevices()
    if stopping.reason == nil { await makeRooms() }
    if stopping.reason == nil { await send() }
    ledger.fill(&result)
    report(.cleaning)
    await cleanUp()
    result.stopped = stopping.reason
    return result
  }

  // MARK: Devices and rooms

  private static let memory = "/dev/shm"
  /// What a device's database may need, in bytes.
  private static let spaceOfDevice: UInt64 = 8 << 20

  /// In memory where there is room: each text waits for its author's disk else, and all devices share it. A TMPDIR that
  /// somebody has set is obeyed.
  private static func folder(for devices: Int) -> URL {
    var space = statvfs()
    guard ProcessInfo.processInfo.environment["TMPDIR"] == nil, access(memory, W_OK | X_OK) == 0,
      statvfs(memory, &space) == 0,
      UInt64(space.f_bavail) * UInt64(space.f_frsize) >= UInt64(devices) * spaceOfDevice
    else { return FileManager.default.temporaryDirectory }
    return URL(fileURLWithPath: memory)
  }

  /// Runs `work` for all items, so many at a time, until it is to stop.
  private func each<Item: Sendable>(
    _ items: [Item], atOnce limit: Int, _ work: @escaping @Sendable (Item) async -> Void
  ) async {
    await withTaskGroup(of: Void.self) { group in
      for (index, item) in items.enumerated() {
        if stopping.reason != nil { break }
        if index >= limit { await group.next() }
        group.addTask { await work(item) }
      }
    }
  }

  private func startDevices() async {
    await each(Array(accounts.indices), atOnce: Self.devicesAtOnce) { await self.startDevice($0) }
  }

  private func startDevice(_ index: Int) async {
    let (ledger, trials) = (self.ledger, self.trials)
    do {
      let device = try VisitingDevice(accounts[index], in: folder, logger: logger, trace: trace) { event in
        ledger.take(event, by: index)
        trials.take(event, by: index)
      }
      // Whatever becomes of its start, it is taken away in the end.
      devices[index] = device
      try await VisitingDevice.capped(plan.patience * 2) { try await device.start() }
      result.devices += 1
      report(.devices(result.devices, of: accounts.count))
    } catch {
      stopping.set("\(accounts[index].address): \((error as? LocalizedError)?.errorDescription ?? "\(error)")")
    }
  }

  private func makeRooms() async {
    await each(Array(0..<plan.rooms), atOnce: Self.roomsAtOnce) { await self.makeRoom($0) }
  }

  private func makeRoom(_ number: Int) async {
    let members = (0..<plan.members).map { (number + $0) % accounts.count }
    guard let creator = devices[members[0]] else { return }
    let addresses = members.dropFirst().map { accounts[$0].address }
    let isEncrypted = plan.isEncrypted
    do {
      let made = try await VisitingDevice.capped(plan.patience * 3) {
        try await creator.client.createRoom(
          named: "limeade load \(number + 1)", members: addresses, encrypted: isEncrypted)
      }
      rooms.append(Room(address: made.room.address, members: members))
      guard await works(made.room.address, number, members) else {
        return stopping.set("a first text in room \(number + 1) did not come to all its members")
      }
      result.rooms += 1
      report(.rooms(result.rooms, of: plan.rooms))
    } catch {
      stopping.set("room \(number + 1): \((error as? LocalizedError)?.errorDescription ?? "\(error)")")
    }
  }

  /// Whether a text comes to all members. What is written before a member has come may wait for its next REGISTER
  /// (Flexisip 2.2.0), so it is tried again.
  private func works(_ room: String, _ number: Int, _ members: [Int]) async -> Bool {
    guard let creator = devices[members[0]] else { return false }
    let end = ContinuousClock.now + .seconds(plan.patience * 3)
    var trial = number
    while stopping.reason == nil, ContinuousClock.now < end {
      trials.begin(trial, due: .now, to: Set(members.dropFirst()))
      let text = LoadText.text(trial, run: "\(run)-trial", size: plan.size)
      if (try? await creator.client.send(text, to: room)) == nil { return false }
      let pause = ContinuousClock.now + .seconds(2)
      while ContinuousClock.now < pause, stopping.reason == nil {
        if trials.hasCome(trial) { return true }
        try? await Task.sleep(for: .milliseconds(20))
      }
      trial += plan.rooms
    }
    return false
  }

  // MARK: Texts

  private func send() async {
    let start = ContinuousClock.now
    let used = Self.processorTime()
    let ticking = Task { await self.tick(from: start) }
    var sending: [Task<Void, Never>] = []
    for number in 0..<plan.texts {
      let due = start + .seconds(plan.due(number))
      await sleep(until: due)
      if stopping.reason != nil { break }
      let room = rooms[number % rooms.count]
      // The author changes from round to round.
      let author = room.members[(number / rooms.count) % room.members.count]
      guard let device = devices[author] else { continue }
      result.lag = max(result.lag, Self.seconds(due.duration(to: .now)))
      ledger.begin(number, due: due, to: Set(room.members).subtracting([author]))
      let text = LoadText.text(number, run: run, size: plan.size)
      sending.append(
        Task { [ledger] in
          do { ledger.stored(number, as: try await device.client.send(text, to: room.address).messageID) } catch {
            ledger.fail(number)
          }
        })
      if sending.count >= 1000 { sending.removeFirst(500) }
    }
    // What is under way has its time.
    let end = ContinuousClock.now + .seconds(plan.patience)
    while ContinuousClock.now < end, !ledger.isSettled, stopping.reason == nil {
      try? await Task.sleep(for: .milliseconds(20))
    }
    ticking.cancel()
    await ticking.value
    result.duration = Self.seconds(start.duration(to: .now))
    result.ownLoad = result.duration > 0 ? (Self.processorTime() - used) / result.duration : 0
  }

  /// Wakes now and then to see whether it is to stop.
  private func sleep(until due: ContinuousClock.Instant) async {
    while stopping.reason == nil, ContinuousClock.now < due {
      try? await Task.sleep(until: min(due, .now + .milliseconds(200)))
    }
  }

  private func tick(from start: ContinuousClock.Instant) async {
    var second = 1
    while !Task.isCancelled {
      try? await Task.sleep(until: start + .seconds(second))
      if Task.isCancelled { return }
      let sample = ledger.second(second, patience: plan.patience)
      result.seconds.append(sample)
      report(.second(sample))
      if let rate = ledger.errorRate(patience: plan.patience, atLeast: Self.leastToJudge), rate > plan.errorLimit {
        stopping.set("\(Int(rate.rounded())) % of the texts are lost or failed")
      }
      if sample.waiting > Self.mostWaiting { stopping.set("more than \(Self.mostWaiting) texts are under way") }
      second += 1
    }
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
  }

  /// Of this process, in seconds.
  private static func processorTime() -> Double {
    var time = timespec()
    guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  // MARK: Afterwards

  private func cleanUp() async {
    let limit = min(plan.patience, 5)
    let rooms = self.rooms
    await withTaskGroup(of: [String].self) { group in
      for (count, (index, device)) in devices.sorted(by: { $0.key < $1.key }).enumerated() {
        if count >= Self.devicesAtOnce, let left = await group.next() { result.left += left }
        group.addTask {
          await device.remove(leaving: rooms.filter { $0.members.contains(index) }.map(\.address), within: limit)
        }
      }
      for await left in group { result.left += left }
    }
    devices = [:]
  }
}
