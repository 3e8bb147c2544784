// Session.swift: what the subcommands share: the account's configuration, store and client.
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
