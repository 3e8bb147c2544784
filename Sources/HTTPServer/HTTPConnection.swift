// HTTPConnection.swift: the requests of one connection, read within limits (RFC 9112)
import FlyingSocks
import Foundation

/// One client's connection: requests one after another, each within limits of size and time.
actor HTTPConnection {
  /// Most bytes of a request line and its headers together, or of a chunked body's trailer.
  private static let headLimit = 16 * 1024
  /// Most bytes of a line that gives a chunk's size.
  private static let chunkLineLimit = 256
  /// What is read and dropped, in bytes and in time, so that a client still sending gets to see the answer.
  private static let drainLimit = 16 * 1024 * 1024
  private static let drainTime = Duration.seconds(5)

  /// Most bytes of a body or a file that are in memory at a time.
  private static let pieceSize = 64 * 1024

  private let socket: AsyncSocket
  private let pool: any AsyncSocketPool
  private let table: HTTPConnectionTable
  private let id: Int
  private let limits: HTTPLimits
  private var buffer: [UInt8] = []
  private var body = BodyState.ended

  /// What is still to come of a request's body.
  private enum BodyState {
    case ended
    /// Bytes left, of the whole body or of a chunk, and whether further chunks follow.
    case bytes(Int, isChunked: Bool)
  }
  /// Since when the socket is waited for.
  private var waitingSince: ContinuousClock.Instant?
  /// How long it was waited for in the present window, that wait not included, and what moved meanwhile.
  private var waited = Duration.zero
  private var moved = 0
  /// The client waits to be told to send the body.
  private var isContinueDue = false

  /// - Parameter id: of the connection in the table, which it leaves when it ends.
  init(_ socket: AsyncSocket, pool: any AsyncSocketPool, id: Int, in table: HTTPConnectionTable) {
    self.socket = socket
    self.pool = pool
    self.id = id
    self.table = table
    limits = table.limits
  }

  /// Answers requests until the client or an error ends the connection, then closes it.
  func serve(_ handler: @escaping @Sendable (HTTPRequest) async throws -> HTTPAnswer) async {
    defer { table.close(id, socket.socket) }
    do {
      while let head = try await within(limits.headTime, { try await self.next() }) {
        table.begin(id)
        defer { table.end(id) }
        let request = HTTPRequest(
          method: head.method, target: head.target, headers: head.headers,
          body: HTTPRequestBody(connection: self, timeout: limits.bodyTime, length: head.framing.length))
        let isLast = try await whileBytesMove {
          let answer = try await handler(request)
          // What is left of a body could be taken for the next request.
          let hasWholeBody = await self.hasWholeBody
          let closing = !head.keepsAlive || !hasWholeBody
          try await self.send(answer, closing: closing, withBody: head.method != "HEAD")
          return closing
        }
        if isLast { break }
      }
    } catch let error as HTTPRequestError {
      // A client that has nothing to ask for a while is no error.
      if error == .timedOut, buffer.isEmpty, case .ended = body { return }
      let later = error == .tooManyRequests ? [("Retry-After", "5")] : []
      _ = try? await whileBytesMove {
        try await self.send(HTTPAnswer(status: error.rawValue, headers: later), closing: true, withBody: true)
      }
    } catch {
      // The client is gone or the server stops: nobody is left to tell.
      return
    }
    await drain()
  }

  private var hasWholeBody: Bool {
    if case .ended = body { true } else { false }
  }

  /// Whether the request may be one more of that user's.
  func identify(as user: String) throws(HTTPRequestError) {
    guard table.identify(id, as: user) else { throw .tooManyRequests }
  }

  /// Runs something until it is done, or the client lets it wait without enough bytes moving.
  ///
  /// One watch for all waits: a sleep that is cancelled holds memory until its time is over, and a large file has many
  /// thousands of waits.
  private func whileBytesMove<Value: Sendable>(
    _ operation: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    (waited, moved) = (.zero, 0)
    return try await withThrowingTaskGroup(of: Value.self) { group in
      group.addTask { try await operation() }
      group.addTask {
        try await self.stall()
        throw HTTPRequestError.timedOut
      }
      defer { group.cancelAll() }
      guard let value = try await group.next() else { throw CancellationError() }
      return value
    }
  }

  /// Returns when the socket was waited for all of a window's time, and too little has moved in it.
  private func stall() async throws {
    while true {
      let now = ContinuousClock.now
      let total = waited + (waitingSince.map { now - $0 } ?? .zero)
      guard total >= limits.windowTime else {
        try await Task.sleep(for: limits.windowTime - total)
        continue
      }
      if moved < limits.bytesPerWindow { return }
      (waited, moved) = (.zero, 0)
      if waitingSince != nil { waitingSince = now }
    }
  }

  private func beginWait() { waitingSince = .now }

  /// - Parameter count: the bytes that were waited for.
  private func endWait(_ count: Int) {
    if let waitingSince { waited += ContinuousClock.now - waitingSince }
    waitingSince = nil
    moved += count
    if count > 0 { table.moved(count, by: id) }
  }

  private func send(_ answer: HTTPAnswer, closing: Bool, withBody: Bool) async throws {
    let head = answer.head(closing: closing)
    switch answer.body {
    case .data(let data): try await write(withBody ? head + data : head)
    case .chunked(let data):
      let chunk = data.isEmpty ? Data() : Data("\(String(data.count, radix: 16))\r\n".utf8) + data + Data("\r\n".utf8)
      try await write(withBody ? head + chunk + Data("0\r\n\r\n".utf8) : head)
    case .file(let path, let offset, let count):
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      try file.seek(toOffset: UInt64(offset))
      try await write(head)
      var left = withBody ? count : 0
      while left > 0 {
        let piece = try file.read(upToCount: min(left, Self.pieceSize)) ?? Data()
        guard !piece.isEmpty else { throw SocketError.disconnected }
        try await write(piece)
        left -= piece.count
      }
    }
  }

  private func write(_ data: Data) async throws {
    var sent = data.startIndex
    while sent < data.endIndex {
      try Task.checkCancellation()
      do {
        let next = try socket.socket.write(data, from: sent)
        endWait(next - sent)
        sent = next
      } catch SocketError.blocked {
        beginWait()
        defer { endWait(0) }
        try await pool.suspendSocket(socket.socket, untilReadyFor: .write)
      }
    }
  }

  /// The next bytes; none at the end of the connection.
  private func read(atMost count: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    beginWait()
    defer { endWait(bytes.count) }
    bytes = try await socket.read(atMost: count)
    return bytes
  }

  /// Closing with bytes unread would reset the connection and could take the answer with it (RFC 9112 section 9.6).
  private func drain() async {
    shutdown(socket.socket.file.rawValue, Int32(SHUT_WR))
    _ = try? await within(Self.drainTime) { [socket] in
      var count = 0
      while count < Self.drainLimit { count += try await socket.read(atMost: Self.pieceSize).count }
    }
  }

  /// The head of the next request, nil at the end of the connection.
  private func next() async throws -> HTTPRequestHead? {
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
    switch head.framing {
    case .length(let count): body = count > 0 ? .bytes(count, isChunked: false) : .ended
    case .chunked: body = .bytes(0, isChunked: true)
    }
    isContinueDue = head.expectsContinue
    return head
  }

  /// The next piece of the request's body; empty at its end.
  func readBody() async throws -> [UInt8] {
    if isContinueDue, case .bytes = body {
      isContinueDue = false
      try await write(Data("HTTP/1.1 100 Continue\r\n\r\n".utf8))
    }
    guard case .bytes(var left, let isChunked) = body else { return [] }
    if left == 0 {
      left = try await nextChunk()
      if left == 0 {
        body = .ended
        return []
      }
    }
    if buffer.isEmpty {
      buffer = try await read(atMost: min(left, Self.pieceSize))
      if buffer.isEmpty { throw SocketError.disconnected }
    }
    let piece = Array(buffer.prefix(left))
    buffer.removeFirst(piece.count)
    left -= piece.count
    if left == 0, isChunked, try await take(2) != Array("\r\n".utf8) { throw HTTPRequestError.badRequest }
    body = left == 0 && !isChunked ? .ended : .bytes(left, isChunked: isChunked)
    return piece
  }

  /// The size of the chunk that begins here, 0 after the last (RFC 9112 section 7.1).
  private func nextChunk() async throws -> Int {
    var remaining = Self.chunkLineLimit
    let line = try await line(&remaining)
    let digits = String(decoding: line.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
      .trimmingCharacters(in: .whitespaces)
    guard (1...15).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0.isHexadecimalDigit }),
      let size = Int(digits, radix: 16)
    else { throw HTTPRequestError.badRequest }
    guard size == 0 else { return size }
    remaining = Self.headLimit
    while try await !self.line(&remaining).isEmpty {}
    return 0
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
      let bytes = try await read(atMost: 4096)
      buffer += bytes
      return !bytes.isEmpty
    } catch SocketError.disconnected {
      return false
    }
  }
}

/// Runs an operation, cancelling it when its time is over.
func within<Value: Sendable>(
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
