// ChatClient.swift: the account at work: ties the SIP agent, LIME, the key server and the database together.
import Foundation
import GRDB
import HTTPClient
import Lime
import Logging
import MessageFormats
import SIPAgent
import ServerConnection

/// One account, connected: registers, keeps its rooms' state, sends what is in the outbox, stores what arrives.
///
/// `start()` once, then `events()` tells what happens. Everything that must survive is in the account's database
/// before the network learns of it (outgoing) or before the sender gets its 200 OK (incoming).
@ChatActor public final class ChatClient {
  nonisolated let context: ChatContext
  public nonisolated var account: AccountConfiguration { context.account }
  public nonisolated var store: AccountStore { context.store }
  nonisolated var logger: Logger { context.logger }
  nonisolated var hub: EventHub { context.hub }
  nonisolated var clock: ChatClock { context.clock }

  public var isConnected: Bool { ownDevice.isConnected }
  /// This device's id, its GRUU, while connected or after it was.
  public var device: String? { ownDevice.gruu?.description }

  lazy var ownDevice = OwnDevice(context)
  lazy var keyServer = KeyServerExchange(context)
  lazy var keyUpkeep = KeyUpkeep(context, ownDevice, keyServer)
  lazy var peerSessions = PeerSessions(context, ownDevice, keyServer, keyUpkeep)
  lazy var contactLog = ContactLog(context)
  lazy var factory = ConferenceFactory(context, ownDevice)
  lazy var origins = RoomOrigins(context, ownDevice, factory)
  lazy var follower = RoomFollower(context, ownDevice, origins) { [weak self] in await self?.stored(statesOf: $0) }
  lazy var resumption = RoomResumption(context, ownDevice, origins, follower)
  lazy var entry = RoomEntry(context, ownDevice, keyServer, factory, origins, follower, resumption) { [weak self] in
    self?.takeAgain($0)
  }
  lazy var oneToOne = OneToOneRooms(context, keyServer, factory, entry)
  lazy var administration = RoomAdministration(context, ownDevice, follower, resumption, expiry)
  lazy var recipients = Recipients(context, ownDevice, resumption, peerSessions)
  lazy var sender = MessageSender(context, ownDevice, origins, resumption, recipients, peerSessions)
  lazy var outbox = Outbox(context, ownDevice, follower, resumption, oneToOne, recipients, sender)
  lazy var writer = MessageWriter(context, ownDevice, recipients, outbox)
  lazy var changes = ChangeWriter(context, ownDevice, recipients, outbox, expiry)
  lazy var notices = NoticeSender(context, ownDevice, follower, outbox, sender, expiry)
  lazy var expiry = Expiry(context)

  private static let shortestRetry: Duration = .seconds(2)
  private static let longestRetry: Duration = .seconds(60)

  private var eventTask: Task<Void, Never>?
  /// What came and is not handled yet, in order, and the task that does it.
  private var arrived: [SIPEvent] = []
  private var arrivedBytes = 0
  /// Of the one who brings events, until there is room for more.
  private var arrivalWaiter: CheckedContinuation<Void, Never>?
  /// While events of more bytes wait, the agent keeps what comes, and reads no more from its server.
  private static let maximumArrived = 2 << 20
  private var handling: Task<Void, Never>?
  private var startOutcome: Result<Void, any Error>?
  private var startWaiters: [CheckedContinuation<Void, any Error>] = []
  let rekeyLimiter = RateLimiter()
  let strangerLimiter = RateLimiter()
  let stateLimiter = RateLimiter()
  var held = HeldMessages()
  /// Takes what was held too long.
  var holding: Task<Void, Never>?
  /// By row of the message.
  var uploads: [Int64: Task<Void, Never>] = [:]
  var downloads: [FilePlace: Task<Void, Never>] = [:]

  private let trace: WireTrace?

  /// - Parameters:
  ///   - clock: for the lifetimes of keys.
  ///   - trace: hears of every SIP message.
  public nonisolated init(
    account: AccountConfiguration, store: AccountStore, logger: Logger, clock: ChatClock = ChatClock(),
    trace: WireTrace? = nil
  ) {
    self.trace = trace
    context = ChatContext(account: account, store: store, logger: logger, clock: clock)
  }

  /// Events from now on. Ends when the client stops.
  public nonisolated func events() -> AsyncStream<ChatEvent> { hub.subscribe() }

  // MARK: Life

  /// From here on what is written waits in the outbox, under the address of last time; `start()` does it too.
  public func prepare() async throws {
    try await ownDevice.recall()
    try await factory.recall()
  }

