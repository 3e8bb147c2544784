// SendProgress.swift: what becomes of a message that was just sent, until every member has it.
import AccountService
import ChatCore
import Foundation

/// Prints each step once. Events say when to look; the database says how far it is, so that nothing is missed when the
/// program that holds the account ends meanwhile.
actor SendProgress {
  private let message: Message
  private let goal: SendCommand.Goal
  private let session: AccountSession
  /// Of a message that waits in the outbox: why it does.
  private var connection: OutboxConnection
  private let json: Bool
  private let sign: Deadline.Sign
  private let printer: ProgressPrinter
  private var told: Set<String> = []

  /// - Parameters:
  ///   - connection: as it was when the message was taken.
  ///   - sign: given whenever a file moves.
  init(
    _ message: Message, until goal: SendCommand.Goal, session: AccountSession, connection: OutboxConnection,
    json: Bool, sign: Deadline.Sign = Deadline.Sign()
  ) {
    (self.message, self.goal, self.session, self.json) = (message, goal, session, json)
    self.connection = connection
    self.sign = sign
    printer = ProgressPrinter(json: json)
  }

  /// Returns when the goal is reached with every member.
  /// - Throws: exit code 76 when it cannot be any more; 75 when the message waits for a server that is away.
  func follow() async throws {
    defer { printer.end() }
    if try await look() { return await tellWhatCame() }
    try await endIfWaiting()
    for try await event in session.events {
      connection.note(event)
      switch event {
      case .messageState(let changed) where changed.messageID == message.messageID:
        tell(event)
        if try await look() { return }
      case .delivery(_, message.messageID, _, _, _, _):
        tell(event)
        if try await look() { return }
      case .file(let progress) where progress.messageID == message.messageID:
        sign.give()
        printer.show(progress)
      // Another program holds the account now, or events are missing.
      case .connection(.registered), .lost: if try await look() { return }
      case .connection(.offline): try await endIfWaiting()
      default: tellTrouble(event)
      }
    }
    // The stream only ends by itself when the session was closed under a cancelled task.
    throw CancellationError()
  }

  /// The same, for so many seconds since the last sign.
  /// - Throws: exit code 75 then, with "queued" printed for what waits in the outbox.
  nonisolated func within(
    seconds: Double, or text: String, _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    do { try await Deadline.run(seconds: seconds, since: sign, or: text, body) } catch let late as CommandFailure
      where late.code == 75 && late.text == text
    {
      throw CommandFailure.timedOut(await tellIfQueued() ? text + OutboxConnection.kept : "\(text); it is on its way")
    }
  }

  private func endIfWaiting() async throws {
    guard let failure = connection.failure, await tellIfQueued() else { return }
    throw failure
  }

  private func tellIfQueued() async -> Bool {
    let now = try? await session.perform(FindMessage(room: message.room, id: message.messageID))
    guard let now = now ?? nil, now.message.state == .queued else { return false }
    tell(.messageState(now.message))
    return true
  }

  /// What goes wrong in other rooms, and with other accounts, is not this message's.
  private nonisolated func tellTrouble(_ event: ChatEvent) {
    switch event {
    case .error(message.room, let text, _), .security(message.room, _, let text):
      printer.end()
      if json { Output.line(event.jsonLine) } else { Output.note("limeade: \(ExitStatus.line(text))") }
    default: break
    }
  }

  /// What the user has to know of a message comes before the news that it was sent.
  private func tellWhatCame() async {
    await Self.withTimeout(Self.newsTime) {
      do {
        for try await event in self.session.events {
          switch event {
          case .error, .security: self.tellTrouble(event)
          case .messageState(let changed) where changed.messageID == self.message.messageID: return
          default: break
          }
        }
      } catch { return }
    }
  }

  /// For events that are on their way when the database shows already what they tell.
  private static let newsTime: Duration = .milliseconds(500)

  private static func withTimeout(_ limit: Duration, _ body: @escaping @Sendable () async -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask(operation: body)
      group.addTask { try? await Task.sleep(for: limit) }
      await group.next()
      group.cancelAll()
    }
  }

  private func look() async throws -> Bool {
    guard let now = try await session.perform(FindMessage(room: message.room, id: message.messageID)) else {
      throw CommandFailure(code: 76, text: "the message is gone from the room's history")
    }
    switch now.message.state {
    case .failed:
      printer.end()
      tell(.messageState(now.message))
      if now.message.failure == ChatClient.cancelled {
        throw CommandFailure(code: 130, text: "cancelled, nothing was sent")
      }
      throw CommandFailure(code: 76, text: now.message.failure ?? "the message was refused")
    case .queued: return false
    case .sent, .received, .undecryptable: tell(.messageState(now.message))
    }
    guard goal != .sent else { return true }
    let wanted: Delivery.State = goal == .delivered ? .delivered : .displayed
    let (done, all) = now.count(atLeast: wanted)
    for delivery in now.deliveries where delivery.state != .pending {
      tell(
        .delivery(
          room: message.room, messageID: message.messageID, by: delivery.participant, state: delivery.state,
          reason: delivery.reason, isComplete: done == all))
      if delivery.state == .failed {
        throw CommandFailure(code: 76, text: "\(delivery.participant): \(delivery.reason ?? "not delivered")")
      }
    }
    return done == all
  }

  private func tell(_ event: ChatEvent) {
    let (key, line): (String, String)
    switch event {
    case .messageState(let message):
      key = message.state.rawValue
      line = "\(key) \(message.messageID)"
    case .delivery(_, _, let by, let state, let reason, _):
      key = "\(state.rawValue) \(by)"
      line = ExitStatus.line(key + (reason.map { ": \($0)" } ?? ""))
    default: return
    }
    guard told.insert(key).inserted else { return }
    printer.end()
    Output.line(json ? event.jsonLine : line)
  }
}
