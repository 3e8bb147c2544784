// RemoteAccount.swift: an account that another program of this user holds, by its socket.
import ChatCore
import Foundation

/// One connection to the holder.
///
/// `@unchecked Sendable`: everything mutable is only touched under `lock`; the descriptor is closed by the reading
/// thread, and by then nothing is written to it.
final class RemoteAccount: AccountService, @unchecked Sendable {
  private typealias Answer = CheckedContinuation<Data, any Error>
  /// How long the holder may take to say who it is.
  private static let greetingTime: Duration = .seconds(10)

  /// Identifier of the holder's process.
  let process: pid_t
  private let descriptor: Int32
  private let lock = NSLock()
  private var pending: [Int: Answer] = [:]
  private var nextID = 1
  private var listeners: [AsyncStream<ChatEvent>.Continuation] = []
  private var isClosing = false
  private var isOpen = true

  /// nil when nobody serves the account.
  /// - Throws: `ServiceError` when the holder does not answer or is of another version.
  static func connect(in folder: URL) async throws -> RemoteAccount? {
    guard let descriptor = try AccountSocket.connect(in: folder) else { return nil }
    guard let process = AccountSocket.peer(of: descriptor) else {
      Foundation.close(descriptor)
      throw ServiceError.noSocket(
        path: folder.appendingPathComponent(AccountSocket.name).path, cause: "it belongs to another user")
    }
    let account = RemoteAccount(descriptor, process: process)
    do {
      let holder = try await account.greet()
      guard holder.protocolVersion == ShowAccount.protocolVersion, holder.version == Version.current else {
        throw ServiceError.otherVersion(holder.version, process: process)
      }
      return account
    } catch {
      account.close()
      switch error {
      case ServiceError.notAccepted, ServiceError.ended: return nil
      default: throw error
      }
    }
  }

  private init(_ descriptor: Int32, process: pid_t) {
    (self.descriptor, self.process) = (descriptor, process)
    let thread = Thread { [self] in readAnswers() }
    thread.name = "account holder"
    thread.start()
  }

  func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  private func greet() async throws -> ShowAccount.Output {
    try await withThrowingTaskGroup(of: ShowAccount.Output.self) { group in
      group.addTask { try await self.perform(ShowAccount()) }
      group.addTask { [process] in
        try await Task.sleep(for: Self.greetingTime)
        throw ServiceError.silent(process: process)
      }
      defer { group.cancelAll() }
      guard let first = try await group.next() else { throw CancellationError() }
      return first
    }
  }

  // MARK: Asking

  func perform<Operation: AccountOperation>(_ operation: Operation) async throws -> Operation.Output {
    let result = try await ask(Operation.method, String(decoding: try RPC.encode(operation), as: UTF8.self))
    do { return try RPC.decode(Operation.Output.self, from: result) } catch {
      throw ServiceError.protocolViolation("\(Operation.method): \(error)")
    }
  }

  /// Events from now on, the state of the connection first; ends with the holder.
  func events() async throws -> AsyncStream<ChatEvent> {
    let (stream, continuation) = AsyncStream.makeStream(of: ChatEvent.self)
    let isFirst = lock.withLock {
      listeners.append(continuation)
      if !isOpen { continuation.finish() }
      return listeners.count == 1
    }
    if isFirst { _ = try await ask("events.subscribe", "{}") }
    return stream
  }

  private func ask(_ method: String, _ parameters: String) async throws -> Data {
    let id = lock.withLock {
      defer { nextID += 1 }
      return nextID
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let problem = lock.withLock { () -> (any Error)? in
          if Task.isCancelled { return CancellationError() }
          guard isOpen, !isClosing else { return ServiceError.notAccepted }
          pending[id] = continuation
          return nil
        }
        if let problem { return continuation.resume(throwing: problem) }
        let line = "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"method\":\"\(method)\",\"params\":\(parameters)}"
        // A holder that is gone is noticed by the reading thread too, which fails what waits; one that does not read
        // is as good as gone.
        if !LineWriter.write(line, to: descriptor) { close() }
      }
    } onCancel: {
      settle(id, .failure(CancellationError()))
    }
  }

  private func settle(_ id: Int, _ result: Result<Data, any Error>) {
    lock.withLock { pending.removeValue(forKey: id) }?.resume(with: result)
  }

  // MARK: Answers

  private func readAnswers() {
    var reader = LineReader(descriptor, limit: RPC.answerLimit)
    while let line = try? reader.next() { take(line) }
    let (rest, streams, closing) = lock.withLock {
      isOpen = false
      defer { (pending, listeners) = ([:], []) }
      return (Array(pending.values), listeners, isClosing)
    }
    let error: ServiceError = closing ? .notAccepted : .ended(process: process)
    for answer in rest { answer.resume(throwing: error) }
    for stream in streams { stream.finish() }
    Foundation.close(descriptor)
  }

  private func take(_ line: Data) {
    guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any] else { return }
    if let method = object["method"] as? String {
      notified(method, object["params"] as? [String: Any] ?? [:])
    } else if let id = object["id"] as? Int {
      settle(id, Self.result(of: object))
    }
  }

  private static func result(of object: [String: Any]) -> Result<Data, any Error> {
    if let error = object["error"] as? [String: Any] {
      let text = error["message"] as? String ?? "no reason given"
      // Codes of JSON-RPC itself mean that the two programs do not understand each other.
      guard let code = error["code"] as? Int, (1...255).contains(code) else {
        return .failure(ServiceError.protocolViolation(text))
      }
      return .failure(ServiceError.failed(code: Int32(code), text: text))
    }
    return Result {
      try JSONSerialization.data(withJSONObject: object["result"] ?? NSNull(), options: .fragmentsAllowed)
    }
  }

  private func notified(_ method: String, _ parameters: [String: Any]) {
    switch method {
    case "event":
      guard let value = parameters["value"], let data = try? JSONSerialization.data(withJSONObject: value),
        let event = try? RPC.decode(ChatEvent.self, from: data)
      else { return }
      tell(event)
    case "events.lost": tell(.lost(count: parameters["count"] as? Int ?? 0))
    case "closing": lock.withLock { isClosing = true }
    default: break
    }
  }

  private func tell(_ event: ChatEvent) {
    for listener in lock.withLock({ listeners }) { listener.yield(event) }
  }
}
