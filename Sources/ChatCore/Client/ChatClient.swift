// ChatClient.swift: the account at work: its connection, and the parts that do what comes and what is to be done.
import Foundation
import GRDB
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
  /// Its settings.
  public nonisolated var account: AccountConfiguration { context.account }
  /// Its data.
  public nonisolated var store: AccountStore { context.store }
  private nonisolated var hub: EventHub { context.hub }

  /// Whether the account is registered.
  public var isConnected: Bool { ownDevice.isConnected }
  /// This device's id, its GRUU, while connected or after it was.
  public var device: String? { ownDevice.gruu?.description }

  // The parts, each after those that it asks. What one tells those above it goes through a closure.
  private(set) lazy var ownDevice = OwnDevice(context)
  private(set) lazy var contactLog = ContactLog(context)
  private(set) lazy var expiry = Expiry(context)
  private(set) lazy var backlog = EventBacklog { [weak self] in await self?.handle($0) }

  private(set) lazy var keyServer = KeyServerExchange(context)
  private(set) lazy var keyUpkeep = KeyUpkeep(context, ownDevice, keyServer)
  private(set) lazy var peerSessions = PeerSessions(context, ownDevice, keyServer, keyUpkeep)

  private(set) lazy var factory = ConferenceFactory(context, ownDevice)
  private(set) lazy var origins = RoomOrigins(context, ownDevice, factory)
  private(set) lazy var follower = RoomFollower(context, ownDevice, contactLog, origins) { [weak self] in
    await self?.stored(statesOf: $0)
  }
  private(set) lazy var resumption = RoomResumption(context, ownDevice, origins, follower)
  private(set) lazy var entry = RoomEntry(
    context, ownDevice, keyServer, factory, origins, follower, resumption
  ) { [backlog] in backlog.putBack($0) }
  private(set) lazy var oneToOne = OneToOneRooms(context, keyServer, factory, entry)
  private(set) lazy var administration = RoomAdministration(context, ownDevice, follower, resumption, expiry)

  private(set) lazy var recipients = Recipients(context, ownDevice, resumption, peerSessions)
  private(set) lazy var sender = MessageSender(context, ownDevice, origins, resumption, recipients, peerSessions)
  private(set) lazy var outbox = Outbox(context, ownDevice, follower, resumption, oneToOne, recipients, sender)
  private(set) lazy var writer = MessageWriter(context, ownDevice, recipients, outbox)
  private(set) lazy var changes = ChangeWriter(context, ownDevice, recipients, outbox, expiry)
  private(set) lazy var uploads = Uploads(context, ownDevice, writer, outbox)
  private(set) lazy var forwarder = MessageForwarder(context, ownDevice, recipients, writer, uploads, outbox)

  private(set) lazy var downloads = Downloads(context)
  private(set) lazy var notices = NoticeSender(context, ownDevice, follower, outbox, sender, expiry)
  private(set) lazy var receiver = MessageReceiver(
    context, ownDevice, contactLog, follower, peerSessions, downloads, notices, expiry)

  private static let shortestRetry: Duration = .seconds(2)
  private static let longestRetry: Duration = .seconds(60)

  private var eventTask: Task<Void, Never>?
  private var startOutcome: Result<Void, any Error>?
  private var startWaiters: [CheckedContinuation<Void, any Error>] = []
  private let trace: WireTrace?
  /// As the last event of it said.
  public private(set) var connection: ChatEvent.Connection = .connecting

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
    tell(.connecting)
    try await prepare()
    try await TransferFolder(store).sweep(store)
    let agent = try await ownDevice.makeAgent(trace: trace)
    do {
      let registration = try await register(agent, retrying: retrying)
      try await takeIdentity(gruu: registration.gruu)
      // Only now: the messages that waited at the server come with the 200 to REGISTER, or before it, and need to know
      // which device we are.
      eventTask = Task { [weak self] in
        for await event in agent.events {
          guard let self else { return }
          await self.backlog.add(event)
        }
      }
      await goOnline()
      expiry.schedule()
      settleStart(.success(()))
    } catch {
      let cause = ChatError(from: error, during: "signing in at \(account.address.host)")
      connection = .offline(reason: cause.description)
      settleStart(.failure(cause))
      await stop()
      throw cause
    }
  }

  private func register(_ agent: SIPAgent, retrying: Bool) async throws -> Registration {
    var pause = Self.shortestRetry
    while true {
      do { return try await agent.register() } catch {
        let cause = ChatError(from: error, during: "signing in at \(account.address.host)")
        guard retrying, cause.mayPass, ownDevice.agent === agent else { throw error }
        // Others need not wait for a server that may never answer.
        settleStart(.failure(cause))
        tell(.offline(reason: cause.description))
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

  /// The same, and throws also when the connection was lost since.
  public func waitUntilConnected() async throws {
    try await waitUntilStarted()
    guard !isConnected else { return }
    if case .offline(let reason) = connection { throw ChatError.serverUnreachable(reason) }
    throw ChatError.notConnected
  }

  private func tell(_ connection: ChatEvent.Connection) {
    self.connection = connection
    hub.send(.connection(connection))
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
    uploads.stop()
    downloads.stop()
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

  /// This device has its address: from now on it can encrypt and decrypt.
  private func takeIdentity(gruu: SIPURI?) async throws {
    guard let gruu else { throw ChatError.noGRUU(domain: account.address.host) }
    let known = try await store.deviceID()
    ownDevice.connected(as: gruu, isFirst: known != gruu.description)
    try await contactLog.begin()
    let device = DeviceID(gruu.description)
    try await store.database.write { try Setting.gruu.write($0, gruu.description) }
    ownDevice.open(
      LimeAccount(device: device, curve: account.curve, storageKey: store.storageKey, now: context.clock.now))
    keyServer.open(for: device)
  }

  private func goOnline() async {
    await keyUpkeep.recoverIfRestored()
    outbox.forgetFailures()
    tell(.registered(device: device ?? ""))
    await keyUpkeep.publishKeysIfNeeded()
    await resumption.resumeRooms()
    outbox.wake()
    await uploads.wake()
    // After the rooms, so that a slow key server does not delay them.
    keyUpkeep.begin()
  }

  // MARK: Events of the SIP agent

  /// One after the other, but messages, and states of rooms, that came meanwhile together: each commit waits for the
  /// disk.
  private func handle(_ events: [SIPEvent]) async {
    var messages: [IncomingMessage] = []
    var notifies: [SubscriptionNotify] = []
    for event in events {
      switch event {
      case .message(let incoming):
        guard let message = await origins.fromItsRoom(incoming) else { continue }
        if messages.count == MessageReceiver.messagesAtOnce || !notifies.isEmpty {
          await takeOver(&messages, &notifies)
        }
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

  private func takeOver(_ messages: inout [IncomingMessage], _ notifies: inout [SubscriptionNotify]) async {
    await receiver.receive(messages)
    await follower.notified(notifies)
    (messages, notifies) = ([], [])
  }

  private func handle(_ event: SIPEvent) async {
    switch event {
    case .registration(let state): await registrationChanged(state)
    case .invitation(let invitation): await entry.invited(invitation)
    case .subscriptionEnded(let end): follower.subscriptionEnded(end)
    case .dialogEnded(let id): await follower.dialogEnded(id)
    // Messages and states are taken over by `handle(_:)` above, several at a time.
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
      } catch { context.complain(of: error) }
    case .lost(let error, _), .failed(let error):
      guard isConnected else { return }
      ownDevice.disconnected()
      follower.disconnected()
      tell(.offline(reason: error.description))
      await endContact()
    case .unregistered: break
    }
  }

  /// What waited for it may go on.
  private func stored(statesOf rooms: [String]) async {
    for address in rooms { outbox.lookAgain(at: address) }
    await receiver.release(heldFor: rooms)
    outbox.wake()
  }

  private func endContact() async {
    receiver.forgetHeld()
    await contactLog.end()
  }
}
