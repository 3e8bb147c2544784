// Session.swift: what the subcommands share: the account's configuration, its store, and the program that holds it.
import AccountService
import ChatCore
import Foundation
import Logging
import MessageFormats
import ServerConnection

extension GlobalOptions {
  /// - Parameter withPassword: false where no connection is made; then password-command is not run.
  func accountConfiguration(withPassword: Bool = true) throws -> AccountConfiguration {
    try ConfigurationFile(path: config).account(named: account, withPassword: withPassword)
  }

  /// - Parameters:
  ///   - exclusive: to use the account's keys, for which its passphrase is asked for if it has one.
  ///   - memory: of that passphrase.
  func store(
    for account: AccountConfiguration, exclusive: Bool, remembering memory: PassphraseMemory? = nil
  ) throws -> AccountStore {
    let store = try AccountStore(
      directory: ConfigurationFile.dataDirectory(account: account.name),
      stateDirectory: ConfigurationFile.stateDirectory(account: account.name), exclusive: exclusive,
      contacts: contactFile.source)
    if exclusive { try AccountUnlocking.unlock(store, of: account, remembering: memory) }
    return store
  }

  /// To the file of --log-file, or with -v to standard error.
  /// - Throws: exit code 73 when the file cannot be written.
  func logger() throws -> Logger {
    let file = try logFile.map { try LogFile(path: $0) }
    let level = logLevel?.level ?? (verbose || file != nil ? .info : .critical)
    return Logger(label: "limeade") { _ in LineLogHandler(file: file, logLevel: level) }
  }

  /// Takes the account for this process.
  /// - Throws: `StoreError.inUse` while another process has it.
  func client(remembering memory: PassphraseMemory? = nil) throws -> ChatClient {
    // The lock first: what waits for another process must not ask for the password again and again.
    let store = try store(
      for: try accountConfiguration(withPassword: false), exclusive: true, remembering: memory)
    if let notice = store.recoveryNotice { Output.note("limeade: \(notice)") }
    let account = try accountConfiguration()
    Redaction.hide(account.password.reveal())
    let logger = try logger()
    let client = ChatClient(account: account, store: store, logger: logger, trace: try wireTrace())
    EventLog.follow(client, logger)
    return client
  }

  /// --trace
  /// - Parameter continues: whether what was in the file stays.
  /// - Throws: exit code 73 when the file cannot be written.
  func wireTrace(continues: Bool = true) throws -> WireTrace? {
    do { return try trace.map { try WireTrace(path: $0, continues: continues) } } catch {
      throw CommandFailure.cannotWrite("the trace \(error)")
    }
  }

  // MARK: Whoever holds the account

  /// - Parameters:
  ///   - follows: whether the session's events are read.
  ///   - memory: makes it a lasting session, of a program that cannot ask for a passphrase later.
  ///   - queueing: makes it a queueing session, see `AccountSession`.
  func session(
    follows: Bool, lastingWith memory: PassphraseMemory? = nil, queueing: Bool = false
  ) throws -> AccountSession {
    let account = try accountConfiguration(withPassword: false)
    return AccountSession(
      .init(
        account: account, folder: ConfigurationFile.dataDirectory(account: account.name),
        store: { try store(for: account, exclusive: false) }, client: { try client(remembering: memory) }),
      follows: follows, lasting: memory != nil, queueing: queueing)
  }

  /// One operation, in the program that holds the account, or in this one.
  func perform<Operation: AccountOperation>(_ operation: Operation) async throws -> Operation.Output {
    try await withAccount { try await $0.perform(operation) }
  }

  /// Seconds for giving the account back.
  private static let goodbye = 15.0
  private static let briefGoodbye = 1.0

  /// A session for `body`, ended whatever happens.
  func withAccount<Value: Sendable>(
    follows: Bool = false, queueing: Bool = false, _ body: (AccountSession) async throws -> Value
  ) async throws -> Value {
    let session = try session(follows: follows, queueing: queueing)
    let result: Result<Value, any Error>
    do { result = .success(try await body(session)) } catch { result = .failure(error) }
    // What was interrupted still says goodbye, and sends what others asked it to; but a server that has not answered so
    // far is not waited for.
    let isLate = if case .failure(let error) = result { ExitStatus.code(of: error) == 75 } else { false }
    await Task {
      _ = try? await Race.first(
        { await session.close() }, { try await Task.sleep(for: .seconds(isLate ? Self.briefGoodbye : Self.goodbye)) })
    }.value
    return try result.get()
  }
}
