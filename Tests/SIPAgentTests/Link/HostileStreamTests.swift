// HostileStreamTests.swift: servers that send what is no SIP, too much or too little: the client hears them again
import Foundation
import MessageFormats
import ServerConnection
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(3)))
struct HostileStreamTests {
  /// What a server sends between the 200 to a REGISTER and a sound message, and how the client answers it: nil when it
  /// can only be dropped, or the connection with it.
  struct Wreck: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bytes: Data
    var answer: String?

    init(_ name: String, _ text: String, _ answer: String? = nil) { self.init(name, Data(text.utf8), answer) }

    init(_ name: String, _ bytes: Data, _ answer: String? = nil) {
      (testDescription, self.bytes, self.answer) = (name, bytes, answer)
    }
  }

  private static func request(
    _ uri: String, _ headers: [String] = ["Content-Type: text/plain"], startLine: String? = nil, length: Int? = nil,
    body: Data = Data()
  ) -> Data {
    let id = UUID().uuidString
    let lines =
      [
        startLine ?? "MESSAGE \(uri) SIP/2.0", "Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK\(id);rport",
        "Max-Forwards: 70", "From: <sip:bob@\(Kamailio.domain)>;tag=bob", "To: <sip:alice@\(Kamailio.domain)>",
        "Call-ID: \(id)", "CSeq: 1 MESSAGE",
      ] + headers + ["Content-Length: \(length ?? body.count)", "", ""]
    return Data(lines.joined(separator: "\r\n").utf8) + body
  }

  private static let alice = "sip:alice@\(Kamailio.domain)"

  static let wrecks: [Wreck] = [
    Wreck("3 MB", request(alice, body: Data(repeating: 120, count: 3 << 20)), "413"),
    Wreck("17 MB announced", request(alice, length: 17 << 20), "413"),
    Wreck("random bytes", Data((0..<4096).map { _ in UInt8.random(in: 128...255) })),
    Wreck("random bytes and an empty line", Data((0..<999).map { _ in UInt8.random(in: 128...255) }) + "\r\n\r\n".utf8),
    Wreck("a bad start line", "HELLO\r\n\r\n"),
    Wreck("a bad start line with fields", request(alice, startLine: "MESSAGE sip:alice")),
    Wreck("another version", request(alice, startLine: "MESSAGE \(alice) SIP/3.0"), "400"),
    Wreck("a NUL in a field", request(alice, ["Subject: a\0b"]), "400"),
    Wreck(
      "a NUL in From", Data(String(decoding: request(alice), as: UTF8.self).replacing("bob@", with: "b\0b@").utf8),
      "400"),
    Wreck("a lone CR", request(alice, ["Subject: a\rb"]), "400"),
    Wreck("a lone LF", request(alice, ["Subject: a\nb"]), "400"),
    Wreck("a line without colon", request(alice, ["nonsense"]), "400"),
    Wreck("a CSeq that is none", request(alice, ["CSeq: x"], startLine: "INFO \(alice) SIP/2.0"), "400"),
    Wreck("a lone bad response", "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    Wreck("a status that is none", "SIP/2.0 2000 OK\r\nVia: x\r\nContent-Length: 0\r\n\r\n"),
    Wreck(
      "a response to nothing",
      """
      SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r
      Call-ID: x\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n
      """.replacing("\r\n\n", with: "\r\n")),
    Wreck("a Content-Length that is no number", request(alice, ["Content-Length: x"])),
    Wreck("a Content-Length that is negative", Data("MESSAGE \(alice) SIP/2.0\r\nContent-Length: -5\r\n\r\n".utf8)),
    Wreck("two of them", request(alice, ["Content-Length: 3"], length: 5)),
    Wreck("more announced than comes", request(alice, length: 5000, body: Data("short".utf8))),
    Wreck("a head without end", Data("MESSAGE \(alice) SIP/2.0\r\nSubject: ".utf8)),
    Wreck("a head of 300 kB", request(alice, ["Subject: " + String(repeating: "x", count: 300_000)])),
    Wreck("many fields", request(alice, (0..<20_000).map { "X-\($0): y" })),
    Wreck("a From that is none", request(alice, ["Reply-To: <sip:x", "Contact: \"<;;"]), nil),
    Wreck(
      "no body, no length",
      String(decoding: request(alice, []), as: UTF8.self).replacing("Content-Length: 0\r\n", with: "")),
  ]

  /// The message that follows arrives: over the same connection, or after the REGISTER over the next one.
  @Test(arguments: wrecks)
  func whatASoundMessageFollowsIsHeard(wreck: Wreck) async throws {
    let sound = Data("sound".utf8)
    let mark = Mark()
    let server = try ScriptedServer { message in
      guard message.method == "REGISTER" else { return [] }
      let ok = message.answer("200 OK", ["Contact: \(message.headers["Contact"] ?? "");expires=600"])
      let uri = String((message.headers["Contact"] ?? "").drop { $0 != "<" }.dropFirst().prefix { $0 != ">" })
      // Nobody says goodbye over a connection of before.
      guard message.headers["Expires"] != "0" else { return [ok] }
      return [ok] + (mark.isFirst() ? [wreck.bytes] : []) + [Self.request(uri, body: sound)]
    }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port) { $0.messageTimeout = 1 }
    do {
      try await alice.agent.register()
      while true {
        let message = try await alice.nextMessage()
        await alice.agent.respond(to: message.id, status: 200)
        if message.body == sound { break }
      }
    } catch {
      await alice.agent.shutdown()
      throw error
    }
    await alice.agent.shutdown()
    if let answer = wreck.answer {
      let answers = server.messages.filter { $0.firstLine.hasPrefix("SIP/2.0 ") }.map(\.firstLine)
      #expect(answers.contains { $0.hasPrefix("SIP/2.0 \(answer) ") }, "\(answers)")
    }
  }

  /// `@unchecked Sendable`: `isUsed` is only touched under `lock`.
  private final class Mark: @unchecked Sendable {
    private let lock = NSLock()
    private var isUsed = false

    func isFirst() -> Bool {
      lock.withLock {
        defer { isUsed = true }
        return !isUsed
      }
    }
  }

  /// Each datagram stands for itself.
  @Test func overUDPWhatIsNoSIPIsDroppedOrRefused() async throws {
    let server = try LoopbackSocket.silentDatagram()
    let (answers, told) = AsyncStream.makeStream(of: String.self)
    let wrecks = Self.wrecks.filter { $0.bytes.count < 60_000 }
    Thread.detachNewThread {
      var sender = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = withUnsafeMutablePointer(to: &sender) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            recvfrom(server.descriptor, &buffer, buffer.count, 0, $0, &length)
          }
        }
        guard count > 0, let message = SIPDatagram(Array(buffer[..<count])) else { break }
        if message.isResponse { told.yield(String(decoding: message.head.prefix(11), as: UTF8.self)) }
        guard message.method == "REGISTER" else { continue }
        let contact = message.headers.first(named: "Contact") ?? ""
        let ok = SIPDatagram(
          Array(
            String(decoding: message.response("200 OK", tag: "x")?.bytes ?? [], as: UTF8.self)
              .replacing("Content-Length", with: "Contact: \(contact);expires=600\r\nContent-Length").utf8))
        let uri = String(contact.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" })
        for data in [Data(ok?.bytes ?? [])] + wrecks.map(\.bytes) + [Self.request(uri, body: Data("sound".utf8))] {
          _ = withUnsafePointer(to: &sender) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
              data.withUnsafeBytes { sendto(server.descriptor, $0.baseAddress, $0.count, 0, address, length) }
            }
          }
        }
        if message.headers.first(named: "Expires") == "0" { break }
      }
      told.finish()
    }
    let alice = try Client("alice", server: server.port, transport: "udp")
    do {
      try await alice.agent.register()
      while try await alice.nextMessage().body != Data("sound".utf8) {}
    } catch {
      await alice.agent.shutdown()
      throw error
    }
    await alice.agent.shutdown()
    var refused = 0
    for await answer in answers where answer == "SIP/2.0 400" { refused += 1 }
    #expect(refused >= 5)
  }

  /// One byte now and then is no message either.
  @Test func aMessageThatDribblesForEverIsGivenUp() throws {
    var intake = ServerIntake(window: IntakeWindow(), idle: 0.2)
    _ = intake.take(Array("MESSAGE sip:a SIP/2.0\r\n".utf8))
    let due = try #require(intake.due)
    #expect(due <= .now + .seconds(0.2))
    #expect(!intake.isBetweenMessages)
    usleep(250_000)
    #expect(throws: ConnectionFailure.self) { _ = try intake.keepTime() }
  }

  // MARK: Sofia's end

  private func link(
    to port: Int, onLoss: @escaping @Sendable () -> Void
  ) throws -> ServerLink {
    let settings = ServerLink.Settings(
      host: "127.0.0.1", transport: .tcp,
      addresses: { () throws(ConnectionFailure) in try SocketAddress.all(of: "127.0.0.1", port: port) },
      tls: TLSSettings(), localHost: "127.0.0.1", timeouts: ServerStream.Timeouts(),
      common: LinkSettings(
        usages: StandingUsages(), window: IntakeWindow(), realm: Kamailio.domain, keepalive: 0, keepaliveAnswer: 10,
        messageTimeout: 10))
    let link = try ServerLink(settings)
    link.whenLost(onLoss)
    return link
  }

  private static let options = Data(
    """
    OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r
    Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n
    """.replacing("\r\n\n", with: "\r\n").utf8)

  /// The agent hears of it, and can register again.
  @Test func sofiaThatClosesItsConnectionIsNoticed() async throws {
    let server = try LoopbackSocket.listening()
    let (losses, told) = AsyncStream.makeStream(of: Void.self)
    let link = try link(to: server.port) { told.yield() }
    defer { link.close() }
    do {
      let sofia = try LoopbackSocket.connected(to: link.port)
      let accepted = accept(server.descriptor, nil, nil)
      #expect(accepted >= 0)
      shutdown(sofia.descriptor, Int32(SHUT_RDWR))
      close(accepted)
    }
    var iterator = losses.makeAsyncIterator()
    #expect(await iterator.next() != nil)
  }

  /// It takes bytes and makes nothing of them: the link ends the connection within seconds.
  @Test func sofiaThatDoesNotReadAnyMoreIsNoticed() async throws {
    let server = try LoopbackSocket.listening()
    let link = try link(to: server.port) {}
    defer { link.close() }
    let sofia = try LoopbackSocket.connected(to: link.port)
    let accepted = accept(server.descriptor, nil, nil)
    defer { close(accepted) }
    _ = Self.options.withUnsafeBytes { send(accepted, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    let seconds = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let start = ContinuousClock.now
        var buffer = [UInt8](repeating: 0, count: 4096)
        while recv(sofia.descriptor, &buffer, buffer.count, 0) > 0 {}
        continuation.resume(returning: start.duration(to: .now))
      }
    }
    #expect(seconds < .seconds(15))
  }

  @Test func sofiaThatAnswersPingsIsLeftInPeace() {
    var watch = SofiaWatch()
    let start = ContinuousClock.now
    #expect(watch.due(isListening: true) == nil)
    watch.wasGiven()
    #expect(watch.step(start, isListening: true) == .nothing)
    #expect(watch.step(start + .seconds(3), isListening: true) == .ask)
    #expect(watch.step(start + .seconds(4), isListening: true) == .nothing)
    watch.hasAnswered()
    #expect(watch.step(start + .seconds(60), isListening: true) == .nothing)
    watch.wasGiven()
    #expect(watch.step(start + .seconds(63), isListening: true) == .ask)
    #expect(watch.step(start + .seconds(66), isListening: true) == .ask)
    #expect(watch.step(start + .seconds(70), isListening: true) == .lost)
    watch = SofiaWatch()
    watch.isBlocked = true
    #expect(watch.step(.now + .seconds(8), isListening: false) == .lost)
  }
}