  /// Registers, publishes keys when they are not yet, and takes up every room.
  /// - Parameter retrying: while the server cannot be reached it is tried again, until `stop()`; the events tell of it.
  /// - Throws: `ChatError` when the first registration fails. Later losses of the connection are events.
  public func start(retrying: Bool = false) async throws {
    hub.send(.connection(.connecting))
    try await prepare()
    try await TransferFolder(store).sweep(store)
    let agent = try await makeAgent()
    ownDevice.use(agent)
    do {
      let registration = try await register(agent, retrying: retrying)
      try await takeIdentity(gruu: registration.gruu)
      // Only now: the messages that waited at the server come with the 200 to REGISTER, or before it, and need to know
      // which device we are.
      eventTask = Task { [weak self] in
        for await event in agent.events {
          guard let self else { return }
          await self.take(event)
        }
      }
      await goOnline()
      expiry.schedule()
      settleStart(.success(()))
    } catch {
      let cause = ChatError(from: error, during: "REGISTER at \(account.address.host)")
      settleStart(.failure(cause))
      await stop()
      throw cause
    }
  }

  private func register(_ agent: SIPAgent, retrying: Bool) async throws -> Registration {
    var pause = Self.shortestRetry
    while true {
      do { return try await agent.register() } catch {
        let cause = ChatError(from: error, during: "REGISTER at \(account.address.host)")
        guard retrying, cause.mayPass, ownDevice.agent === agent else { throw error }
        // Others need not wait for a server that may never answer.
        settleStart(.failure(cause))
        hub.send(.connection(.offline(reason: cause.description)))
        try await Task.sleep(for: pause)
        guard ownDevice.agent === agent else { throw cause }
        pause = min(pause * 2, Self.longestRetry)
      }
    }
  }

  /// Returns when `start()` has ended, and throws what it has thrown: for others that use the client. While it is still
  /// trying, it throws why it did not succeed yet.
  public func waitUntilStarted() async throws {
    if let startOutcome { return try startOutcome.get() }
    try await withCheckedThrowingContinuation { startWaiters.append($0) }
  }

  private func settleStart(_ outcome: Result<Void, any Error>) {
    // A later attempt may succeed.
    if case .success = startOutcome { return }
    startOutcome = outcome
    for waiter in startWaiters { waiter.resume(with: outcome) }
    startWaiters = []
  }

  /// Leaves the network without leaving the rooms: the registration stays, so that the server keeps messages for
  /// this device until it comes back.
  /// - Parameter unregistering: the device is given up: the server takes it out of its rooms.
  public func stop(unregistering: Bool = false) async {
    if startOutcome == nil { settleStart(.failure(ChatError.notConnected)) }
    outbox.stop()
    resumption.stop()
    notices.stop()
    keyUpkeep.stop()
    expiry.stop()
    stopTransfers()
    let agent = ownDevice.release()
    await agent?.shutdown(keepingRegistration: !unregistering)
    eventTask?.cancel()
    eventTask = nil
    await endContact()
    store.shortenLog()
    hub.finish()
  }

  /// Gives this device up: takes its keys off the key server, and the device out of its rooms. The account's data are
  /// worth nothing afterwards.
  public func giveUp() async throws {
    try await keyUpkeep.removeKeys()
    await stop(unregistering: true)
  }

  private func makeAgent() async throws -> SIPAgent {
    let instance = try await store.database.write { db -> String in
      if let known = try Setting.instanceID.read(db) { return known }
      let fresh = "urn:uuid:\(UUID().uuidString.lowercased())"
      try Setting.instanceID.write(db, fresh)
      return fresh
    }
    let account = self.account
    var configuration = SIPAgentConfiguration(
      address: account.registrationAddress, password: { account.password.reveal() }, instanceID: instance)
    configuration.realm = account.realm
    configuration.outboundProxy = account.outboundProxy
    configuration.expires = account.expires
    configuration.caFile = account.caFile
    configuration.nameServer = account.nameServer
    configuration.specs =
      account.keyServer == nil ? "groupchat/1.1,ephemeral/1.1" : "groupchat/1.1,lime,ephemeral/1.1"
    configuration.trace = trace
    configuration.userAgent = "limeade/\(Version.current)"
    return try SIPAgent(configuration: configuration)
  }

  /// This device has its address: from now on it can encrypt and decrypt.
  private func takeIdentity(gruu: SIPURI?) async throws {
    guard let gruu else { throw ChatError.noGRUU(domain: account.address.host) }
    ownDevice.connected(as: gruu)
    try await contactLog.begin()
    let device = DeviceID(gruu.description)
    try await store.database.write { try Setting.gruu.write($0, gruu.description) }
    ownDevice.open(LimeAccount(device: device, curve: account.curve, storageKey: store.storageKey, now: clock.now))
    keyServer.open(for: device)
  }

  private func goOnline() async {
    await keyUpkeep.recoverIfRestored()
    outbox.forgetFailures()
    hub.send(.connection(.registered(device: device ?? "")))
    await keyUpkeep.publishKeysIfNeeded()
    await resumption.resumeRooms()
    outbox.wake()
    await wakeUploads()
    // After the rooms, so that a slow key server does not delay them.
    keyUpkeep.begin()
  }

