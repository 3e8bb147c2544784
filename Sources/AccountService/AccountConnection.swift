// AccountConnection.swift: one client of the account's socket: its requests, and the events it subscribed to.
import ChatCore
import Foundation

/// A thread reads, a thread writes. Requests are carried out one after the other, so that what is sent over one
/// connection arrives in its order; who wants two things at a time connects twice.
///
/// `@unchecked Sendable`: everything mutable is only touched under `lock`; the descriptor is closed when both threads
/// have ended.
final class AccountConnection: @unchecked Sendable {
  private let descriptor: Int32
  private let client: ChatClient
  private let onEnd: (AccountConnection) -> Void
  private let outgoing = OutgoingLines()
  /// Free when the last request was answered, and its answer has left.
  private let turn = DispatchSemaphore(value: 1)
  private let lock = NSLock()
  private var running = 0
  private var isClosing = false
  private var subscription: Task<Void, Never>?

  init(_ descriptor: Int32, client: ChatClient, onEnd: @escaping (AccountConnection) -> Void) {
    (self.descriptor, self.client, self.onEnd) = (descriptor, client, onEnd)
  }

  func start() {
    let written = DispatchSemaphore(value: 0)
    let writer = Thread { [self] in
      outgoing.run(to: descriptor)
      // Wakes the reader, which closes the descriptor.
      shutdown(descriptor, Int32(SHUT_RDWR))
      written.signal()
    }
    writer.name = "account client, writing"
    let reader = Thread { [self] in
      readRequests()
      unsubscribe()
      outgoing.finish()
      written.wait()
      Foundation.close(descriptor)
      onEnd(self)
    }
    reader.name = "account client, reading"
    writer.start()
    reader.start()
  }

  /// Too many are connected.
  func refuse() {
    _ = LineWriter.write(RPC.answer(id: "null", .failure(.tooManyConnections)), to: descriptor)
    Foundation.close(descriptor)
  }

  /// Begins nothing new, answers what was begun, and says `closing`: what is not answered then was not begun.
  func close(within limit: Duration) async {
    lock.withLock { isClosing = true }
    let deadline = ContinuousClock.now + limit
    while lock.withLock({ running > 0 }), ContinuousClock.now < deadline {
      try? await Task.sleep(for: .milliseconds(5))
    }
    unsubscribe()
    let (done, signal) = AsyncStream.makeStream(of: Void.self)
    outgoing.add(RPC.notification("closing", [:])) { signal.finish() }
    outgoing.finish()
    let timer = Task {
      try? await Task.sleep(until: deadline)
      signal.finish()
    }
    for await _ in done {}
    timer.cancel()
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  // MARK: Requests

  private func readRequests() {
    var reader = LineReader(descriptor, limit: RPC.requestLimit)
    do {
      while let line = try reader.next() {
        // Blank lines separate nothing.
        if line.allSatisfy({ $0 == 32 || $0 == 13 || $0 == 9 }) { continue }
        turn.wait()
        let begins = lock.withLock {
          guard !isClosing else { return false }
          running += 1
          return true
        }
        guard begins else {
          turn.signal()
          return
        }
        Task { await self.serve(line) }
      }
    } catch {
      // What follows has no beginning: the connection ends.
      outgoing.add(RPC.answer(id: "null", .failure(.tooLong)))
    }
  }

  private func serve(_ line: Data) async {
    if let answer = await answer(to: line) {
      // Only when it has left: who does not read is not read.
      outgoing.add(answer) { [turn] in turn.signal() }
    } else {
      turn.signal()
    }
    lock.withLock { running -= 1 }
  }

  private func answer(to line: Data) async -> String? {
    switch RPC.parse(line) {
    case .single(let request, let id): return await answer(request, id: id)
    case .batch(let requests):
      var answers: [String] = []
      for (request, id) in requests {
        if let answer = await answer(request, id: id) { answers.append(answer) }
      }
      return answers.isEmpty ? nil : "[\(answers.joined(separator: ","))]"
    }
  }

  private func answer(_ request: Result<RPCRequest, RPCError>, id: String) async -> String? {
    let wanted: RPCRequest
    switch request {
    case .failure(let error): return RPC.answer(id: id, .failure(error))
    case .success(let request): wanted = request
    }
    let result: Result<Data, RPCError>
    switch wanted.method {
    case "events.subscribe": result = .success(await subscribe())
    case "events.unsubscribe":
      unsubscribe()
      result = .success(Data("{}".utf8))
    default:
      if let operation = AccountOperations.byMethod[wanted.method] {
        result = await perform(operation, wanted.parameters)
      } else {
        result = .failure(.unknownMethod(wanted.method))
      }
    }
    return wanted.id == nil ? nil : RPC.answer(id: id, result)
  }

  private func perform<Operation: AccountOperation>(
    _ type: Operation.Type, _ parameters: Data
  ) async -> Result<Data, RPCError> {
    let operation: Operation
    do { operation = try RPC.decode(type, from: parameters) } catch {
      return .failure(.invalidParameters("\(type.method): \(ParameterProblem.text(of: error))"))
    }
    // A misspelt name would otherwise be an option that is silently not taken.
    let known = Set(Mirror(reflecting: operation).children.compactMap(\.label))
    let given = (try? JSONSerialization.jsonObject(with: parameters) as? [String: Any])?.keys.sorted() ?? []
    if let unknown = given.first(where: { !known.contains($0) }) {
      return .failure(.invalidParameters("\(type.method) has no parameter '\(unknown)'"))
    }
    do {
      try await client.waitUntilReady(for: operation)
      return .success(try RPC.encode(try await operation.perform(on: client)))
    } catch {
      return .failure(RPCError(code: Int(ServiceError.exitCode(of: error)), message: ServiceError.text(of: error)))
    }
  }

  // MARK: Events

  private func subscribe() async -> Data {
    // From now on, and before the answer: nothing that happens after the answer is missed.
    let events = client.events()
    let state = await client.connection
    lock.withLock {
      guard subscription == nil, !isClosing else { return }
      outgoing.addEvent(Self.line(of: .connection(state), ChatEvent.connection(state).jsonFields))
      subscription = Task { [outgoing, client] in
        var fields = EventFields(for: client.account.address) { try? await client.store.summary(ofRoom: $0) }
        for await event in events {
          await fields.learn(event)
          outgoing.addEvent(Self.line(of: event, fields.jsonFields(of: event)))
        }
      }
    }
    return Data("{}".utf8)
  }

  private func unsubscribe() {
    lock.withLock {
      subscription?.cancel()
      subscription = nil
    }
  }

  /// The fields of `--json`, and in `value` the same as `ChatEvent` is coded: for programs of the same version.
  private static func line(of event: ChatEvent, _ fields: [String: Any]) -> String {
    var fields = fields
    fields["value"] = (try? RPC.encode(event)).map { data in
      JSONLine.Fragment(json: JSONLine.harmless(String(decoding: data, as: UTF8.self)))
    }
    return RPC.notification("event", fields)
  }
}

/// Errors of decoding as a text about the parameters.
private enum ParameterProblem {
  static func text(of error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "the parameter '\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
    default: "\(error)"
    }
  }
}
