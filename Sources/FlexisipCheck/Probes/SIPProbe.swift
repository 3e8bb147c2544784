// SIPProbe.swift: single SIP requests over a connection of their own, to see what a server answers (RFC 3261)
import DigestAuth
import Foundation
import MessageFormats
import SIPAgent
import ServerConnection

/// What came back for one request.
struct ProbeAnswer: Sendable {
  /// The final response; nil when none came in time.
  var final: SIPResponse?
  /// Of provisional responses other than 100.
  var provisional: [Int] = []
  /// Whether the server closed the connection in place of an answer.
  var isClosed = false

  var summary: String {
    if let final { return "\(final.status) \(final.reason)" }
    let none = provisional.last.map { "\($0) and no final answer" } ?? "no answer"
    return none + (isClosed ? ": the server closed the connection" : "")
  }
}

/// Sends requests one after the other, each once; a challenge is answered once.
///
/// `@unchecked Sendable`: `sequence`, `reader` and `isClosed` are only touched by `perform`, `hasBeenClosed` and
/// `answer`, whose calls the live check never overlaps; `isStopped` only under `lock`.
final class SIPProbe: @unchecked Sendable {
  static let userAgent = "limeade-check"
  /// Between two looks whether the answer is still wanted, in seconds.
  private static let slice = 0.1

  struct Credentials: Sendable {
    var user: String
    /// The only one that gets an answer.
    var realm: String
    var password: Password
  }

  struct Password: Sendable {
    var reveal: @Sendable () -> String
  }

  private let connection: ServerStream
  private let trace: WireTrace?
  /// For Via.
  let transport: String
  private let timeout: Double
  private var sequence = 0
  private var reader = SIPResponseReader()
  private var isClosed = false
  private let lock = NSLock()
  private var isStopped = false
  /// `host:port` of our end.
  let local: String
  /// Numeric address of the server.
  let peer: String
  let port: UInt16

  /// Connects; blocks.
  /// - Parameters:
  ///   - name: what the certificate must be for.
  ///   - tls: nil for plain TCP.
  ///   - source: as of `ServerStream`.
  ///   - trace: hears of every message.
  /// - Throws: `ConnectionFailure`
  init(
    to address: SocketAddress, name: String, tls: TLSSettings? = nil, timeout: Double, from source: String? = nil,
    trace: WireTrace? = nil
  ) throws {
    let own = try source.map { try SocketAddress.all(of: $0, port: 0)[0] }
    connection = try ServerStream(
      to: address, tls: tls, host: name, timeouts: ServerStream.Timeouts(connect: timeout), from: own)
    self.timeout = timeout
    self.trace = trace
    port = UInt16(clamping: address.port)
    transport = tls == nil ? "TCP" : "TLS"
    local = connection.local.text
    peer = connection.peer.numericHost
  }

  /// The same for a numeric address, without TLS.
  convenience init(
    host: String, port: UInt16, timeout: Double, from source: String? = nil, trace: WireTrace? = nil
  ) throws {
    let address = try SocketAddress.all(of: host, port: Int(port))[0]
    try self.init(to: address, name: host, timeout: timeout, from: source, trace: trace)
  }

  /// What was agreed on; nil for plain TCP.
  var tls: (version: String, certificate: ServerCertificate?)? {
    connection.tlsVersion.map { ($0, connection.certificate) }
  }

  /// Whether the server runs on this machine, as far as addresses tell.
  var isSameMachine: Bool { local.hasPrefix(peer + ":") || peer.hasPrefix("127.") || peer == "::1" }

