// DatagramLink.swift: carries an agent's SIP between Sofia, which sees loopback, and the server over UDP (RFC 3263)
import Foundation
import MessageFormats
import ServerConnection

/// Sofia sends datagrams to `port` on loopback; they go to the first address of the server that answers, and what that
/// address sends comes back. Retransmissions stay Sofia's. What is too large for a datagram Sofia sends over TCP to the
/// same port: a `ServerLink` takes it to the server (RFC 3261 §18.1.1), unless that has no TCP; then Sofia uses UDP
/// after all.
///
/// `@unchecked Sendable`: `failure`, `onLoss`, `flows`, `departures` and `hasEnded` are only touched under `lock`; what
/// else is mutable only on the link's thread.
final class DatagramLink: AgentLink, @unchecked Sendable {
  struct Settings: Sendable {
    /// For the trace.
    var host: String
    /// Where the server is, in the order in which to try. Blocks.
    var addresses: @Sendable () throws(ConnectionFailure) -> [SocketAddress]
    /// Where it is over TCP. Blocks.
    var streamAddresses: @Sendable () throws(ConnectionFailure) -> [SocketAddress]
    /// Our host in Via, IPv6 in brackets.
    var localHost: String
    /// `connect`: an address that has not answered for so long is given up, if there is another one.
    var timeouts: ServerStream.Timeouts
    /// Our address, for From of keepalives.
    var address: SIPURI
    var common: LinkSettings
  }

  /// The way to one address of the server.
  private struct Flow {
    var socket: DatagramSocket
    /// nil when another program has the port.
    var inbound: InboundStreams?
    var via: DatagramVia
    /// Whether anything has come from there.
    var isProven = false
    /// Since when it owes its first answer.
    var askedSince: ContinuousClock.Instant?
    var nextPing: ContinuousClock.Instant
    var probe: ServerProbe
    var sentTap: MessageTap?
    var receivedTap: MessageTap?
  }

  /// RFC 5626 §4.4.2: routers forget UDP after 30 seconds.
  private static let longestKeepalive = 29.0
  /// For servers that do not answer OPTIONS.
  private static let ping: [UInt8] = [13, 10, 13, 10]

  /// Where Sofia sends to, on loopback.
  let port: Int
  /// Where the server sends to.
  let outsidePort: Int

  private let settings: Settings
  private let choice: ServerChoice
  private let sofia: SocketAddress
  private let client: DatagramSocket
  /// What the link makes up itself is sent from here, so that no server can pretend to be the link.
  private let refusals: DatagramSocket
  private let listener: LoopbackListener
  private let streams: ServerLink
  private let server: CurrentServer
  private let inboundPorts = SourcePorts()
  private let interrupt = LinkInterrupt()
  private let lock = NSLock()
  private var failure: ConnectionFailure?
  private var onLoss: (@Sendable () -> Void)?
  /// Of `leave`, until the flow has ended.
  private var departures: [CheckedContinuation<Void, Never>] = []
  private var hasEnded = false

  private var flow: Flow?
  /// To be tried when this one fails.
  private var remaining: [SocketAddress]
  private var pending = PendingRequests()
  /// Requests of the server for which Sofia's window has no room.
  private var waiting: [SIPDatagram] = []
  private var waitingBytes = 0
  private let signal = LinkSignal()
  /// Flows made so far. Under `lock`.
  private var flows = 0
  /// What has just ended the flow; dealt with between two events.
  private var broken: ConnectionFailure?

