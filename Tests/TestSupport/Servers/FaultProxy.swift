// FaultProxy.swift: a TCP proxy on loopback that behaves as a bad network does
import Foundation
import Glibc

/// Forwards connections to a port of this machine, until it is told to do otherwise.
///
/// `@unchecked Sendable`: all variables are only touched under `lock`.
public final class FaultProxy: @unchecked Sendable {
  public enum Mode: Sendable {
    case forward
    /// One byte at a time, in both directions.
    case dribble
    /// Takes bytes and forwards none, as a server that hangs.
    case swallow
    /// So many bytes of all connections and both directions together, and none after them.
    case limited(Int)
  }

  public let port: Int
  private let target: Int
  private let listener: LoopbackSocket
  private let lock = NSLock()
  private var mode: Mode
  private var refuses = false
  private var pairs: [Pair] = []
  private var count = 0
  private var unplugged: [Int32] = []
  private var toServers = 0
  private var toClients = 0

  private struct Pair {
    var client: Int32
    var server: Int32
    var openEnds = 2
    var delay: DelayedConnections?
  }

  /// Connections whose bytes come late: those of newer ones overtake them. See `delay()`.
  ///
  /// `@unchecked Sendable`: the variables are only touched under the proxy's lock.
  public final class DelayedConnections: @unchecked Sendable {
    private let lock: NSLock
    fileprivate let mark: [UInt8]
    fileprivate var hasBegun: Bool
    fileprivate var isReleased = false
    fileprivate var mayEnd = false
    fileprivate var received = Data()

    fileprivate init(_ lock: NSLock, mark: String) {
      (self.lock, self.mark, hasBegun) = (lock, Array(mark.utf8), mark.isEmpty)
    }

    /// Whether something that bears the mark is kept back.
    public var holdsMark: Bool { lock.withLock { hasBegun } }

    /// What was kept back goes on its way.
    /// - Parameter ending: also the end of connections that one side has closed meanwhile; otherwise the other side
    ///   does not learn of it until the proxy stops.
    public func release(ending: Bool) { lock.withLock { (isReleased, mayEnd) = (true, ending) } }

    /// What the servers sent over these connections after `release()`, also when no client is there any more.
    public var answers: String { String(decoding: lock.withLock { received }, as: UTF8.self) }
  }

  public init(to target: Int, _ mode: Mode = .forward) throws {
    self.target = target
    self.mode = mode
    listener = try LoopbackSocket.listening()
    port = listener.port
    Thread.detachNewThread { [self] in run() }
  }

  /// Connections that clients made so far.
  public var connections: Int { lock.withLock { count } }

  /// Bytes that came from clients, also those that were not forwarded; and from servers.
  public var bytesToServers: Int { lock.withLock { toServers } }
  public var bytesToClients: Int { lock.withLock { toClients } }

  public func set(_ mode: Mode) { lock.withLock { self.mode = mode } }

  /// Whether new connections are closed at once.
  public func refuse(_ refuses: Bool) { lock.withLock { self.refuses = refuses } }

  /// Resets all connections (RST).
  public func cut() {
    lock.withLock {
      for pair in pairs {
        for descriptor in [pair.client, pair.server] {
          var abrupt = linger(l_onoff: 1, l_linger: 0)
          setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
          // Wakes its thread, which closes it.
          shutdown(descriptor, Int32(SHUT_RD))
        }
      }
    }
  }

  /// From now on what either side sends over the connections of now, and that it closes them, is kept back until
  /// `release`.
  /// - Parameter mark: begin only when a client sends this; at once when empty.
  public func delay(from mark: String = "") -> DelayedConnections {
    lock.withLock {
      let delay = DelayedConnections(lock, mark: mark)
      for index in pairs.indices { pairs[index].delay = delay }
      return delay
    }
  }

  /// From now on the connections' packets are dropped by the kernel, as behind a cut cable: nothing that a client sends
  /// is acknowledged, and no end of the connection is seen. New connections work.
  public func unplug() {
    lock.withLock {
      // Linux's struct sock_filter: "return 0", keep nothing of any packet; and struct sock_fprog.
      var dropAll: (code: UInt16, jumpTrue: UInt8, jumpFalse: UInt8, value: UInt32) = (0x06, 0, 0, 0)
      withUnsafeMutablePointer(to: &dropAll) { filter in
        var program: (length: UInt16, filter: UnsafeMutableRawPointer) = (1, UnsafeMutableRawPointer(filter))
        for pair in pairs {
          let size = socklen_t(MemoryLayout.size(ofValue: program))
          setsockopt(pair.client, SOL_SOCKET, SO_ATTACH_FILTER, &program, size)
        }
      }
      // What the server says, such as its own end, must not get through either.
      unplugged += pairs.map(\.client)
    }
  }

