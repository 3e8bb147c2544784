// ServerLink.swift: carries an agent's SIP between Sofia, which sees a loopback connection, and the server
import Foundation
import ServerConnection

/// Sofia connects to `port` on loopback; for each such connection one is made to the server, over TCP or TLS. So what
/// belongs to the way to the server (names, TLS, keepalive, loss, change of our address) is here and not in Sofia, and
/// its failures have causes.
///
/// `@unchecked Sendable`: `made` and `hadConnection` are only touched on the link's thread, what else is mutable only
/// under `lock`; all else is constant.
final class ServerLink: AgentLink, @unchecked Sendable {
  struct Settings: Sendable {
    /// The name that the certificate must be for.
    var host: String
    /// TCP or TLS.
    var transport: SIPTransport
    /// Where the server is, in the order in which to try. Blocks.
    var addresses: @Sendable () throws(ConnectionFailure) -> [SocketAddress]
    var tls: TLSSettings
    /// Our host in Via, IPv6 in brackets.
    var localHost: String
    /// Our port in Via, nil for that of the listener.
    var localPort: Int?
    var timeouts: ServerStream.Timeouts
    var common: LinkSettings
  }

  private let settings: Settings
  private let choice: ServerChoice
  private let listener: LoopbackListener
  private let interrupt = LinkInterrupt()
  private let lock = NSLock()
  private var failure: ConnectionFailure?
  private var count = 0
  private var isConnected = false
  private var isLeaving = false
  /// The last server that there was a connection to.
  private var peer: SocketAddress?
  /// Of `leave`, until the connection has ended.
  private var departures: [CheckedContinuation<Void, Never>] = []
  private var onLoss: (@Sendable () -> Void)?
  /// When the last connections were made. Of the thread.
  private var made: [ContinuousClock.Instant] = []
  /// Whether one has ended, and Sofia not made the next one. Of the thread.
  private var hadConnection = false

  /// Sofia makes the next connection as soon as it sees the end of one; else the agent is told after so many seconds,
  /// and again and again.
  private static let longestGap = 2.0

  /// A server that takes connections and closes them gets no more than so many in so many seconds. (What cannot
  /// connect at all is retried by the registrar, which backs off.)
  private static let burst = 3
  private static let burstTime = 10.0

  /// Runs until `close`, which must be called.
  /// - Parameter listener: where Sofia connects, nil for a new one.
  /// - Throws: `SIPError.unreachable` when the system has no sockets left.
  init(_ settings: Settings, listener: LoopbackListener? = nil) throws {
    self.settings = settings
    choice = ServerChoice(settings.addresses)
    self.listener = try listener ?? LoopbackListener()
    let thread = Thread { [self] in run() }
    thread.name = "sip link"
    thread.start()
  }

  /// Where Sofia is to connect.
  var port: Int { listener.port }

  var lastFailure: ConnectionFailure? { lock.withLock { failure } }

  var connections: Int { lock.withLock { count } }

  var keepsOrder: Bool { true }

  func isSource(port: Int) -> Bool { port == listener.port }

  /// Sofia makes those up.
  func isMadeUp(port: Int) -> Bool { false }

  /// Sofia sees the end of its connection, unless it was the one who ended it.
  func whenLost(_ action: @escaping @Sendable () -> Void) { lock.withLock { onLoss = action } }

  var hasAlternatives: Bool { choice.isPlural }

  var isBetweenServers: Bool { lock.withLock { isLeaving } }

  func leave(for seconds: Double, since start: ContinuousClock.Instant) async -> Bool {
    guard let peer = lock.withLock({ peer }), choice.refuse(peer, for: seconds, since: start) else { return false }
    await withCheckedContinuation { continuation in
      let isGone = lock.withLock {
        isLeaving = true
        guard isConnected else { return true }
        departures.append(continuation)
        interrupt.reset()
        return false
      }
      if isGone { continuation.resume() }
    }
    return true
  }

  /// Sofia then makes another connection.
  func reset() { interrupt.reset() }

  func close() { interrupt.close() }

  // MARK: Thread

  private func run() {
    var next: Int32?
    while let client = next ?? nextClient() {
      next = nil
      var isSofias = false
      do {
        next = try carry(client)
        isSofias = next == nil
      } catch {
        // Set before Sofia sees the end of its connection and the agent asks why.
        lock.withLock { failure = error }
        if error != .interrupted { settings.common.trace?.note("\(settings.host): \(error)") }
      }
      Foundation.close(client)
      endConnection()
      hadConnection = true
      // Without a request of its own Sofia would not connect again.
      if isSofias { tellLoss() }
    }
  }

  private func tellLoss() { lock.withLock { onLoss }?() }

  private func endConnection() {
    let waiting = lock.withLock {
      isConnected = false
      defer { departures = [] }
      return departures
    }
    for departure in waiting { departure.resume() }
  }

  /// - Returns: another connection of Sofia's, which replaces this one.
  private func carry(_ client: Int32) throws(ConnectionFailure) -> Int32? {
    interrupt.takeReset()
    try pace()
    lock.withLock { isLeaving = false }
    let stream = try connect()
    made.append(.now)
    let isLate = lock.withLock {
      // What was left meanwhile may be this address.
      guard !isLeaving else { return true }
      failure = nil
      count += 1
      isConnected = true
      peer = stream.peer
      return false
    }
    if isLate { throw .lost(reason: ServerChoice.departure) }
    var pump = LinkPump(
      client: client, stream: stream, listener: listener, interrupt: interrupt.descriptor,
      via: ViaRewriter(
        transport: settings.transport.rawValue.uppercased(),
        sentBy: "\(settings.localHost):\(settings.localPort ?? port)"),
      settings: settings.common)
    do throws(ConnectionFailure) { return try pump.run(whenRefused: tellLoss) } catch {
      guard error == .interrupted, interrupt.takeReset() else { throw error }
      throw .lost(reason: isBetweenServers ? ServerChoice.departure : "the server does not answer any more")
    }
  }

  /// Waits for Sofia's next connection. nil once the link is closed.
  private func nextClient() -> Int32? {
    while true {
      interrupt.takeReset()
      if interrupt.isClosed { return nil }
      if let client = listener.accept() {
        hadConnection = false
        return client
      }
      var entries = [
        pollfd(fd: listener.pollDescriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: interrupt.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      let tells = hadConnection && lock.withLock { onLoss != nil }
      let isQuiet = poll(&entries, 2, tells ? Int32(Self.longestGap * 1000) : -1) == 0
      if isQuiet { tellLoss() }
    }
  }

  /// Waits while there were too many connections lately.
  private func pace() throws(ConnectionFailure) {
    guard made.count >= Self.burst else { return }
    let next = made.removeFirst() + .seconds(Self.burstTime)
    guard next > .now else { return }
    var entry = pollfd(fd: interrupt.descriptor, events: Int16(POLLIN), revents: 0)
    poll(&entry, 1, next.millisecondsLeft)
    if entry.revents != 0 { throw .interrupted }
  }

  /// Tries the server's addresses one after the other.
  private func connect() throws(ConnectionFailure) -> ServerStream {
    var last = ConnectionFailure.unresolvable(host: settings.host, reason: "no address")
    for address in try choice.addresses() {
      do throws(ConnectionFailure) {
        return try ServerStream(
          to: address, tls: settings.transport == .tls ? settings.tls : nil, host: settings.host,
          timeouts: settings.timeouts, interrupt: interrupt.descriptor)
      } catch {
        if error == .interrupted { throw error }
        last = error
      }
    }
    throw last
  }
}