  /// Runs until `close`, which must be called.
  /// - Parameters:
  ///   - addresses: of the server.
  ///   - sofiaPort: where Sofia is going to be, on loopback.
  /// - Throws: `ConnectionFailure` or `SIPError` when there is no way to any address, or no port.
  init(_ settings: Settings, addresses: [SocketAddress], sofiaPort: Int) throws {
    self.settings = settings
    choice = ServerChoice(known: addresses, settings.addresses)
    sofia = try SocketAddress.all(of: "127.0.0.1", port: sofiaPort)[0]
    refusals = try DatagramSocket(to: sofia, fromHost: "127.0.0.1")
    (client, listener) = try Self.loopback(sofia)
    port = listener.port
    let socket: DatagramSocket
    let inbound: InboundStreams?
    (socket, inbound, remaining) = try Self.first(of: addresses, settings, sofia, inboundPorts)
    outsidePort = socket.local.port
    server = CurrentServer(socket.peer)
    streams = try ServerLink(
      ServerLink.Settings(
        host: settings.host, transport: .tcp, addresses: Self.streamAddresses(settings, server),
        tls: TLSSettings(), localHost: settings.localHost, localPort: socket.local.port,
        timeouts: settings.timeouts, common: settings.common),
      listener: listener)
    flow = newFlow(socket, inbound)
    findStreams()
    let thread = Thread { [self] in run() }
    thread.name = "sip datagram link"
    thread.start()
  }

  // MARK: AgentLink

  var lastFailure: ConnectionFailure? { lock.withLock { failure } ?? streams.lastFailure }

  var connections: Int { lock.withLock { flows } }

  var keepsOrder: Bool { false }

  func isSource(port: Int) -> Bool { port == self.port || inboundPorts.contains(port) }

  func isMadeUp(port: Int) -> Bool { port == refusals.local.port }

  func whenLost(_ action: @escaping @Sendable () -> Void) { lock.withLock { onLoss = action } }

  var hasAlternatives: Bool { choice.isPlural }

  /// Sofia's way to the link stays.
  var isBetweenServers: Bool { false }

  func leave(for seconds: Double, since start: ContinuousClock.Instant) async -> Bool {
    guard choice.refuse(server.address, for: seconds, since: start) else { return false }
    await withCheckedContinuation { continuation in
      let isOver = lock.withLock {
        if !hasEnded { departures.append(continuation) }
        return hasEnded
      }
      if isOver { continuation.resume() } else { interrupt.reset() }
    }
    return true
  }

  func reset() { interrupt.reset() }

  func close() { interrupt.close() }

  // MARK: Thread

