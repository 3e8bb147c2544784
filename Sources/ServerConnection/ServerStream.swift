// ServerStream.swift: one connection to a server, TCP or TLS over TCP
import Foundation

/// Two ways to use it: `send` and `receive(within:)` block; `enqueue`, `flush` and `receive` never do, for a loop that
/// polls `descriptor`. Belongs to one thread at a time. Closed when released.
public final class ServerStream {
  /// How long to wait, in seconds.
  public struct Timeouts: Sendable {
    /// For the TCP connection, and again for the TLS handshake.
    public var connect: Double
    /// After so long without an acknowledgement of what was sent, the connection counts as lost (TCP_USER_TIMEOUT).
    public var acknowledgement: Double

    public init(connect: Double = 10, acknowledgement: Double = 20) {
      self.connect = connect
      self.acknowledgement = acknowledgement
    }
  }

  /// Read at once, in bytes.
  private static let readSize = 65_536

  /// For `poll`.
  public let descriptor: Int32
  /// Our end of the connection.
  public let local: SocketAddress
  /// The server's end.
  public let peer: SocketAddress
  private let session: TLSSession?
  /// Bytes for the socket that it did not take yet.
  private var output: [UInt8] = []

  /// Connects; blocks.
  /// - Parameters:
  ///   - address: from `SocketAddress.all` or the locator.
  ///   - tls: nil for plain TCP.
  ///   - host: the name or address that the certificate must be for.
  ///   - interrupt: a descriptor; as soon as it is readable the attempt ends with `.interrupted`.
  ///   - source: an address of this machine to come from, with port 0; nil: the one that the route has.
  public init(
    to address: SocketAddress, tls: TLSSettings?, host: String, timeouts: Timeouts = Timeouts(),
    interrupt: Int32? = nil, from source: SocketAddress? = nil
  ) throws(ConnectionFailure) {
    // First, so that a bad CA file is told before the server hears of us.
    var session: TLSSession?
    if let tls {
      do throws(TLSFailure) { session = try TLSSession(host: host, settings: tls) } catch { throw .tls(error) }
    }
    self.session = session
    descriptor = try Self.connect(address, timeouts, interrupt, source)
    peer = address
    do throws(ConnectionFailure) {
      local = try SocketAddress(localOf: descriptor)
    } catch {
      Foundation.close(descriptor)
      throw error
    }
    if session != nil { try handshake(Deadline(timeouts.connect), interrupt) }
  }

  /// Takes over a TCP connection that a server has made to us; closes it when it is gone already.
  public init(accepted descriptor: Int32, timeouts: Timeouts = Timeouts()) throws(ConnectionFailure) {
    self.descriptor = descriptor
    session = nil
    do throws(ConnectionFailure) {
      local = try SocketAddress(localOf: descriptor)
      peer = try SocketAddress(peerOf: descriptor)
    } catch {
      Foundation.close(descriptor)
      throw error
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    Self.set(descriptor, TCP_NODELAY, 1)
    Self.set(descriptor, TCP_USER_TIMEOUT, Self.milliseconds(timeouts.acknowledgement))
  }

  deinit {
    if let session, output.isEmpty {
      session.close()
      output = session.takeCiphertext()
      _ = try? flush()
    }
    Foundation.close(descriptor)
  }

  /// Tries the addresses of a host one after the other; blocks.
  public static func connect(
    host: String, port: Int, tls: TLSSettings?, timeouts: Timeouts = Timeouts(), interrupt: Int32? = nil,
    from source: SocketAddress? = nil
  ) throws(ConnectionFailure) -> ServerStream {
    var last = ConnectionFailure.unresolvable(host: host, reason: "none")
    for address in try SocketAddress.all(of: host, port: port) {
      do throws(ConnectionFailure) {
        return try ServerStream(
          to: address, tls: tls, host: host, timeouts: timeouts, interrupt: interrupt, from: source)
      } catch {
        if error == .interrupted { throw error }
        last = error
      }
    }
    throw last
  }

  /// Such as `TLSv1.3`; nil for plain TCP.
  public var tlsVersion: String? { session?.version }

  /// With which the server proved itself; nil for plain TCP.
  public var certificate: ServerCertificate? { session?.certificate }

  // MARK: Blocking

  /// - Throws: `.timedOut` when not all could be handed to the system in time.
  public func send(_ data: Data, within seconds: Double) throws(ConnectionFailure) {
    try enqueue([UInt8](data))
    let deadline = Deadline(seconds)
    try flush()
    while wantsToWrite {
      try Self.wait(descriptor, Int16(POLLOUT), deadline, nil)
      try flush()
    }
  }

  /// What has arrived, waiting at most `seconds`. nil when nothing came, empty when the server has closed.
  public func receive(within seconds: Double) throws(ConnectionFailure) -> Data? {
    let deadline = Deadline(seconds)
    while true {
      switch try receive() {
      case .bytes(let bytes): return Data(bytes)
      case .end: return Data()
      case .nothing:
        try flush()
        do throws(ConnectionFailure) { try Self.wait(descriptor, Int16(POLLIN), deadline, nil) } catch {
          if error == .timedOut { return nil }
          throw error
        }
      }
    }
  }

  // MARK: Not blocking

  /// Whether `flush` has work as soon as the socket takes more.
  public var wantsToWrite: Bool { !output.isEmpty }

  /// Bytes that wait for `flush`.
  public var backlog: Int { output.count }

  /// Takes bytes, encrypted where there is TLS, for `flush` to send; sends nothing itself.
  /// - Throws: `.tls` when the session has ended.
  public func enqueue(_ bytes: [UInt8]) throws(ConnectionFailure) {
    guard let session else {
      output += bytes
      return
    }
    do throws(TLSFailure) { try session.write(bytes) } catch { throw .tls(error) }
    output += session.takeCiphertext()
  }

  /// Hands to the system what it takes.
  public func flush() throws(ConnectionFailure) {
    var sent = 0
    defer { output.removeFirst(sent) }
    while sent < output.count {
      let count = output.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        sent += count
      } else if errno == EAGAIN || errno == EWOULDBLOCK {
        return
      } else if errno != EINTR {
        throw .lost(reason: ConnectionFailure.systemText(errno))
      }
    }
  }

