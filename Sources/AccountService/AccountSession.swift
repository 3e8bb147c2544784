// AccountSession.swift: an account for one command, whoever holds it: asks the holder, or becomes it.
import ChatCore
import Foundation

/// Looks for the account's holder when it is needed; without one this process takes the account for the session's time.
/// When the holder ends, the session goes on with the next one, or becomes it.
///
/// A lasting session, of a program that stays open, also goes on while the server cannot be reached or the account
/// cannot be had: it tries again, and what its outbox takes is taken at once. A queueing session, of a command that
/// sends something, also lets the outbox take it when the server is away, but does not go on for long.
public actor AccountSession: AccountService {
  /// How to come by the account.
  public struct Opening: Sendable {
    /// The configuration, with or without its password.
    public var account: AccountConfiguration
    /// Where the holder's socket is.
    public var folder: URL
    /// Opens the database beside a holder, or without one.
    public var store: @Sendable () throws -> AccountStore
    /// Takes the account for this process. Throws `StoreError.inUse` while another has it.
    public var client: @Sendable () throws -> ChatClient

    public init(
      account: AccountConfiguration, folder: URL, store: @escaping @Sendable () throws -> AccountStore,
      client: @escaping @Sendable () throws -> ChatClient
    ) {
      (self.account, self.folder, self.store, self.client) = (account, folder, store, client)
    }
  }

  private enum Holder {
    case here(HeldAccount)
    case elsewhere(RemoteAccount)
  }

  /// How long another process may have the account without serving it: while it starts or ends.
  private static let patience: Duration = .seconds(20)
  private static let pause: Duration = .milliseconds(50)
  /// After which a lasting session looks for a holder again.
  private static let retry: Duration = .seconds(3)
  /// How long the tasks of a connection that has ended may still use the account.
  private static let releaseTime: Duration = .seconds(5)

  /// Without its password if a holder has the account.
  public nonisolated let account: AccountConfiguration
  /// Everything that happens from the first operation on, or from `attach()`. With each new holder the state of the
  /// connection comes again. Throws what ends the session.
  public nonisolated let events: AsyncThrowingStream<ChatEvent, any Error>
  private let report: AsyncThrowingStream<ChatEvent, any Error>.Continuation
  private let opening: Opening
  private let follows: Bool
  private let isLasting: Bool
  private let isQueueing: Bool
  private var holder: Holder?
  private var attaching: Task<Holder, any Error>?
  private var isClosed = false

  /// - Parameters:
  ///   - follows: whether `events` is read.
  ///   - lasting: goes on through failures of the connection, which are events then. Needs `follows`.
  ///   - queueing: a connection that fails is an event too; it ends with the account's holder. Needs `follows`.
  public init(_ opening: Opening, follows: Bool, lasting: Bool = false, queueing: Bool = false) {
    account = opening.account
    self.opening = opening
    self.follows = follows
    (isLasting, isQueueing) = (lasting, queueing)
    (events, report) = AsyncThrowingStream.makeStream()
  }

  // MARK: Operations

  /// Asks the holder, or does it in this process once it has the account.
  /// - Throws: `ServiceError` or `ChatError`.
  public func perform<Operation: AccountOperation>(_ operation: Operation) async throws -> Operation.Output {
    try await perform(operation, isLong: false)
  }

  /// For what may take long, as making a room: others that are asked for meanwhile do not wait for it.
  public func performBeside<Operation: AccountOperation>(_ operation: Operation) async throws -> Operation.Output {
    try await perform(operation, isLong: true)
  }

  private func perform<Operation: AccountOperation>(
    _ operation: Operation, isLong: Bool
  ) async throws -> Operation.Output {
    while true {
      do {
        if let local = operation as? any StoreOperation, holder == nil, attaching == nil {
          if let remote = try await RemoteAccount.connect(in: opening.folder) {
            defer { remote.close() }
            return try await remote.perform(operation)
          }
          guard let output = try await read(local) as? Operation.Output else {
            throw ServiceError.protocolViolation(Operation.method)
          }
          return output
        }
        switch try await attached() {
        case .here(let held): return try await held.perform(operation)
        case .elsewhere(let remote):
          do {
            guard isLong else { return try await remote.perform(operation) }
            // The holder carries out what comes over one connection one after the other.
            guard let own = try await RemoteAccount.connect(in: opening.folder) else { throw ServiceError.notAccepted }
            defer { own.close() }
            return try await own.perform(operation)
          } catch let error as ServiceError {
            if error.isEndOfHolder { detach(remote) }
            throw error
          }
        }
      } catch ServiceError.notAccepted {
        // Not begun there: the next holder does it.
        try Task.checkCancellation()
      } catch let error as ServiceError {
        guard case .ended = error, Operation.isRepeatable else { throw error }
      }
    }
  }

  private func read<Operation: StoreOperation>(_ operation: Operation) async throws -> Operation.Output {
    try await operation.perform(on: try opening.store(), of: opening.account)
  }

  /// Connects, so that events come.
  public func attach() async throws { _ = try await attached() }

  /// Returns when this process is connected, if it holds the account; of another holder the events tell.
  /// - Throws: why it is not.
  public func waitUntilConnected() async throws {
    if case .here(let held) = try await attached() { try await held.client.waitUntilStarted() }
  }

  /// Lets other programs have the account if this one holds it; the next operation, or `attach()`, asks for it again.
  public func release() async {
    guard let last = await giveBack() else { return }
    let deadline = ContinuousClock.now + Self.releaseTime
    while last.client != nil, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(10)) }
  }

  /// The account is free when the last task of its client has ended.
  private struct LastUse {
    weak var client: ChatClient?
  }

  private func giveBack() async -> LastUse? {
    guard case .here(let held) = holder else { return nil }
    holder = nil
    let last = LastUse(client: held.client)
    await held.close(flushingWithin: .seconds(1))
    return last
  }

  /// Gives the account back, after answering what others asked for meanwhile.
  /// - Parameter limit: for sending what is in the outbox.
  public func close(flushingWithin limit: Duration = .seconds(5)) async {
    isClosed = true
    report.finish()
    if let task = attaching { _ = try? await task.value }
    switch holder {
    case .here(let held): await held.close(flushingWithin: limit)
    case .elsewhere(let remote): remote.close()
    case nil: break
    }
    holder = nil
  }

  // MARK: Finding the holder

  private func attached() async throws -> Holder {
    if let holder { return holder }
    if let attaching { return try await attaching.value }
    let task = Task { try await self.find() }
    attaching = task
    defer { attaching = nil }
    let found = try await task.value
    holder = found
    return found
  }

  private func find() async throws -> Holder {
    let deadline = ContinuousClock.now + Self.patience
    while true {
      if let remote = try await RemoteAccount.connect(in: opening.folder) {
        do {
          if follows { pass(on: try await remote.events(), of: remote) }
          return .elsewhere(remote)
        } catch ServiceError.notAccepted, ServiceError.ended { continue }
      }
      do {
        return .here(try await hold())
      } catch let error as StoreError {
        guard case .inUse = error, ContinuousClock.now < deadline else { throw error }
        try await Task.sleep(for: Self.pause)
      }
    }
  }

  private func hold() async throws -> HeldAccount {
    let held = try HeldAccount(try opening.client())
    // Before the start: what waited at the server comes with it.
    pass(on: held.client.events(), of: nil)
    if isLasting || isQueueing {
      try await held.client.prepare()
      Task { [report] in
        do { try await held.client.start(retrying: true) } catch {
          report.yield(.connection(.offline(reason: ServiceError.text(of: error))))
        }
      }
      return held
    }
    do {
      try await held.client.start()
      return held
    } catch {
      await held.close()
      throw error
    }
  }

  private func pass(on events: AsyncStream<ChatEvent>, of remote: RemoteAccount?) {
    let report = report
    Task {
      for await event in events { report.yield(event) }
      if let remote { await self.ended(remote) }
    }
  }

  /// The holder went away while its events were followed.
  private func ended(_ remote: RemoteAccount) async {
    guard !isClosed else { return }
    detach(remote)
    var told = ""
    while !isClosed {
      do { return try await attach() } catch {
        guard isLasting else { return report.finish(throwing: error) }
        let text = ServiceError.text(of: error)
        if text != told { report.yield(.connection(.offline(reason: text))) }
        told = text
        try? await Task.sleep(for: Self.retry)
      }
    }
  }

  /// The session may have gone on with another holder already: that one stays.
  private func detach(_ remote: RemoteAccount) {
    remote.close()
    if case .elsewhere(let current) = holder, current === remote { holder = nil }
  }
}

extension ServiceError {
  fileprivate var isEndOfHolder: Bool {
    switch self {
    case .notAccepted, .ended: true
    default: false
    }
  }
}