  private func run() {
    let addresses = AddressMonitor()
    settings.common.window.add(signal)
    defer { settings.common.window.remove(signal) }
    while !interrupt.isClosed {
      var entries = [
        pollfd(fd: interrupt.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: flow == nil ? -1 : addresses?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: flow?.socket.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: flow?.inbound?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signal.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      poll(&entries, nfds_t(entries.count), pollTimeout)
      if interrupt.takeReset(), !depart() { dropSilentFlow() }
      if entries[1].revents != 0, let addresses, let socket = flow?.socket,
        addresses.hasMoved(from: socket.local, toward: socket.peer)
      {
        fail(.lost(reason: "this machine's address has changed"), serverStays: true)
      }
      if entries[4].revents != 0 { flow?.inbound?.accept() }
      if entries[3].revents != 0 { fromServer() }
      if entries[2].revents != 0 { fromClient() }
      if entries[5].revents != 0 { signal.take() }
      handOver()
      keepTime()
      if let error = broken { fail(error) }
    }
    // The agent's last words may be on their way still.
    fromClient()
    flow = nil
    lock.withLock { hasEnded = true }
    depart()
    streams.close()
  }

  // MARK: Datagrams

  private func fromClient() {
    // An error is that Sofia's port is not open yet, or closed already.
    while case .datagram(let bytes)? = try? client.receive() {
      guard let message = SIPDatagram(bytes) else { continue }
      if message.isResponse {
        let head = SIPHead(message.head)
        if head.isFinalResponse { settings.common.window.remove(head.transaction) }
      }
      guard settings.common.usages.permit(message.head) else {
        refuse(message)
        continue
      }
      if !message.isResponse, message.method != "ACK" {
        pending.add(message)
        if flow == nil {
          // Sends what is pending, or refuses it.
          startRound()
          continue
        }
      }
      send(message)
    }
  }

  private func send(_ message: SIPDatagram) {
    guard let via = flow?.via else { return }
    var message = message
    message.head = LastAnswers.soften(via.outgoing(message.head))
    flow?.sentTap?.take(message)
    if flow?.isProven == false, flow?.askedSince == nil { flow?.askedSince = .now }
    transmit(message.bytes)
  }

  private func transmit(_ bytes: [UInt8]) {
    do throws(ConnectionFailure) { try flow?.socket.send(bytes) } catch { broken = error }
  }

  private func fromServer() {
    do throws(ConnectionFailure) {
      while let socket = flow?.socket, case .datagram(let bytes) = try socket.receive() {
        prove()
        guard var message = SIPDatagram(bytes) else { continue }
        flow?.receivedTap?.take(message)
        if flow?.probe.take(message) == true { continue }
        let head = SIPHead(message.head)
        if head.fault(bodyLength: message.body.count) != nil {
          // Over UDP nothing is too large.
          if head.isAnswerable, let answer = message.response("400 Bad Request", tag: "limeade") { send(answer) }
          continue
        }
        if !message.isResponse, message.method != "ACK" {
          take(message, head)
          continue
        }
        if let via = flow?.via { message.head = via.incoming(message.head) }
        message.head = ServerDelay.hide(in: ChallengeChoice.one(in: message.head, realm: settings.common.realm))
        if message.isResponse { pending.remove(answeredBy: message) }
        // What Sofia cannot take now, the server sends again.
        try? client.send(message.bytes)
      }
    } catch {
      broken = error
    }
  }

  /// More bytes do not wait: their sender sends them again.
  private static let maximumWaiting = 1 << 20

  /// A request of the server, which goes to Sofia when there is room.
  private func take(_ request: SIPDatagram, _ head: SIPHead) {
    let transaction = head.transaction
    guard !settings.common.window.contains(transaction) else { return give(request) }
    guard waitingBytes < Self.maximumWaiting, !waiting.contains(where: { SIPHead($0.head).transaction == transaction })
    else { return }
    waiting.append(request)
    waitingBytes += request.head.count + request.body.count
    handOver()
  }

  private func handOver() {
    while let request = waiting.first {
      let size = request.head.count + request.body.count
      guard settings.common.window.admits(size) else { return }
      waiting.removeFirst()
      waitingBytes -= size
      settings.common.window.add(SIPHead(request.head).transaction, bytes: size)
      give(request)
    }
  }

  private func give(_ request: SIPDatagram) {
    guard let via = flow?.via else { return }
    var request = request
    request.head = via.incoming(request.head)
    // What Sofia cannot take now, the server sends again.
    try? client.send(request.bytes)
  }

  private func refuse(_ request: SIPDatagram) {
    if let response = request.unavailable { try? refusals.send(response.bytes) }
  }

  // MARK: Servers

  /// Begins with the first address of the server.
  private func startRound() {
    var failure = ConnectionFailure.unresolvable(host: settings.host, reason: "no address")
    do throws(ConnectionFailure) { remaining = try choice.addresses() } catch {
      remaining = []
      failure = error
    }
    openNext(or: failure)
  }

  /// Ends the flow and takes the next address.
  /// - Parameters:
  ///   - serverStays: the fault is not the server's: it is the next one too.
  ///   - isMeant: the agent knows of it.
  private func fail(_ error: ConnectionFailure, serverStays: Bool = false, isMeant: Bool = false) {
    broken = nil
    guard let lost = flow else { return }
    flow = nil
    settings.common.trace?.note("UDP \(lost.socket.peer.text): \(error)")
    if lost.isProven || serverStays {
      let all = (try? choice.addresses()) ?? []
      remaining = serverStays ? all : all.filter { $0 != lost.socket.peer }
    }
    openNext(or: error)
    if lost.isProven, !isMeant { lock.withLock { onLoss }?() }
  }

  /// Takes the next address to which there is a way; without one, all that waits for an answer gets a refusal.
  private func openNext(or error: ConnectionFailure) {
    var last = error
    while !remaining.isEmpty {
      do {
        try open(remaining.removeFirst())
        return
      } catch {
        last = error as? ConnectionFailure ?? last
      }
    }
    lock.withLock { failure = last }
    for request in pending.requests { refuse(request) }
    pending.removeAll()
  }

  private func open(_ address: SocketAddress) throws {
    let (socket, inbound) = try Self.outside(address, sofia, inboundPorts, settings, port: outsidePort)
    server.set(address)
    lock.withLock { flows += 1 }
    flow = newFlow(socket, inbound)
    // A connection to the server of before is of no use.
    listener.resume()
    streams.reset()
    findStreams()
    for request in pending.requests { send(request) }
  }

  private func newFlow(_ socket: DatagramSocket, _ inbound: InboundStreams?) -> Flow {
    let peer = "UDP \(socket.peer.text)"
    let number = connections
    let sentBy = "\(settings.localHost):\(outsidePort)"
    return Flow(
      socket: socket, inbound: inbound,
      via: DatagramVia(
        sentBy: sentBy, inside: "127.0.0.1:\(port)",
        serverHost: socket.peer.numericHost, serverPort: socket.peer.port, mark: number == 0 ? "" : "\(number)-"),
      nextPing: pingTime(),
      probe: ServerProbe(address: settings.address, sentBy: sentBy, patience: settings.common.keepaliveAnswer),
      sentTap: settings.common.trace.map { MessageTap($0, .sent, peer: peer) },
      receivedTap: settings.common.trace.map { MessageTap($0, .received, peer: peer) })
  }

  /// Something came from the server.
  private func prove() {
    guard flow?.isProven == false else { return }
    flow?.isProven = true
    lock.withLock { failure = nil }
  }

  /// Finds out whether the server has TCP. If not, Sofia's connections to the listener are refused, and it uses UDP for
  /// what is large too (RFC 3261 §18.1.1).
  private func findStreams() {
    let addresses = Self.streamAddresses(settings, server)
    let (listener, interrupt, server, timeouts) = (listener, interrupt, server, settings.timeouts)
    let asked = server.address
    DispatchQueue.global().async {
      for address in (try? addresses()) ?? [] {
        do throws(ConnectionFailure) {
          _ = try ServerStream(
            to: address, tls: nil, host: address.numericHost, timeouts: timeouts, interrupt: interrupt.descriptor)
          return
        } catch {
          if error == .interrupted { return }
        }
      }
      if server.address == asked { listener.pause() }
    }
  }

  /// Ends the flow for `leave`.
  /// - Returns: whether that was asked for.
  @discardableResult
  private func depart() -> Bool {
    let waiting = lock.withLock {
      defer { departures = [] }
      return departures
    }
    guard !waiting.isEmpty else { return false }
    fail(.lost(reason: ServerChoice.departure), isMeant: true)
    for departure in waiting { departure.resume() }
    return true
  }

  /// Nothing comes from the server any more. While its other addresses are being tried, that goes on.
  private func dropSilentFlow() {
    guard let flow, flow.isProven || remaining.isEmpty else { return }
    fail(.lost(reason: "the server does not answer any more"))
  }

  // MARK: Time

  private func pingTime() -> ContinuousClock.Instant {
    // RFC 5626 §4.4.1: between 80 and 100 per cent, so that clients do not ping in step.
    .now + .seconds(min(settings.common.keepalive, Self.longestKeepalive) * Double.random(in: 0.8...1))
  }

  /// When an address that owes its first answer is given up; nil when there is no other one.
  private var patience: ContinuousClock.Instant? {
    guard let flow, !flow.isProven, !remaining.isEmpty else { return nil }
    return flow.askedSince.map { $0 + .seconds(settings.timeouts.connect) }
  }

  private var pingDue: ContinuousClock.Instant? {
    guard let flow, flow.isProven, settings.common.keepalive > 0 else { return nil }
    return flow.nextPing
  }

  private func keepTime() {
    let now = ContinuousClock.now
    if let patience, now >= patience { fail(.timedOut) }
    if let pingDue, now >= pingDue {
      flow?.nextPing = pingTime()
      if flow?.probe.isUseful == true { flow?.probe.begin(now) } else { transmit(Self.ping) }
    }
    switch flow?.probe.step(now) {
    case .send(let request):
      if let message = SIPDatagram(request) { flow?.sentTap?.take(message) }
      transmit(request)
    case .lost: fail(.lost(reason: "the server does not answer any more"))
    case .nothing, nil: break
    }
  }

  private var pollTimeout: Int32 {
    [patience, pingDue, flow?.probe.due, waiting.isEmpty ? nil : settings.common.window.due]
      .compactMap { $0?.millisecondsLeft }.min() ?? -1
  }
}