  /// - Parameters:
  ///   - from: the address in From; To is `to`, or the same.
  ///   - credentials: nil leaves a challenge unanswered.
  ///   - userAgent: who we say that we are.
  func perform(
    _ method: String, _ uri: String, from: SIPURI, to: SIPURI, headers: [SIPHeader] = [], body: Data = Data(),
    credentials: Credentials?, userAgent: String = SIPProbe.userAgent
  ) async -> ProbeAnswer {
    let headers = [SIPHeader("User-Agent", userAgent)] + headers
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          returning: self.exchange(
            method, uri, from: from, to: to, headers: headers, body: body, credentials: credentials))
      }
    }
  }

  /// What is asked is not waited for any more, nor anything after it.
  func stop() { lock.withLock { isStopped = true } }

  private func exchange(
    _ method: String, _ uri: String, from: SIPURI, to: SIPURI, headers: [SIPHeader], body: Data,
    credentials: Credentials?
  ) -> ProbeAnswer {
    let dialog = DialogNames(from: from, to: to)
    var answer = once(method, uri, dialog, headers, body)
    guard let challenge = answer.final, [401, 407].contains(challenge.status), let credentials else { return answer }
    let names =
      challenge.status == 401 ? ("WWW-Authenticate", "Authorization") : ("Proxy-Authenticate", "Proxy-Authorization")
    guard
      let offered = DigestChallenge.preferred(
        of: challenge.headers.all(named: names.0), realm: credentials.realm)
    else { return answer }
    var responder = DigestResponder(
      username: credentials.user, password: credentials.password.reveal(), challenge: offered)
    let authorization = responder.credentials(method: method, uri: uri, body: body).headerValue
    answer = once(method, uri, dialog, headers + [SIPHeader(names.1, authorization)], body)
    return answer
  }

  private struct DialogNames {
    let from: SIPURI
    let to: SIPURI
    let callID = UUID().uuidString
    let tag = String(UUID().uuidString.prefix(8))
  }

  private func once(
    _ method: String, _ uri: String, _ dialog: DialogNames, _ headers: [SIPHeader], _ body: Data
  ) -> ProbeAnswer {
    guard !lock.withLock({ isStopped }) else { return ProbeAnswer() }
    sequence += 1
    let number = sequence
    let branch = "z9hG4bK-\(UUID().uuidString)"
    func request(_ method: String, to: String, _ headers: [SIPHeader], _ body: Data) -> Data? {
      SIPRequest(
        method: method, uri: uri,
        headers: [
          SIPHeader("Via", "SIP/2.0/\(transport) \(local);branch=\(branch);rport"), SIPHeader("Max-Forwards", "70"),
          SIPHeader("From", "<\(dialog.from)>;tag=\(dialog.tag)"), SIPHeader("To", to),
          SIPHeader("Call-ID", dialog.callID), SIPHeader("CSeq", "\(number) \(method)"),
        ] + headers, body: body
      ).wireText
    }
    guard let data = request(method, to: "<\(dialog.to)>", headers, body), send(data) else {
      return ProbeAnswer(isClosed: true)
    }
    var answer = ProbeAnswer()
    let end = ContinuousClock.now + .seconds(timeout)
    while let response = nextResponse(until: end) {
      guard response[header: "CSeq"] == "\(number) \(method)", response[header: "Call-ID"] == dialog.callID else {
        continue
      }
      if response.status >= 200 {
        answer.final = response
        break
      }
      if response.status > 100 { answer.provisional.append(response.status) }
    }
    answer.isClosed = isClosed && answer.final == nil
    if method == "INVITE" {
      if let final = answer.final {
        _ = request("ACK", to: final[header: "To"] ?? "<\(dialog.to)>", [], Data()).map(send)
      } else {
        _ = request("CANCEL", to: "<\(dialog.to)>", [], Data()).map(send)
      }
    }
    return answer
  }

  private func send(_ message: Data) -> Bool {
    trace?.note(.sent, "\(transport) \(peer):\(port)", message)
    return (try? connection.send(message, within: timeout)) != nil
  }

  // MARK: Reading

  private func nextResponse(until end: ContinuousClock.Instant) -> SIPResponse? {
    while true {
      if let message = reader.next() {
        trace?.note(.received, "\(transport) \(peer):\(port)", reader.lastMessage)
        if case .response(let response) = message { return response }
        if let answer = Self.answer(to: reader.lastMessage) { _ = send(answer) }
        continue
      }
      let left = ContinuousClock.now.duration(to: end)
      let seconds = Double(left.components.seconds) + Double(left.components.attoseconds) / 1e18
      guard seconds > 0, !reader.isFull, !lock.withLock({ isStopped }) else { return nil }
      guard receive(within: min(seconds, Self.slice)) || !isClosed else { return nil }
    }
  }

  /// Whether something came.
  private func receive(within seconds: Double) -> Bool {
    do {
      guard let more = try connection.receive(within: seconds) else { return false }
      reader.append(more)
      isClosed = more.isEmpty
    } catch { isClosed = true }
    return !isClosed
  }

  /// Whether the server has closed the connection, as far as is known by now.
  func hasBeenClosed() -> Bool {
    while !isClosed, !reader.isFull, receive(within: 0) {}
    return isClosed
  }

  /// Answers what comes over this connection while another one is asked.
  func answering<Value: Sendable>(_ body: () async -> Value) async -> Value {
    let flag = Flag()
    let (ends, sink) = AsyncStream.makeStream(of: Void.self)
    DispatchQueue.global().async {
      while !flag.isSet, !self.isClosed { _ = self.nextResponse(until: .now + .seconds(Self.slice)) }
      sink.finish()
    }
    let value = await body()
    flag.set()
    for await _ in ends {}
    return value
  }

  /// `@unchecked Sendable`: `value` is only touched under `lock`.
  private final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false

    var isSet: Bool { lock.withLock { value } }
    func set() { lock.withLock { value = true } }
  }

  /// 200 to OPTIONS, so that a request for our own device has an end (RFC 3261 §11.2); nil for other requests.
  private static func answer(to request: Data) -> Data? {
    guard let message = SIPDatagram([UInt8](request)), message.method == "OPTIONS" else { return nil }
    return message.response("200 OK", tag: "check").map { Data($0.bytes) }
  }
}
