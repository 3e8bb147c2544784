// Outbox.swift: the outbox: what is in it is encrypted and sent, once and in order.
import Foundation
import GRDB
import MessageFormats
import SIPAgent

/// Its entries are in the database. Here is what is only worth something now: whose turn it is not.
@ChatActor final class Outbox {
  private static let longestBackOff: TimeInterval = 60
  /// Longer than the requests take that ask the factory: they end by themselves.
  private static let longestConfirmation: TimeInterval = 600

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let follower: RoomFollower
  private let resumption: RoomResumption
  private let oneToOne: OneToOneRooms
  private let recipients: Recipients
  private let sender: MessageSender

  private var task: Task<Void, Never>?
  /// Whether there may be more than the task read: what is written during the read is not in its result.
  private var hasNews = false
  /// Rooms that took nothing just now, until when they are left alone, and how often in a row that was so.
  private var blockedRooms: [String: Date] = [:]
  private var postponements: [String: Int] = [:]
  /// Rooms whose texts wait for the user's decision on a device, until when they are left alone, and the devices that
  /// were told of.
  private var heldRooms: [String: Date] = [:]
  private var heldDevicesTold: [String: Set<String>] = [:]
  /// Rooms in which no other member had a device: they are blocked, and looked at again with the room's next state.
  private var emptyRooms: Set<String> = []
  /// One-to-one rooms that the factory is being asked about, in which nothing is sent meanwhile.
  private var confirmations: [String: Task<Void, Never>] = [:]
  /// What became of entries and could not be written down yet; they are not sent again.
  private var unrecordedOutcomes: [Int64: OutboxOutcome] = [:]

  init(
    _ context: ChatContext, _ ownDevice: OwnDevice, _ follower: RoomFollower, _ resumption: RoomResumption,
    _ oneToOne: OneToOneRooms, _ recipients: Recipients, _ sender: MessageSender
  ) {
    (self.context, self.ownDevice, self.follower, self.resumption) = (context, ownDevice, follower, resumption)
    (self.oneToOne, self.recipients, self.sender) = (oneToOne, recipients, sender)
  }

  /// There may be something to send.
  func wake() {
    hasNews = true
    if task == nil, ownDevice.isConnected {
      task = Task { [weak self] in await self?.drain() }
    }
  }

  /// Waits until nothing is left that can be sent now, but no longer than `limit`.
  func flush(within limit: Duration) async {
    wake()
    await withTimeout(limit) {
      while let work = await self.work { await work.value }
    }
  }

  /// What has to end before nothing can be sent: the outbox itself, or the factory's word on a room in it.
  private var work: Task<Void, Never>? { task ?? confirmations.values.first }

  /// Over a new connection may get through what did not over the old one.
  func forgetFailures() {
    (blockedRooms, heldRooms, postponements) = ([:], [:], [:])
    emptyRooms = []
  }

  func stop() {
    task?.cancel()
    task = nil
    for confirmation in confirmations.values { confirmation.cancel() }
    confirmations = [:]
  }

  // MARK: Rooms that wait

  /// Nothing is sent to the room for so long.
  func block(_ room: String, until date: Date) { blockedRooms[room] = date }

  func unblock(_ room: String) { blockedRooms[room] = nil }

  /// A device for whose sake the room's texts wait may have gone, or one that they wait for may have come.
  func lookAgain(at room: String) {
    heldRooms[room] = nil
    if emptyRooms.remove(room) != nil { blockedRooms[room] = nil }
  }

  /// The user decided on a device: what waited may go.
  func trustChanged() {
    (heldRooms, heldDevicesTold) = ([:], [:])
    wake()
  }

  /// The room's texts wait for the user, who is told once of each device.
  private func keepBack(_ room: String, _ devices: [HeldDevice]) async {
    heldRooms[room] = Date().addingTimeInterval(Self.longestBackOff)
    let news = devices.filter { heldDevicesTold[room, default: []].insert($0.device).inserted }
    guard !news.isEmpty else { return }
    await recipients.fetchKeys(of: news)
    for device in news {
      context.hub.send(.security(room: room, device: device.device, text: "what you write here waits: \(device.text)"))
    }
  }

  // MARK: Sending

  /// Sends what waits, oldest first, notifications after texts; ends when nothing can be sent now.
  private func drain() async {
    while !Task.isCancelled, ownDevice.isConnected, let agent = ownDevice.agent {
      hasNews = false
      let now = Date()
      blockedRooms = blockedRooms.filter { $0.value > now }
      heldRooms = heldRooms.filter { $0.value > now }
      await recordOutcomes(unrecordedOutcomes.values.filter { blockedRooms[$0.entry.room] == nil })
      let isSingle = await !agent.sendsSeveralMessages
      let (rooms, held) = (Array(blockedRooms.keys), Array(heldRooms.keys))
      let entries = Array(unrecordedOutcomes.keys)
      let batch: OutboxBatch?
      do {
        batch = try await context.store.database.read {
          try OutboxBatch.next($0, leavingOut: rooms, held: held, entries: entries, isSingle: isSingle)
        }
      } catch { break }
      if let batch {
        if let room = await oneToOne.unconfirmed(batch.room) { confirm(room) } else { await process(batch) }
      } else if !hasNews {
        break
      }
    }
    task = nil
    guard ownDevice.isConnected, let soonest = [blockedRooms, heldRooms].flatMap(\.values).min() else { return }
    Task { [weak self] in
      try? await Task.sleep(for: .seconds(max(0.1, soonest.timeIntervalSinceNow)))
      self?.wake()
    }
  }

