// ServerLink.swift: carries an agent's SIP between Sofia, which sees a loopback connection, and the server
import Foundation
import ServerConnection

/// Sofia connects to `port` on loopback; for each such connection one is made to the server, over TCP or TLS. So what
/// belongs to the way to the server (names, TLS, keepalive, loss, change of our address) is here and not in Sofia, and
/// its failures have causes.
///
/// `@unchecked Sendable`: `failure`, `isClosed` and `isReset` are only touched under `lock`, `made` only on the link's
/// thread; all else is constant.
final class ServerLink: @unchecked Sendable {
  struct Settings: Sendable {
    var target: ServerTarget
    /// TCP or TLS.
    var transport: SIPTransport
    var locator: ServerLocator
    var tls: TLSSettings
    /// Our host in Via, IPv6 in brackets.
    var localHost: String
    var timeouts: ServerStream.Timeouts
    /// Seconds between two keepalives, 0 for none.
    var keepalive: Double
    /// A server that answered a keepalive once must answer each one within so many seconds.
    var keepaliveAnswer: Double
    /// Hears of every message and every connection.
    var trace: WireTrace?
  }

  private let settings: Settings
  private let listener: LoopbackListener
  /// Its reading end is readable once the link is closed, or is to drop its connection.
  private let interrupt: Pipe
  private let lock = NSLock()
  private var failure: ConnectionFailure?
  private var isClosed = false
  private var isReset = false
  /// When the last connections were made. Of the thread.
  private var made: [ContinuousClock.Instant] = []

  /// A server that takes connections and closes them gets no more than so many in so many seconds. (What cannot
  /// connect at all is retried by the registrar, which backs off.)
  private static let burst = 3
  private static let burstTime = 10.0

  /// Runs until `close`, which must be called.
  /// - Throws: `SIPError.unreachable` when the system has no sockets left.
  init(_ settings: Settings) throws {
    self.settings = settings
    listener = try LoopbackListener()
    interrupt = Pipe()
    let thread = Thread { [self] in run() }
    thread.name = "sip link"
    thread.start()
  }

  /// Where Sofia is to connect.
  var port: Int { listener.port }

  /// Why there is no connection; nil while there is one, and before the first.
  var lastFailure: ConnectionFailure? { lock.withLock { failure } }

  /// Drops the connection to the server, which takes bytes but does not answer; Sofia then makes another.
  func reset() {
    lock.withLock {
      guard !isClosed, !isReset else { return }
      isReset = true
      try? interrupt.fileHandleForWriting.write(contentsOf: [0])
    }
  }

  /// Ends the connection and the thread.
  func close() {
    lock.withLock {
      guard !isClosed else { return }
      isClosed = true
      try? interrupt.fileHandleForWriting.close()
    }
  }

  // MARK: Thread

  private var interruptDescriptor: Int32 { interrupt.fileHandleForReading.fileDescriptor }

  private func run() {
    var next: Int32?
    while let client = next ?? nextClient() {
      next = nil
      do {
        next = try carry(client)
      } catch {
        // Set before Sofia sees the end of its connection and the agent asks why.
        lock.withLock { failure = error }
        if error != .interrupted { settings.trace?.note("\(settings.target.host): \(error)") }
      }
      Foundation.close(client)
    }
  }

  /// - Returns: another connection of Sofia's, which replaces this one.
  private func carry(_ client: Int32) throws(ConnectionFailure) -> Int32? {
    takeReset()
    try pace()
    let stream = try connect()
    made.append(.now)
    lock.withLock { failure = nil }
    var pump = LinkPump(
      client: client, stream: stream, listener: listener, interrupt: interruptDescriptor,
      via: ViaRewriter(transport: settings.transport.rawValue.uppercased(), sentBy: "\(settings.localHost):\(port)"),
      keepalive: settings.keepalive, keepaliveAnswer: settings.keepaliveAnswer, trace: settings.trace)
    do throws(ConnectionFailure) { return try pump.run() } catch {
      throw error == .interrupted && takeReset() ? .lost(reason: "the server does not answer any more") : error
    }
  }

  /// Waits for Sofia's next connection. nil once the link is closed.
  private func nextClient() -> Int32? {
    while true {
      takeReset()
      if lock.withLock({ isClosed }) { return nil }
      if let client = listener.accept() { return client }
      var entries = [
        pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: interruptDescriptor, events: Int16(POLLIN), revents: 0),
      ]
      poll(&entries, 2, -1)
    }
  }

  /// Whether `reset` was called since the last call of this.
  @discardableResult
  private func takeReset() -> Bool {
    lock.withLock {
      guard isReset else { return false }
      isReset = false
      var byte: UInt8 = 0
      // One byte for each time that the flag was set.
      _ = read(interruptDescriptor, &byte, 1)
      return true
    }
  }

  /// Waits while there were too many connections lately.
  private func pace() throws(ConnectionFailure) {
    guard made.count >= Self.burst else { return }
    let next = made.removeFirst() + .seconds(Self.burstTime)
    let left = ContinuousClock.now.duration(to: next).components
    guard left.seconds >= 0, left.attoseconds >= 0 else { return }
    var entry = pollfd(fd: interruptDescriptor, events: Int16(POLLIN), revents: 0)
    poll(&entry, 1, Int32(left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000))
    if entry.revents != 0 { throw .interrupted }
  }

  /// Tries the server's addresses one after the other.
  private func connect() throws(ConnectionFailure) -> ServerStream {
    var last = ConnectionFailure.unresolvable(host: settings.target.host, reason: "no address")
    for address in try settings.locator.addresses(of: settings.target, over: settings.transport) {
      do throws(ConnectionFailure) {
        return try ServerStream(
          to: address, tls: settings.transport == .tls ? settings.tls : nil, host: settings.target.host,
          timeouts: settings.timeouts, interrupt: interruptDescriptor)
      } catch {
        if error == .interrupted { throw error }
        last = error
      }
    }
    throw last
  }
}
