// OutboxConnection.swift: what commands that send something do while the server is away: it waits in the outbox.
import AccountService
import ArgumentParser
import ChatCore
import Foundation

/// --no-queue
struct QueueOption: ParsableArguments, Sendable {
  @Flag(help: "While the server is away, fail (exit code 69) rather than keep it for the next connection.")
  var noQueue = false

  /// Of the operations.
  var parameter: Bool? { noQueue ? false : nil }
}

/// How the connection is, as far as it matters to what was put into the outbox.
struct OutboxConnection: Sendable {
  /// Behind what says why something was not sent.
  static let kept = "; it waits in the outbox, and the next limeade that connects sends it"

  /// Set while the server is away, and was since the command began. A connection that is lost later may come back.
  private(set) var failure: CommandFailure?
  private var wasConnected = false

  /// - Parameter error: why there is no connection.
  init(_ error: (any Error)?) {
    guard let error else { return }
    // What somebody has to put right keeps its own code.
    let code = ExitStatus.code(of: error)
    failure = CommandFailure(
      code: [77, 78].contains(code) ? code : 75, text: ExitStatus.text(of: error) + Self.kept)
  }

  mutating func note(_ event: ChatEvent) {
    switch event {
    case .connection(.registered): (failure, wasConnected) = (nil, true)
    case .connection(.offline(let reason)):
      if !wasConnected, failure == nil { failure = .timedOut(reason + Self.kept) }
    default: break
    }
  }
}

extension GlobalOptions {
  /// An account for something that goes through its outbox, connected or, unless that is not wanted, not.
  /// - Parameter timeout: seconds for the connection.
  func withOutbox<Value: Sendable>(
    _ queue: QueueOption, timeout: Double, _ body: (AccountSession, OutboxConnection) async throws -> Value
  ) async throws -> Value {
    try await withAccount(follows: true, queueing: !queue.noQueue) { session in
      let silence = "the server did not answer within \(timeout.brief) s"
      // From the start: a server that takes the connection may still never answer.
      try await Deadline.run(seconds: timeout, or: "\(silence); nothing was sent") { try await session.attach() }
      var failure: (any Error)?
      do {
        try await Deadline.run(seconds: timeout, or: silence) { try await session.waitUntilConnected() }
      } catch { failure = error }
      do { return try await body(session, OutboxConnection(failure)) } catch ChatError.unknownRoom(let name, let known)
      {
        guard let failure else { throw ChatError.unknownRoom(name, known: known) }
        throw CommandFailure.badInput(
          """
          \(ChatError.unknownRoom(name, known: known)); nothing was sent or kept, and of rooms that were made \
          meanwhile nothing is known, as there is no connection: \(ExitStatus.text(of: failure))
          """)
      }
    }
  }
}
