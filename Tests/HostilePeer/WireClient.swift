// WireClient.swift: a client that writes SIP by hand over TCP, right or wrong
import DigestAuth
import Foundation
import TestSupport

public enum WireError: Error { case closed }

/// One TCP connection. Messages are read on a thread of its own; `next()` waits for them without blocking.
public final class WireClient: Sendable {
  public static let domain = "sip.example.org"

  private let connection: LoopbackSocket
  private let messages: AsyncStream<WireMessage>

  public init(sipAddress: String) throws {
    guard let port = sipAddress.split(separator: ":").last.flatMap({ UInt16($0.prefix { $0.isNumber }) }) else {
      throw TestFailure("no port in \(sipAddress)")
    }
    let connection = try LoopbackSocket.connected(to: Int(port))
    // A server that stops reading, as after a message that is too large, must not hold the test up.
    var limit = timeval(tv_sec: 2, tv_usec: 0)
    setsockopt(connection.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    self.connection = connection
    let (messages, continuation) = AsyncStream<WireMessage>.makeStream()
    self.messages = messages
    Thread.detachNewThread {
      var received = Data()
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = recv(connection.descriptor, &buffer, buffer.count, 0)
        if count <= 0 { break }
        received.append(contentsOf: buffer[0..<count])
        while let message = WireMessage.take(&received) { continuation.yield(message) }
      }
      continuation.finish()
    }
  }

  // The reading thread then ends and lets go of the socket.
  deinit { disconnect() }

  public func disconnect() { shutdown(connection.descriptor, Int32(SHUT_RDWR)) }

  public func send(_ text: String, body: Data = Data()) {
    let bytes = Array(text.utf8) + body
    _ = bytes.withUnsafeBytes { Glibc.send(connection.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  /// The next message. Throws when the connection is closed.
  public func next() async throws -> WireMessage {
    for await message in messages { return message }
    throw WireError.closed
  }

  /// The next final response.
  public func response() async throws -> WireMessage {
    while true {
      let message = try await next()
      if message.status >= 200 { return message }
    }
  }

  /// The next request of a method; others in between are answered 200.
  public func request(_ method: String) async throws -> WireMessage {
    while true {
      let message = try await next()
      if message.startLine.hasPrefix(method + " ") { return message }
      if message.status == 0 { send(message.answer("200 OK")) }
    }
  }
}

// MARK: - Requests

extension WireClient {
  /// A request with all that it needs; `headers` are further lines, each ended by CRLF.
  public static func text(
    _ method: String, _ uri: String, from: String, to: String? = nil, callID: String, sequence: Int = 1,
    headers: String = "", hops: Int = 70, body: Data = Data()
  ) -> String {
    """
    \(method) \(uri) SIP/2.0\r
    Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK\(callID)-\(sequence)-\(method);rport\r
    From: <\(from)>;tag=from-\(callID)\r
    To: <\(to ?? uri)>\r
    Call-ID: \(callID)\r
    CSeq: \(sequence) \(method)\r
    Max-Forwards: \(hops)\r
    \(headers)Content-Length: \(body.count)\r
    \r

    """.replacingOccurrences(of: "\r\n\n", with: "\r\n")
  }

  /// Sends a request, answers one challenge, and returns the final response.
  public func perform(
    _ method: String, _ uri: String, user: String, password: String? = nil, from: String? = nil, to: String? = nil,
    headers: String = "", hops: Int = 70, body: Data = Data(), algorithm: DigestAlgorithm = .sha256
  ) async throws -> WireMessage {
    let callID = UUID().uuidString
    let from = from ?? "sip:\(user)@\(Self.domain)"
    send(
      Self.text(method, uri, from: from, to: to, callID: callID, headers: headers, hops: hops, body: body), body: body)
    let first = try await response()
    let isRegister = first.status == 401
    guard isRegister || first.status == 407 else { return first }
    let offered = first.all(isRegister ? "WWW-Authenticate" : "Proxy-Authenticate")
    let challenges = DigestChallenge.list(offered)
    guard let challenge = challenges.first(where: { $0.algorithm == algorithm }) else { return first }
    var responder = DigestResponder(username: user, password: password ?? user, challenge: challenge)
    let credentials = responder.credentials(method: method, uri: uri, body: body)
    let line = "\(isRegister ? "Authorization" : "Proxy-Authorization"): \(credentials.headerValue)\r\n"
    send(
      Self.text(
        method, uri, from: from, to: to, callID: callID, sequence: 2, headers: headers + line, hops: hops, body: body),
      body: body)
    return try await response()
  }

  /// Registers a device. `instance` is the UUID of its `+sip.instance`.
  public func register(
    _ user: String, instance: String, expires: Int = 600, password: String? = nil,
    algorithm: DigestAlgorithm = .sha256, specs: String = "groupchat/1.1,lime"
  ) async throws -> WireMessage {
    try await perform(
      "REGISTER", "sip:\(Self.domain)", user: user, password: password, to: "sip:\(user)@\(Self.domain)",
      headers: """
        Contact: <sip:\(user)@127.0.0.1:9;transport=tcp>;+sip.instance="<urn:uuid:\(instance)>"\
        ;+org.linphone.specs="\(specs)"\r
        Expires: \(expires)\r
        Supported: gruu\r

        """, algorithm: algorithm)
  }

  public static func gruu(_ user: String, _ instance: String) -> String {
    "sip:\(user)@\(domain);gr=urn:uuid:\(instance)"
  }
}