  // MARK: Events of the SIP agent

  private func take(_ event: SIPEvent) async {
    arrived.append(event)
    arrivedBytes += event.size
    if handling == nil { handling = Task { [weak self] in await self?.handleArrived() } }
    if arrivedBytes > Self.maximumArrived { await withCheckedContinuation { arrivalWaiter = $0 } }
  }

  /// One after the other, but messages, and states of rooms, that came meanwhile together: each commit waits for the
  /// disk.
  private func handleArrived() async {
    while !arrived.isEmpty {
      let events = arrived
      arrived = []
      arrivedBytes = 0
      arrivalWaiter?.resume()
      arrivalWaiter = nil
      var messages: [IncomingMessage] = []
      var notifies: [SubscriptionNotify] = []
      for event in events {
        switch event {
        case .message(let incoming):
          guard let message = await origins.fromItsRoom(incoming) else { continue }
          if messages.count == Self.messagesAtOnce || !notifies.isEmpty { await takeOver(&messages, &notifies) }
          messages.append(message)
        case .notify(let notify):
          if !messages.isEmpty { await takeOver(&messages, &notifies) }
          notifies.append(notify)
        default:
          await takeOver(&messages, &notifies)
          await handle(event)
        }
      }
      await takeOver(&messages, &notifies)
    }
    handling = nil
  }

  /// Puts messages that waited in front of what has arrived.
  func takeAgain(_ messages: [IncomingMessage]) {
    arrived.insert(contentsOf: messages.map { .message($0) }, at: 0)
    if handling == nil { handling = Task { [weak self] in await self?.handleArrived() } }
  }

  private func takeOver(_ messages: inout [IncomingMessage], _ notifies: inout [SubscriptionNotify]) async {
    await receive(messages)
    await follower.notified(notifies)
    (messages, notifies) = ([], [])
  }

  private func handle(_ event: SIPEvent) async {
    switch event {
    case .registration(let state): await registrationChanged(state)
    case .invitation(let invitation): await entry.invited(invitation)
    case .subscriptionEnded(let end): follower.subscriptionEnded(end)
    case .dialogEnded(let id): await follower.dialogEnded(id)
    // Messages and states are taken over by `handleArrived`, several at a time.
    case .message, .notify, .reinvitation: break
    }
  }

  private func registrationChanged(_ state: RegistrationState) async {
    switch state {
    case .registered(let registration):
      guard ownDevice.gruu != nil else { return }
      guard !isConnected else {
        if registration.isReconnected {
          contactLog.reconnect()
          await resumption.resumeRooms()
        }
        return
      }
      do {
        try await takeIdentity(gruu: registration.gruu)
        await goOnline()
      } catch { hub.send(.error(room: nil, text: describe(error))) }
    case .lost(let error, _), .failed(let error):
      guard isConnected else { return }
      ownDevice.disconnected()
      follower.disconnected()
      hub.send(.connection(.offline(reason: error.description)))
      await endContact()
    case .unregistered: break
    }
  }

  /// What waited for it may go on.
  private func stored(statesOf rooms: [String]) async {
    for address in rooms { outbox.lookAgain(at: address) }
    await release(heldFor: rooms)
    outbox.wake()
  }

  func describe(_ error: any Error) -> String { context.describe(error) }
  func reportRoom(_ address: String) async { await context.reportRoom(address) }
  /// Messages that wait for the state of their room come again over the next connection.
  private func endContact() async {
    holding?.cancel()
    holding = nil
    held.removeAll()
    await contactLog.end()
  }
}

/// Reading the database needs no connection: `history` and `room list` work while another process holds the account.
extension AccountStore {
  /// Rooms, the last used first, without those that are only for notifications.
  public func rooms() async throws -> [RoomSummary] {
    try await database.read { try RoomQueries.summaries($0, all: false) }
  }

  public func message(room: String, messageID: String) async throws -> MessageWithDeliveries? {
    try await database.read { db in
      let sql = "SELECT * FROM message WHERE room = ? AND messageID = ? ORDER BY isOutgoing DESC"
      guard let message = try Message.fetchOne(db, sql: sql, arguments: [room, messageID]) else { return nil }
      return try MessageQueries.withDeliveries(db, message)
    }
  }

  /// - Parameter number: its `id`.
  public func message(number: Int64) async throws -> MessageWithDeliveries? {
    try await database.read { db in
      try Message.fetchOne(db, key: number).map { try MessageQueries.withDeliveries(db, $0) }
    }
  }

  /// nil for a room that is not known.
  public func summary(ofRoom address: String) async throws -> RoomSummary? {
    try await database.read { try RoomQueries.summary($0, address) }
  }

  /// The GRUU of the last registration, which is the LIME device id; nil before the first.
  public func deviceID() async throws -> String? { try await database.read { try Setting.gruu.read($0) } }
}
