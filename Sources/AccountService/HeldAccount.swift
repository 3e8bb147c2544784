// HeldAccount.swift: an account that this process holds, and serves to the user's other programs.
import ChatCore
import Foundation

/// Operations of this process and of others go to the same client.
public final class HeldAccount: AccountService {
  /// Connected, or about to be.
  public let client: ChatClient
  private let server: AccountServer

  /// Serves from now on; what needs the connection waits for `client.start()`.
  /// - Parameter client: its store has the account's lock.
  /// - Throws: `ServiceError.noSocket`.
  public init(_ client: ChatClient) throws {
    self.client = client
    server = try AccountServer(client: client)
  }

  /// Waits for the connection if the operation needs it.
  public func perform<Operation: AccountOperation>(_ operation: Operation) async throws -> Operation.Output {
    try await client.waitUntilReady(for: operation)
    return try await operation.perform(on: client)
  }

  /// Answers what others asked for, sends what can be sent, and disconnects.
  /// - Parameter limit: for the sending.
  public func close(flushingWithin limit: Duration = .seconds(5)) async {
    await server.close()
    await client.flushOutbox(within: limit)
    await client.stop()
  }
}
