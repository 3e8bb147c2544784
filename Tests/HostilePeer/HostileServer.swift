// HostileServer.swift: a SIP server that changes what passes, and adds requests of its own (RFC 3261, RFC 6665)
import Foundation
import Glibc
import TestSupport

/// Stands between clients and their server, speaking TCP to both. Passes everything until told otherwise.
public final class HostileServer: Sendable {
  /// What goes on in place of a message: nil for the message as it is, none for nothing.
  public typealias Change = @Sendable (WireMessage) -> [WireMessage]?

  public let port: Int
  private let listener: LoopbackSocket
  private let target: Int
  private let lock = NSLock()
  // Only touched under the lock.
  nonisolated(unsafe) private var state = State()

  private struct State {
    var isStopped = false
    var toClient: Change?
    var toServer: Change?
    /// By user.
    var connections: [String: Int32] = [:]
    var waiting: [String: CheckedContinuation<WireMessage, any Error>] = [:]
    /// Requests that were added to a dialog: those of the server that follow are numbered after them.
    var added: [String: Int] = [:]
    /// The last request to a client in each dialog.
    var last: [String: WireMessage] = [:]
    var seen: [WireMessage] = []
  }

  /// - Parameter address: of the server, such as `LabAddresses.sip`.
  public init(to address: String) throws {
    guard let target = address.split(separator: ":").last.flatMap({ Int($0.prefix { $0.isNumber }) }) else {
      throw TestFailure("no port in \(address)")
    }
    self.target = target
    listener = try LoopbackSocket.listening()
    port = listener.port
    Thread.detachNewThread { [self] in serve() }
  }

  /// For an account's outbound proxy.
  public var address: String { "sip:127.0.0.1:\(port);transport=tcp" }

  public func stop() {
    lock.withLock { state.isStopped = true }
    shutdown(listener.descriptor, Int32(SHUT_RDWR))
  }

  /// Requests and responses of the server.
  public func changeToClient(_ change: Change?) { lock.withLock { state.toClient = change } }
  /// Requests and responses of the clients.
  public func changeToServer(_ change: Change?) { lock.withLock { state.toServer = change } }

  /// All that passed, in order.
  public var messages: [WireMessage] { lock.withLock { state.seen } }

  // MARK: Adding

  /// Sends a request to the client of `user`, as the server would, and waits for the final answer.
  /// - Parameters:
  ///   - from: whose name it comes in, such as a room's address.
  ///   - headers: further lines, each ended by CRLF.
  @discardableResult
  public func request(
    _ method: String, to user: String, uri: String, from: String, toTag: String? = nil, headers: String = "",
    contentType: String? = nil, body: Data = Data()
  ) async throws -> WireMessage {
    var message = WireMessage(
      startLine: "\(method) \(uri) SIP/2.0",
      headers: [
        ("From", "<\(from)>;tag=\(UUID().uuidString)"), ("To", "<\(uri)>" + (toTag.map { ";tag=\($0)" } ?? "")),
        ("Call-ID", UUID().uuidString), ("CSeq", "1 \(method)"), ("Max-Forwards", "70"),
      ], body: body)
    message.headers += Self.fields(headers)
    if let contentType { message.headers.append(("Content-Type", contentType)) }
    return try await add(message, to: user)
  }

  /// Sends a NOTIFY in the subscription that the client of `user` has to `room`, in which one came before.
  @discardableResult
  public func notify(
    _ user: String, room: String, contentType: String = "application/conference-info+xml", body: Data
  ) async throws -> WireMessage {
    let found = lock.withLock { () -> WireMessage? in
      let notifies = state.last.values.filter { $0.method == "NOTIFY" && $0.uri("From") == room }
      guard var message = notifies.max(by: { $0.sequence < $1.sequence }), let call = message["Call-ID"] else {
        return nil
      }
      state.added[call, default: 0] += 1
      message["CSeq"] = "\(message.sequence + 1) NOTIFY"
      state.last[call] = message
      return message
    }
    guard var message = found else { throw TestFailure("\(user) has no subscription to \(room)") }
    for name in ["Via", "Content-Type", "Content-Encoding", "Record-Route"] { message[name] = nil }
    message.headers.append(("Content-Type", contentType))
    message.body = body
    return try await add(message, to: user)
  }

  private static let branch = "z9hG4bKhostile-"