  /// Ends everything. Must be called.
  public func stop() {
    refuse(true)
    shutdown(listener.descriptor, Int32(SHUT_RDWR))
    lock.withLock {
      for delay in pairs.compactMap(\.delay) { (delay.isReleased, delay.mayEnd) = (true, true) }
    }
    cut()
  }

  private func run() {
    while true {
      let client = accept(listener.descriptor, nil, nil)
      if client < 0 {
        if errno == EINTR { continue }
        return
      }
      let isRefused = lock.withLock {
        count += 1
        return refuses
      }
      guard !isRefused, let upstream = try? LoopbackSocket.connected(to: target) else {
        close(client)
        continue
      }
      let server = dup(upstream.descriptor)
      for descriptor in [client, server] {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
      }
      lock.withLock { pairs.append(Pair(client: client, server: server)) }
      Thread.detachNewThread { [self] in pump(from: client, to: server) }
      Thread.detachNewThread { [self] in pump(from: server, to: client) }
    }
  }

  private func pump(from source: Int32, to sink: Int32) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var late: [UInt8] = []
    // The last bytes that were not kept back: a mark may begin there.
    var passed: ArraySlice<UInt8> = []
    loop: while true {
      if let delay = delay(of: source) {
        let isReleased = lock.withLock { delay.isReleased || !delay.hasBegun }
        if isReleased, !late.isEmpty {
          // The client may be gone; what the server says is still of interest.
          _ = Self.write(late[...], to: sink)
          late = []
        }
        if !isReleased, !Self.isReadable(source) { continue }
      }
      let received = recv(source, &buffer, buffer.count, 0)
      if received < 0, errno == EINTR { continue }
      if received <= 0 {
        guard let delay = delay(of: source), lock.withLock({ delay.hasBegun }) else { break }
        while !lock.withLock({ delay.isReleased }) { usleep(Self.pause) }
        _ = Self.write(late[...], to: sink)
        while !lock.withLock({ delay.mayEnd }) { usleep(Self.pause) }
        break
      }
      let mode = lock.withLock { () -> Mode? in
        let pair = pairs.first { $0.client == source || $0.server == source }
        if pair?.client == source { toServers += received } else { toClients += received }
        if let delay = pair?.delay {
          if delay.isReleased, pair?.server == source { delay.received += Data(buffer[..<received]) }
          if !delay.hasBegun, pair?.client == source {
            passed = (passed + buffer[..<received]).suffix(received + delay.mark.count)
            delay.hasBegun = passed.firstRange(of: delay.mark) != nil
          }
          if delay.hasBegun { return nil }
        }
        if unplugged.contains(source) || unplugged.contains(sink) { return .swallow }
        if case .limited(let bytes) = self.mode { return toServers + toClients <= bytes ? .forward : .swallow }
        return self.mode
      }
      switch mode {
      case nil: late += buffer[..<received]
      case .swallow, .limited: continue
      case .forward: if !Self.write(buffer[..<received], to: sink) { break loop }
      case .dribble:
        for byte in buffer[..<received] where !Self.write([byte], to: sink) { break loop }
      }
    }
    end(source, sink)
  }

  private func delay(of descriptor: Int32) -> DelayedConnections? {
    lock.withLock { pairs.first { $0.client == descriptor || $0.server == descriptor }?.delay }
  }

  /// Between two looks at a delay, in microseconds.
  private static let pause: UInt32 = 5_000

  private static func isReadable(_ descriptor: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, Int32(pause / 1000)) > 0
  }

  /// The second of the two threads of a pair closes it.
  private func end(_ source: Int32, _ sink: Int32) {
    lock.withLock {
      guard let index = pairs.firstIndex(where: { [$0.client, $0.server].contains(source) }) else { return }
      pairs[index].openEnds -= 1
      if pairs[index].delay?.hasBegun == true {
        // What comes the other way goes on until that ends too.
        shutdown(sink, Int32(SHUT_WR))
      } else if unplugged.contains(source) || unplugged.contains(sink) {
        shutdown(pairs[index].server, Int32(SHUT_RDWR))
      } else {
        for descriptor in [source, sink] { shutdown(descriptor, Int32(SHUT_RDWR)) }
      }
      if pairs[index].openEnds == 0 {
        close(pairs[index].client)
        close(pairs[index].server)
        unplugged.removeAll { $0 == pairs[index].client }
        pairs.remove(at: index)
      }
    }
  }

  private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
