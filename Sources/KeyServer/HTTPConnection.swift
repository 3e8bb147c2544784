// HTTPConnection.swift: the requests of one connection, read within limits (RFC 9112)
import FlyingSocks
import Foundation

/// One client's connection: requests one after another, each within limits of size and time.
actor HTTPConnection {
  /// Most bytes of a request line and its headers together, or of a chunked body's trailer.
  private static let headLimit = 16 * 1024
  /// Most bytes of a line that gives a chunk's size.
  private static let chunkLineLimit = 256
  /// Most bytes that are read and dropped so that a client still sending gets to see the answer.
  private static let drainLimit = 1024 * 1024

  private let socket: AsyncSocket
  private let bodyLimit: Int
  private let timeout: Duration
  private var buffer: [UInt8] = []

  init(socket: AsyncSocket, bodyLimit: Int, timeout: Duration) {
    self.socket = socket
    self.bodyLimit = bodyLimit
    self.timeout = timeout
  }

  /// Answers requests until the client or an error ends the connection, then closes it.
  func serve(_ handler: @Sendable (HTTPRequest) async -> HTTPAnswer) async {
    defer { try? socket.socket.close() }
    do {
      while let request = try await within(timeout, { try await self.next() }) {
        let closing = !request.head.keepsAlive || request.body == nil
        let answer = await handler(request)
        try await send(answer, closing: closing, withBody: request.head.method != "HEAD")
        if closing { break }
      }
    } catch let error as HTTPRequestError {
      // A client that has nothing to ask for a while is no error.
      if error == .timedOut, buffer.isEmpty { return }
      try? await send(HTTPAnswer(status: error.rawValue), closing: true, withBody: true)
    } catch {
      // The client is gone or the server stops: nobody is left to tell.
      return
    }
    await drain()
  }

  private func send(_ answer: HTTPAnswer, closing: Bool, withBody: Bool) async throws {
    let data = answer.serialized(closing: closing, withBody: withBody)
    try await within(timeout) { [socket] in try await socket.write(data) }
  }

  /// Closing with bytes unread would reset the connection and could take the answer with it (RFC 9112 section 9.6).
  private func drain() async {
    shutdown(socket.socket.file.rawValue, Int32(SHUT_WR))
    _ = try? await within(.seconds(2)) { [socket] in
      var count = 0
      while count < Self.drainLimit { count += try await socket.read(atMost: 4096).count }
    }
  }

  /// The next request, nil at the end of the connection.
  private func next() async throws -> HTTPRequest? {
    // Empty lines before a request are passed over (RFC 9112 section 2.2).
    var remaining = Self.headLimit
    var first: [UInt8] = []
    while first.isEmpty {
      if buffer.isEmpty, try await !fill() { return nil }
      first = try await line(&remaining)
    }
    var lines = [first]
    while true {
      let line = try await line(&remaining)
      if line.isEmpty { break }
      lines.append(line)
    }
    let head = try HTTPRequestHead(parsing: lines)
    if case .length(let count) = head.framing, count > bodyLimit { return HTTPRequest(head: head, body: nil) }
    if head.expectsContinue { try await socket.write(Data("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
    switch head.framing {
    case .length(let count): return HTTPRequest(head: head, body: Data(try await take(count)))
    case .chunked: return HTTPRequest(head: head, body: try await chunkedBody())
    }
  }

  /// A chunked body (RFC 9112 section 7.1), nil if it is longer than the limit.
  private func chunkedBody() async throws -> Data? {
    var body = Data()
    while true {
      var remaining = Self.chunkLineLimit
      let line = try await line(&remaining)
      let digits = String(decoding: line.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
        .trimmingCharacters(in: .whitespaces)
      guard (1...15).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0.isHexadecimalDigit }),
        let size = Int(digits, radix: 16)
      else { throw HTTPRequestError.badRequest }
      if size == 0 { break }
      guard size <= bodyLimit - body.count else { return nil }
      body += try await take(size)
      guard try await take(2) == Array("\r\n".utf8) else { throw HTTPRequestError.badRequest }
    }
    var remaining = Self.headLimit
    while try await !line(&remaining).isEmpty {}
    return body
  }

  /// A line without its end; `remaining` bytes are left for it and those that follow.
  private func line(_ remaining: inout Int) async throws -> [UInt8] {
    var searched = 0
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        guard end < remaining else { throw HTTPRequestError.headTooLarge }
        remaining -= end + 1
        guard end > 0, buffer[end - 1] == UInt8(ascii: "\r") else { throw HTTPRequestError.badRequest }
        let line = Array(buffer[..<(end - 1)])
        buffer.removeFirst(end + 1)
        return line
      }
      searched = buffer.count
      guard searched < remaining else { throw HTTPRequestError.headTooLarge }
      guard try await fill() else { throw SocketError.disconnected }
    }
  }

  private func take(_ count: Int) async throws -> [UInt8] {
    while buffer.count < count {
      guard try await fill() else { throw SocketError.disconnected }
    }
    let bytes = Array(buffer.prefix(count))
    buffer.removeFirst(count)
    return bytes
  }

  /// Waits for more bytes. False at the end of the connection.
  private func fill() async throws -> Bool {
    do {
      let bytes = try await socket.read(atMost: 4096)
      buffer += bytes
      return !bytes.isEmpty
    } catch SocketError.disconnected {
      return false
    }
  }
}

/// Runs an operation, cancelling it when its time is over.
private func within<Value: Sendable>(
  _ duration: Duration, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value.self) { group in
    group.addTask { try await operation() }
    group.addTask {
      try await Task.sleep(for: duration)
      throw HTTPRequestError.timedOut
    }
    defer { group.cancelAll() }
    guard let value = try await group.next() else { throw CancellationError() }
    return value
  }
}

extension UInt8 {
  fileprivate var isHexadecimalDigit: Bool {
    (self >= 0x30 && self <= 0x39) || (self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "f"))
  }
}