  /// What the connection has at the moment.
  public enum Received {
    case bytes([UInt8])
    case nothing
    case end
  }

  /// What has arrived, without waiting. With TLS there may be more although the socket has nothing: call until
  /// `.nothing`.
  /// - Throws: `.tls`, or what broke the connection.
  public func receive() throws(ConnectionFailure) -> Received {
    guard let session else { return try readSocket() }
    // What was fed already comes before what the socket has, which poll(2) reports again.
    while true {
      do throws(TLSFailure) {
        switch try session.read(limit: Self.readSize) {
        case .bytes(let bytes): return .bytes(bytes)
        case .end: return .end
        case .nothing: break
        }
      } catch { throw .tls(error) }
      // Such as the answer to a key update.
      output += session.takeCiphertext()
      switch try readSocket() {
      case .bytes(let bytes): try feed(session, bytes)
      case .end: return .end
      case .nothing: return .nothing
      }
    }
  }

  private func readSocket() throws(ConnectionFailure) -> Received {
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.readSize) { buffer, length in
      repeat { count = recv(descriptor, buffer.baseAddress, buffer.count, 0) } while count < 0 && errno == EINTR
      length = max(0, count)
    }
    if count > 0 { return .bytes(bytes) }
    if count == 0 { return .end }
    if errno == EAGAIN || errno == EWOULDBLOCK { return .nothing }
    throw .lost(reason: ConnectionFailure.systemText(errno))
  }

  // MARK: Connecting

  private func handshake(_ deadline: Deadline, _ interrupt: Int32?) throws(ConnectionFailure) {
    guard let session else { return }
    while true {
      let isDone: Bool
      do throws(TLSFailure) { isDone = try session.handshake() } catch {
        // The alert tells the server why.
        output += session.takeCiphertext()
        _ = try? flush()
        throw .tls(error)
      }
      output += session.takeCiphertext()
      try flush()
      if isDone && !wantsToWrite { return }
      do throws(ConnectionFailure) {
        try Self.wait(descriptor, Int16(wantsToWrite ? POLLOUT | POLLIN : POLLIN), deadline, interrupt)
      } catch {
        throw error == .timedOut ? .tls(.noAnswer) : error
      }
      switch try readSocket() {
      case .bytes(let bytes): try feed(session, bytes)
      case .end: throw .tls(.closed)
      case .nothing: break
      }
    }
  }

  private static func connect(
    _ address: SocketAddress, _ timeouts: Timeouts, _ interrupt: Int32?, _ source: SocketAddress?
  ) throws(ConnectionFailure) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(address.family, type, 0)
    guard descriptor >= 0 else { throw .refused(reason: ConnectionFailure.systemText(errno)) }
    do throws(ConnectionFailure) {
      set(descriptor, TCP_NODELAY, 1)
      if let source, source.withPointer({ bind(descriptor, $0, $1) }) != 0 {
        throw .refused(reason: "cannot come from \(source.numericHost): \(ConnectionFailure.systemText(errno))")
      }
      if address.withPointer({ Foundation.connect(descriptor, $0, $1) }) != 0 {
        guard errno == EINPROGRESS else { throw .refused(reason: ConnectionFailure.systemText(errno)) }
        try wait(descriptor, Int16(POLLOUT), Deadline(timeouts.connect), interrupt)
        var cause: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &cause, &size)
        if cause == ETIMEDOUT { throw .timedOut }
        guard cause == 0 else { throw .refused(reason: ConnectionFailure.systemText(cause)) }
      }
      // Only now: before, it would limit the attempt to connect.
      set(descriptor, TCP_USER_TIMEOUT, milliseconds(timeouts.acknowledgement))
      return descriptor
    } catch {
      Foundation.close(descriptor)
      throw error
    }
  }

  private static func milliseconds(_ seconds: Double) -> Int32 { Int32(max(0, min(seconds, 86_400)) * 1000) }

  private static func set(_ descriptor: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, Int32(IPPROTO_TCP), option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private struct Deadline {
    private let end: ContinuousClock.Instant

    init(_ seconds: Double) { end = .now + .seconds(max(0, min(seconds, 86_400))) }

    var milliseconds: Int32 { end.millisecondsLeft }

    var hasPassed: Bool { ContinuousClock.now >= end }
  }

  private static func wait(
    _ descriptor: Int32, _ events: Int16, _ deadline: Deadline, _ interrupt: Int32?
  ) throws(ConnectionFailure) {
    while true {
      var entries = [
        pollfd(fd: descriptor, events: events, revents: 0),
        pollfd(fd: interrupt ?? -1, events: Int16(POLLIN), revents: 0),
      ]
      let result = poll(&entries, 2, deadline.hasPassed ? 0 : deadline.milliseconds)
      if result < 0, errno != EINTR { throw .lost(reason: ConnectionFailure.systemText(errno)) }
      if entries[1].revents != 0 { throw .interrupted }
      if entries[0].revents != 0 { return }
      if deadline.hasPassed { throw .timedOut }
    }
  }

  private func feed(_ session: TLSSession, _ bytes: [UInt8]) throws(ConnectionFailure) {
    do throws(TLSFailure) { try session.feed(bytes) } catch { throw .tls(error) }
  }
}