  private func add(_ message: WireMessage, to user: String) async throws -> WireMessage {
    var message = message
    let branch = Self.branch + UUID().uuidString
    message.headers.insert(("Via", "SIP/2.0/TCP 127.0.0.1:\(port);branch=\(branch)"), at: 0)
    let bytes = message.serialized
    let limit = Task { [self] in
      try await Task.sleep(for: .seconds(HostilePeer.patience))
      let waiter = lock.withLock { state.waiting.removeValue(forKey: branch) }
      waiter?.resume(throwing: TestFailure("\(user) does not answer \(message.startLine)"))
    }
    defer { limit.cancel() }
    return try await withCheckedThrowingContinuation { continuation in
      let connection = lock.withLock { () -> Int32? in
        guard let connection = state.connections[user] else { return nil }
        state.waiting[branch] = continuation
        Self.write(bytes, to: connection)
        return connection
      }
      if connection == nil { continuation.resume(throwing: TestFailure("\(user) is not connected")) }
    }
  }

  private static func fields(_ lines: String) -> [(name: String, value: String)] {
    lines.components(separatedBy: "\r\n").compactMap { line in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }
  }

  // MARK: Passing

  private func serve() {
    while true {
      let client = accept(listener.descriptor, nil, nil)
      if client < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      _ = fcntl(client, F_SETFD, FD_CLOEXEC)
      guard lock.withLock({ !state.isStopped }), let upstream = try? LoopbackSocket.connected(to: target) else {
        close(client)
        continue
      }
      let server = dup(upstream.descriptor)
      _ = fcntl(server, F_SETFD, FD_CLOEXEC)
      let end = Ends(client: client, server: server)
      Thread.detachNewThread { [self] in pump(end, from: client, to: server) { fromClient($0, client) } }
      Thread.detachNewThread { [self] in pump(end, from: server, to: client) { fromServer($0) } }
    }
  }

  /// Closes both sockets when both threads have let go of it.
  private final class Ends: Sendable {
    let client: Int32
    let server: Int32

    init(client: Int32, server: Int32) { (self.client, self.server) = (client, server) }

    deinit {
      close(client)
      close(server)
    }
  }

  private func pump(_ ends: Ends, from source: Int32, to sink: Int32, pass: (WireMessage) -> [WireMessage]) {
    var received = Data()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(source, &buffer, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      received.append(contentsOf: buffer[..<count])
      // What is sent in between to keep the connection open.
      let blank = received.prefix { $0 == 13 || $0 == 10 }
      if !blank.isEmpty { lock.withLock { Self.write(Data(blank), to: sink) } }
      while let message = WireMessage.take(&received) {
        for changed in pass(message) { lock.withLock { Self.write(changed.serialized, to: sink) } }
      }
      if received.allSatisfy({ $0 == 13 || $0 == 10 }) { received = Data() }
    }
    lock.withLock { state.connections = state.connections.filter { $0.value != ends.client } }
    shutdown(source, Int32(SHUT_RDWR))
    shutdown(sink, Int32(SHUT_RDWR))
  }

  private func fromClient(_ message: WireMessage, _ connection: Int32) -> [WireMessage] {
    var message = message
    if message.method == "REGISTER", message.isRequest, let from = message.uri("From") {
      let user = from.dropFirst("sip:".count).prefix { $0 != "@" }
      lock.withLock { state.connections[String(user)] = connection }
    }
    if !message.isRequest, let via = message["Via"], let range = via.range(of: Self.branch) {
      let branch = String(via[range.lowerBound...].prefix { $0 != ";" && $0 != "," })
      guard message.status >= 200 else { return [] }
      lock.withLock { state.waiting.removeValue(forKey: branch) }?.resume(returning: message)
      return []
    }
    let change = lock.withLock { () -> Change? in
      if !message.isRequest, let added = message["Call-ID"].flatMap({ state.added[$0] }) {
        message["CSeq"] = "\(message.sequence - added) \(message.method)"
      }
      state.seen.append(message)
      return state.toServer
    }
    return change?(message) ?? [message]
  }

  private func fromServer(_ message: WireMessage) -> [WireMessage] {
    var message = message
    let change = lock.withLock { () -> Change? in
      if message.isRequest, let call = message["Call-ID"] {
        if let added = state.added[call] { message["CSeq"] = "\(message.sequence + added) \(message.method)" }
        state.last[call] = message
      }
      state.seen.append(message)
      return state.toClient
    }
    return change?(message) ?? [message]
  }

  private static func write(_ bytes: Data, to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
