// Session.swift: what the subcommands share: the account's store and client, output, and waiting with a deadline.
import ChatCore
import Foundation
import Logging
import MessageFormats

extension GlobalOptions {
  func accountConfiguration() throws -> AccountConfiguration {
    try ConfigurationFile(path: config).account(named: account)
  }

  func store(for account: AccountConfiguration, exclusive: Bool) throws -> AccountStore {
    try AccountStore(
      directory: ConfigurationFile.dataDirectory(account: account.name),
      stateDirectory: ConfigurationFile.stateDirectory(account: account.name), exclusive: exclusive)
  }

  var logger: Logger {
    var logger = Logger(label: "limeade") { label in
      StreamLogHandler.standardError(label: label)
    }
    logger.logLevel = verbose ? .info : .critical
    return logger
  }

  /// Connects the account, runs `body`, and disconnects whatever happens.
  func withClient<Value: Sendable>(_ body: (ChatClient) async throws -> Value) async throws -> Value {
    try await withClient { client, _ in try await body(client) }
  }

  /// The same with all events, those of connecting included: what waited at the server comes right then.
  func withClient<Value: Sendable>(
    _ body: (ChatClient, AsyncStream<ChatEvent>) async throws -> Value
  ) async throws -> Value {
    let account = try accountConfiguration()
    let store = try store(for: account, exclusive: true)
    if let notice = store.recoveryNotice { Output.note("limeade: \(notice)") }
    let client = ChatClient(account: account, store: store, logger: logger)
    let events = client.events()
    do {
      try await client.start()
      let value = try await body(client, events)
      await client.flushOutbox()
      await client.stop()
      return value
    } catch {
      await client.stop()
      throw error
    }
  }
}

/// Standard output, line by line, so that a reader at the other end of a pipe sees each line at once.
enum Output {
  static func line(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
  static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

/// Times as people write them: seconds for --timeout.
enum Deadline {
  /// Runs `body`; when it has not ended after `seconds`, throws exit code 75 with `text`.
  static func run<Value: Sendable>(
    seconds: Double?, or text: String, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    guard let seconds else { return try await body() }
    return try await withThrowingTaskGroup(of: Value.self) { group in
      group.addTask(operation: body)
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        throw CommandFailure.timedOut(text)
      }
      defer { group.cancelAll() }
      guard let first = try await group.next() else { throw CancellationError() }
      return first
    }
  }
}

/// Ends a long-running command in order on Ctrl-C, SIGTERM and hang-up.
enum Interruption {
  static func signals() -> AsyncStream<Int32> {
    AsyncStream { continuation in
      let sources = Sources([SIGINT, SIGTERM, SIGHUP].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { continuation.yield(number) }
        source.resume()
        return source
      })
      continuation.onTermination = { _ in sources.cancel() }
    }
  }

  /// `@unchecked Sendable`: dispatch sources may be cancelled from any thread, and the array never changes.
  private final class Sources: @unchecked Sendable {
    private let all: [any DispatchSourceSignal]
    init(_ all: [any DispatchSourceSignal]) { self.all = all }
    func cancel() { for source in all { source.cancel() } }
  }
}
