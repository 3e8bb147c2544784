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
  private static let pong: [UInt8] = [13, 10]

  private let client: Int32
  private let stream: ServerStream
  /// Of Sofia's connections; nil when this one was made to Sofia.
  private let listener: LoopbackListener?
  private let interrupt: Int32
  private let via: ViaRewriter
  private let settings: LinkSettings
  private let addresses: AddressMonitor?
  private var sentTap: MessageTap?
  private var receivedTap: MessageTap?
  private let signal = LinkSignal()

  private var outgoing = SIPFramer()
  private var intake: ServerIntake
  /// For Sofia, whole messages.
  private var toClient: [UInt8] = []
  /// Of our own, for the server, as soon as no message of Sofia's is in between.
  private var answers: [UInt8] = []
  private var sofia = SofiaWatch()
  private var nextPing = ContinuousClock.now
  /// When the last ping went out to which nothing has come yet.
  private var pinged: ContinuousClock.Instant?
  private var answersPings = false

  init(
    client: Int32, stream: ServerStream, listener: LoopbackListener?, interrupt: Int32, via: ViaRewriter,
    settings: LinkSettings
  ) {
    self.client = client
    self.stream = stream
    self.listener = listener
    self.interrupt = interrupt
    self.via = via
    self.settings = settings
    addresses = AddressMonitor()
    intake = ServerIntake(window: settings.window, idle: settings.messageTimeout)
    let peer = "\(via.transport) \(stream.peer.text)"
    sentTap = settings.trace.map { MessageTap($0, .sent, peer: peer) }
    receivedTap = settings.trace.map { MessageTap($0, .received, peer: peer) }
    schedulePing()
  }

  /// Returns when Sofia closes its connection or opens another one, which is then the result.
  /// - Parameter whenRefused: called when requests that were refused may come again.
  /// - Throws: what ended the server's.
  mutating func run(whenRefused: () -> Void = {}) throws(ConnectionFailure) -> Int32? {
    settings.window.add(signal)
    defer { settings.window.remove(signal) }
    while true {
      if !isReading {
        intake.pause()
        pinged = nil
      }
      let clientEvents = (isListening ? POLLIN : 0) | (toClient.isEmpty ? 0 : POLLOUT)
      let serverEvents = (isReading ? POLLIN : 0) | (stream.wantsToWrite ? POLLOUT : 0)
      var entries = [
        pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0),
        pollfd(fd: addresses?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        // Without any event to wait for, a closed connection would still end every poll at once.
        pollfd(fd: clientEvents == 0 ? -1 : client, events: Int16(clientEvents), revents: 0),
        pollfd(fd: serverEvents == 0 ? -1 : stream.descriptor, events: Int16(serverEvents), revents: 0),
        pollfd(fd: listener?.pollDescriptor ?? -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signal.descriptor, events: Int16(POLLIN), revents: 0),
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
      if entries[5].revents != 0 { signal.take() }
      if entries[3].revents != 0 { try fromServer() }
      if entries[2].revents != 0, try fromClient() == .end {
        finish()
        return nil
      }
      handOver(try intake.keepTime())
      if intake.takeRefused() { whenRefused() }
      try sendAnswers()
      try stream.flush()
      sendToClient()
      try watchSofia()
      try keepAlive()
      // Sofia connects anew only when it has given this connection up.
      if entries[4].revents != 0, let next = listener?.accept() { return next }
    }
  }

  /// Whether Sofia is read from.
  private var isListening: Bool { stream.backlog < Self.maximumBacklog }

  /// Whether the server is read from.
  private var isReading: Bool { toClient.count < Self.maximumBacklog && intake.isOpen }

  // MARK: From Sofia

  private enum Taken {
    case bytes, nothing, end
  }

  private mutating func fromClient() throws(ConnectionFailure) -> Taken {
    guard isListening else { return .nothing }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(client, &buffer, buffer.count, 0)
    guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .end }
    for piece in outgoing.cut(Array(buffer[..<count])) {
      switch piece {
      case .head(let head, let bodyLength):
        intake.answered(head)
        guard settings.usages.permit(head) else {
          refuse(head)
          continue
        }
        let ours = LastAnswers.soften(via.outgoing(head))
        sentTap?.take(head: ours, bodyLength: bodyLength)
        try stream.enqueue(ours)
      case .body(let bytes):
        sentTap?.take(body: bytes)
        try stream.enqueue(bytes)
      case .keepalive:
        // The answer to the link's own ping.
        sofia.hasAnswered()
      }
    }
    return .bytes
  }

  /// Answers a request, which has no body, in the server's place.
  private mutating func refuse(_ head: [UInt8]) {
    if let response = SIPDatagram(head)?.unavailable { toClient += response.bytes }
  }

  /// Sends what Sofia has written, as the system would for a connection of Sofia's own.
  private mutating func finish() {
    while (try? fromClient()) == .bytes {}
    try? sendAnswers()
    try? stream.send(Data(), within: Self.lastWords)
  }

  // MARK: From the server

  private mutating func fromServer() throws(ConnectionFailure) {
    while isReading {
      switch try stream.receive() {
      case .bytes(let bytes):
        handOver(intake.take(bytes))
        pinged = nil
        guard let failure = intake.failure else { continue }
        // What came before is Sofia's to read, and what it is answered the server's.
        sendToClient()
        try sendAnswers()
        try? stream.send(Data(), within: Self.lastWords)
        throw failure
      case .nothing: return
      case .end:
        // What it sent before is Sofia's to read.
        sendToClient()
        throw .closed
      }
    }
  }

  private mutating func handOver(_ outputs: [ServerIntake.Output]) {
    for output in outputs {
      switch output {
      case .message(let head, let body):
        receivedTap?.take(head: head, bodyLength: body.count)
        if !body.isEmpty { receivedTap?.take(body: body) }
        toClient += ServerDelay.hide(in: ChallengeChoice.one(in: via.incoming(head), realm: settings.realm))
        toClient += body
      case .answer(let bytes):
        sentTap?.take(head: bytes, bodyLength: 0)
        answers += bytes
      case .ping: answers += Self.pong
      // Between two messages a server sends nothing but pings and the answers to ours.
      case .pong: if pinged != nil { answersPings = true }
      }
    }
  }

  private mutating func sendAnswers() throws(ConnectionFailure) {
    guard !answers.isEmpty, outgoing.isBetweenMessages else { return }
    try stream.enqueue(answers)
    answers = []
  }

  private mutating func sendToClient() {
    guard !toClient.isEmpty else { return }
    let count = toClient.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    // A connection that Sofia has closed is seen when it is read from.
    if count > 0 {
      toClient.removeFirst(count)
      sofia.wasGiven()
    } else if errno != EAGAIN && errno != EINTR {
      toClient = []
    }
    sofia.isBlocked = !toClient.isEmpty
  }

  /// - Throws: `.lost` when Sofia reads no more from its connection.
  private mutating func watchSofia() throws(ConnectionFailure) {
    switch sofia.step(.now, isListening: isListening) {
    case .ask: toClient += Self.ping
    case .lost:
      // Sofia, which does not read, would not see a quiet end.
      var abrupt = linger(l_onoff: 1, l_linger: 0)
      setsockopt(client, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
      throw .lost(reason: "the SIP stack does not take any more")
    case .nothing: break
    }
  }

  // MARK: Keepalive

  private mutating func schedulePing() {
    // RFC 5626 §4.4.1: between 80 and 100 per cent, so that clients do not ping in step.
    nextPing = .now + .seconds(settings.keepalive * Double.random(in: 0.8...1))
  }

  private mutating func keepAlive() throws(ConnectionFailure) {
    guard settings.keepalive > 0 else { return }
    let now = ContinuousClock.now
    if answersPings, let pinged, now >= pinged + .seconds(settings.keepaliveAnswer) {
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
    var times = [intake.due, sofia.due(isListening: isListening)]
    if settings.keepalive > 0 { times.append(nextPing) }
    if answersPings, let pinged { times.append(pinged + .seconds(settings.keepaliveAnswer)) }
    return times.compactMap(\.self).min()?.millisecondsLeft ?? -1
  }
}

/// What all connections of an agent have in common.
struct LinkSettings: Sendable {
  var usages: StandingUsages
  var window: IntakeWindow
  /// The only realm whose challenges are answered.
  var realm: String
  /// Seconds between two keepalives, 0 for none.
  var keepalive: Double
  /// A server that answered a keepalive once must answer each one within so many seconds.
  var keepaliveAnswer: Double
  /// A message of the server's that has begun must go on within so many seconds.
  var messageTimeout: Double
  /// Hears of every message and every connection.
  var trace: WireTrace?
}
