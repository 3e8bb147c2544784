// LinkPump.swift: moves the bytes of one connection between Sofia and the server, and keeps it alive (RFC 5626 §4.4.1)
import Foundation
import ServerConnection

/// Runs on the thread of its link.
struct LinkPump {
  /// Bytes that wait for a slow reader, in each direction; beyond them nothing is read.
  private static let maximumBacklog = 256 << 10
  /// How long the last bytes may take to go out, in seconds.
  private static let lastWords = 1.0
  private static let ping: [UInt8] = [13, 10, 13, 10]

  private let client: Int32
  private let stream: ServerStream
  /// Of Sofia's connections; nil when this one was made to Sofia.
  private let listener: LoopbackListener?
  private let interrupt: Int32
  private let via: ViaRewriter
  private let usages: StandingUsages
  private let keepalive: Double
  private let keepaliveAnswer: Double
  private let addresses: AddressMonitor?
  private var sentTap: MessageTap?
  private var receivedTap: MessageTap?

  private var outgoing = SIPFramer()
  private var incoming = SIPFramer()
  /// For Sofia.
  private var toClient: [UInt8] = []
  private var nextPing = ContinuousClock.now
  /// When the last ping went out to which nothing has come yet.
  private var pinged: ContinuousClock.Instant?
  private var answersPings = false

  init(
    client: Int32, stream: ServerStream, listener: LoopbackListener?, interrupt: Int32, via: ViaRewriter,
    usages: StandingUsages, keepalive: Double, keepaliveAnswer: Double, trace: WireTrace?
  ) {
    self.client = client
    self.stream = stream
    self.listener = listener
    self.interrupt = interrupt
    self.via = via
    self.usages = usages
    self.keepalive = keepalive
    self.keepaliveAnswer = keepaliveAnswer
    addresses = AddressMonitor()
    let peer = "\(via.transport) \(stream.peer.text)"
    sentTap = trace.map { MessageTap($0, .sent, peer: peer) }
    receivedTap = trace.map { MessageTap($0, .received, peer: peer) }
    schedulePing()
  }

  /// Returns when Sofia closes its connection or opens another one, which is then the result.
  /// - Throws: what ended the server's.
  mutating func run() throws(ConnectionFailure) -> Int32? {
    while true {
      let clientEvents =
        (stream.backlog < Self.maximumBacklog ? POLLIN : 0) | (toClient.isEmpty ? 0 : POLLOUT)
      let serverEvents =
        (toClient.count < Self.maximumBacklog ? POLLIN : 0) | (stream.wantsToWrite ? POLLOUT : 0)
      var entries = [
        pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0),
        pollfd(fd: addresses?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        // Without any event to wait for, a closed connection would still end every poll at once.
        pollfd(fd: clientEvents == 0 ? -1 : client, events: Int16(clientEvents), revents: 0),
        pollfd(fd: serverEvents == 0 ? -1 : stream.descriptor, events: Int16(serverEvents), revents: 0),
        pollfd(fd: listener?.pollDescriptor ?? -1, events: Int16(POLLIN), revents: 0),
      ]
      poll(&entries, nfds_t(entries.count), pollTimeout)
      if entries[0].revents != 0 {
        // The agent's last words may be on their way still.
        finish()
        throw .interrupted
      }
      if entries[1].revents != 0, let addresses, addresses.hasMoved(from: stream.local, toward: stream.peer) {
        throw .lost(reason: "this machine's address has changed")
      }
      if entries[3].revents != 0 { try fromServer() }
      if entries[2].revents != 0, try fromClient() == .end {
        finish()
        return nil
      }
      try stream.flush()
      sendToClient()
      try keepAlive()
      // Sofia connects anew only when it has given this connection up.
      if entries[4].revents != 0, let next = listener?.accept() { return next }
    }
  }

  // MARK: Bytes

  private enum Taken {
    case bytes, nothing, end
  }

  private mutating func fromClient() throws(ConnectionFailure) -> Taken {
    guard stream.backlog < Self.maximumBacklog else { return .nothing }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(client, &buffer, buffer.count, 0)
    guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .end }
    for piece in outgoing.cut(Array(buffer[..<count])) {
      switch piece {
      case .head(let head, let bodyLength):
        guard usages.permit(head) else {
          refuse(head)
          continue
        }
        let ours = LastAnswers.soften(via.outgoing(head))
        sentTap?.take(head: ours, bodyLength: bodyLength)
        try stream.enqueue(ours)
      case .body(let bytes):
        sentTap?.take(body: bytes)
        try stream.enqueue(bytes)
      case .keepalive(let bytes): try stream.enqueue(bytes)
      }
    }
    return .bytes
  }

  /// Answers a request, which has no body, in the server's place. Inside a message of the server Sofia is left to wait.
  private mutating func refuse(_ head: [UInt8]) {
    guard incoming.isBetweenMessages, let response = SIPDatagram(head)?.unavailable else { return }
    toClient += response.bytes
  }

  /// Sends what Sofia has written, as the system would for a connection of Sofia's own.
  private mutating func finish() {
    while (try? fromClient()) == .bytes {}
    try? stream.send(Data(), within: Self.lastWords)
  }

  private mutating func fromServer() throws(ConnectionFailure) {
    while toClient.count < Self.maximumBacklog {
      switch try stream.receive() {
      case .bytes(let bytes):
        for piece in incoming.cut(bytes) {
          // Between two messages a server sends nothing but the answers to pings.
          if case .keepalive = piece, pinged != nil { answersPings = true }
          switch piece {
          case .head(let head, let bodyLength):
            receivedTap?.take(head: head, bodyLength: bodyLength)
            toClient += ServerDelay.hide(in: via.incoming(head))
          case .body(let bytes):
            receivedTap?.take(body: bytes)
            toClient += bytes
          case .keepalive(let bytes): toClient += bytes
          }
        }
        pinged = nil
      case .nothing: return
      case .end:
        // What it sent before is Sofia's to read.
        sendToClient()
        throw .closed
      }
    }
  }

  private mutating func sendToClient() {
    guard !toClient.isEmpty else { return }
    let count = toClient.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    // A connection that Sofia has closed is seen when it is read from.
    if count > 0 { toClient.removeFirst(count) } else if errno != EAGAIN && errno != EINTR { toClient = [] }
  }

  // MARK: Keepalive

  private mutating func schedulePing() {
    // RFC 5626 §4.4.1: between 80 and 100 per cent, so that clients do not ping in step.
    nextPing = .now + .seconds(keepalive * Double.random(in: 0.8...1))
  }

  private mutating func keepAlive() throws(ConnectionFailure) {
    guard keepalive > 0 else { return }
    let now = ContinuousClock.now
    if answersPings, let pinged, now >= pinged + .seconds(keepaliveAnswer) {
      throw .lost(reason: "the server does not answer any more")
    }
    guard now >= nextPing else { return }
    schedulePing()
    // A server that does not answer pings still acknowledges them: what it does not acknowledge ends the connection,
    // see `ServerStream.Timeouts`.
    guard outgoing.isBetweenMessages, !stream.wantsToWrite else { return }
    try stream.enqueue(Self.ping)
    try stream.flush()
    if pinged == nil { pinged = now }
  }

  /// Milliseconds until the next thing to do, for `poll`.
  private var pollTimeout: Int32 {
    guard keepalive > 0 else { return -1 }
    var next = nextPing
    if answersPings, let pinged { next = min(next, pinged + .seconds(keepaliveAnswer)) }
    return next.millisecondsLeft
  }
}