  /// What the server refuses for now comes again, after what it took of the same batch: receivers put it in its place
  /// by its time.
  private func process(_ batch: OutboxBatch) async {
    let results: [Result<SIPResponse, any Error>]
    do { results = try await sender.transmit(batch.items) } catch { results = batch.items.map { _ in .failure(error) } }
    var outcomes: [OutboxOutcome] = []
    var reason: String?
    // Nobody waits for word on a receipt that those it is for cannot get now.
    var isQuiet = false
    var held: [HeldDevice] = []
    for (item, result) in zip(batch.items, results) {
      func end(_ state: Message.State, _ failure: String? = nil) {
        outcomes += item.entries.map { OutboxOutcome(entry: $0, state: state, failure: failure) }
      }
      switch result {
      case .success(let response):
        switch response.status {
        case 200..<300: end(.sent)
        case 408, 480, 500, 502, 503, 504:
          reason =
            reason ?? ChatError.reason(of: response.status) + RawAnswer.mark(response.status, response.reason)
        default:
          let error = ChatError.refused(what: "the message", status: response.status, reason: response.reason)
          end(.failed, error.description)
        }
      case .failure(ChatError.newDevices(_, let devices)) where item.content.waits: held = devices
      case .failure(let error as ChatError) where error.isFinal: end(.failed, error.description)
      case .failure(let error):
        if case ChatError.noDevices = error { emptyRooms.insert(batch.room) }
        isQuiet = emptyRooms.contains(batch.room) && !item.content.isUrgent
        reason = reason ?? context.describe(error)
      }
    }
    if outcomes.contains(where: { $0.state == .sent }) { postponements[batch.room] = nil }
    await recordOutcomes(outcomes)
    if !held.isEmpty { await keepBack(batch.room, held) }
    if let reason { postpone(batch.room, reason, isQuiet: isQuiet) }
  }

  /// Writes down what became of entries. What cannot be written is tried again later and not sent again.
  private func recordOutcomes(_ outcomes: [OutboxOutcome]) async {
    guard !outcomes.isEmpty else { return }
    for outcome in outcomes { if let id = outcome.entry.id { unrecordedOutcomes[id] = outcome } }
    let messages: [Message?]
    do {
      messages = try await context.store.database.write { db in try outcomes.map { try $0.write(db) } }
    } catch {
      for room in Set(outcomes.map(\.entry.room)) { postpone(room, context.describe(error)) }
      return
    }
    for (outcome, message) in zip(outcomes, messages) {
      if let id = outcome.entry.id { unrecordedOutcomes[id] = nil }
      if let message { context.hub.send(.messageState(message)) }
      if let change = outcome.change(by: context.account.address.description) { context.hub.send(.change(change)) }
    }
  }

  // MARK: One-to-one rooms that somebody else made

  /// The room's entries wait for the factory's word; those of other rooms do not.
  private func confirm(_ room: Room) {
    guard confirmations[room.address] == nil else { return }
    block(room.address, until: Date().addingTimeInterval(Self.longestConfirmation))
    confirmations[room.address] = Task { [weak self] in await self?.settle(room.address) }
  }

  private func settle(_ address: String) async {
    do {
      await resumption.waitUntilResumed(address)
      try await follower.waitForState(of: address)
      if let room = await oneToOne.unconfirmed(address) { try await oneToOne.confirm(room) }
      unblock(address)
    } catch let error as ChatError where error.isFinal || error.isRefusal {
      unblock(address)
      let entries = try? await context.store.database.read { db in
        try OutboxEntry.fetchAll(db, sql: "SELECT * FROM outbox WHERE room = ? ORDER BY id", arguments: [address])
      }
      await recordOutcomes(
        (entries ?? []).map { OutboxOutcome(entry: $0, state: .failed, failure: error.description) })
    } catch { postpone(address, context.describe(error)) }
    confirmations[address] = nil
    wake()
  }

  private func postpone(_ room: String, _ reason: String, isQuiet: Bool = false) {
    let attempts = (postponements[room] ?? 0) + (isQuiet ? 0 : 1)
    postponements[room] = attempts
    blockedRooms[room] = Date().addingTimeInterval(min(Self.longestBackOff, pow(2, Double(min(attempts, 6)))))
    guard !isQuiet else { return }
    if attempts == 1 || attempts % 10 == 0 {
      context.hub.send(.error(room: room, text: "not sent yet, will be tried again: \(reason)", code: 75))
    }
  }
}
