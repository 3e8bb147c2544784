// IntakeTests.swift: what others send waits in the link, not in Sofia, and is refused before it is too much
import Foundation
import MessageFormats
import ServerConnection
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(2)))
struct IntakeTests {
  private static func request(_ number: Int, size: Int = 10, method: String = "MESSAGE") -> [UInt8] {
    Array(
      """
      \(method) sip:alice@a SIP/2.0\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK\(number)\r\nFrom: <sip:b@b>;tag=1\r
      To: <sip:alice@a>\r\nCall-ID: \(number)\r\nCSeq: 1 \(method)\r\nContent-Length: \(size)\r\n\r\n
      """.replacing("\r\n\n", with: "\r\n").utf8) + [UInt8](repeating: 120, count: size)
  }

  private static func response(_ number: Int, status: String = "200 OK") -> [UInt8] {
    Array(
      """
      SIP/2.0 \(status)\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK\(number)\r\nFrom: <sip:b@b>;tag=1\r
      To: <sip:alice@a>;tag=2\r\nCall-ID: \(number)\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n
      """.replacing("\r\n\n", with: "\r\n").utf8)
  }

  private static func numbers(_ outputs: [ServerIntake.Output]) -> [String] {
    outputs.compactMap { output in
      guard case .message(let head, _) = output else { return nil }
      let text = String(decoding: head, as: UTF8.self)
      return String(text.split(separator: "Call-ID: ")[1].prefix { $0.isNumber })
    }
  }

  @Test func onlyAWindowOfRequestsGoesOnUntilTheyAreAnswered() throws {
    let window = IntakeWindow()
    var intake = ServerIntake(window: window, idle: 10)
    let count = IntakeWindow.maximumCount
    let first = intake.take((0..<count + 10).flatMap { Self.request($0) })
    #expect(Self.numbers(first) == (0..<count).map(String.init))
    // Responses, and so what the agent waits for, do not wait behind them.
    #expect(Self.numbers(intake.take(Self.response(7))) == ["7"])
    intake.answered(Self.response(3, status: "100 Trying"))
    #expect(intake.next().isEmpty)
    intake.answered(Self.response(3))
    intake.answered(Self.response(3))
    intake.answered(Self.response(4))
    #expect(Self.numbers(intake.next()) == ["\(count)", "\(count + 1)"])
  }

  @Test func bytesCountToo() throws {
    let window = IntakeWindow()
    var intake = ServerIntake(window: window, idle: 10)
    let half = IntakeWindow.maximumBytes / 2 + 1
    #expect(Self.numbers(intake.take(Self.request(0, size: half) + Self.request(1, size: half))) == ["0"])
    intake.answered(Self.response(0))
    #expect(Self.numbers(intake.next()) == ["1"])
    intake.answered(Self.response(1))
    // What the agent keeps of it counts as well.
    window.hold(IntakeWindow.maximumBytes)
    #expect(intake.take(Self.request(2)).isEmpty)
    window.release(IntakeWindow.maximumBytes)
    #expect(Self.numbers(intake.next()) == ["2"])
  }

  /// Reading ends at a limit; when nothing moves for a while the rest is refused, so that responses can come.
  @Test func whatWaitsTooLongIsRefusedWithRetryAfter() async throws {
    let window = IntakeWindow()
    var intake = ServerIntake(window: window, idle: 10)
    window.hold(IntakeWindow.maximumBytes)
    var number = 0
    while intake.isOpen {
      #expect(intake.take(Self.request(number, size: 1 << 20)).isEmpty)
      number += 1
    }
    #expect(number == ServerIntake.maximumWaiting >> 20)
    #expect(try intake.keepTime().isEmpty)
    try await Task.sleep(for: .seconds(ServerIntake.longestStandstill + 0.1))
    let answers = try intake.keepTime().compactMap { output in
      if case .answer(let bytes) = output { String(decoding: bytes, as: UTF8.self) } else { nil }
    }
    #expect(answers.count == number)
    #expect(answers.allSatisfy { $0.hasPrefix("SIP/2.0 503 ") && $0.contains("\r\nRetry-After: ") })
    #expect(intake.isOpen && !intake.takeRefused())
    window.release(IntakeWindow.maximumBytes)
    // Then a REGISTER asks for them.
    #expect(intake.takeRefused() && !intake.takeRefused())
  }

  @Test func pingsOfTheServerAreAnsweredBetweenMessages() throws {
    var intake = ServerIntake(window: IntakeWindow(), idle: 10)
    #expect(intake.take([13, 10]) == [.pong])
    #expect(intake.take([13, 10]).contains(.ping))
    #expect(intake.take(Self.request(0)).count == 1)
  }

  /// Nobody answers: what comes stays small, and all of it comes in the end.
  @Test func aFloodCostsLittleAndArrivesWhole() async throws {
    let number = 600
    let body = Data(repeating: 120, count: 8000)
    let server = try ScriptedServer { message in
      guard message.method == "REGISTER", message.headers["Expires"] != "0" else { return [] }
      let ok = message.answer("200 OK", ["Contact: \(message.headers["Contact"] ?? "");expires=600"])
      let flood = (0..<number).map { number in
        Data(Self.request(number, size: body.count).dropLast(body.count)) + body
      }
      return [ok, flood.reduce(into: Data()) { $0 += $1 }]
    }
    defer { server.stop() }
    let before = try Self.residentMegabytes()
    let alice = try Client("alice", server: server.port)
    try await alice.agent.register()
    try await Task.sleep(for: .seconds(1))
    var last = ""
    for index in 0..<number {
      let message = try await alice.nextMessage()
      #expect(message.body == body)
      let id = message.headers["Call-ID"] ?? ""
      if id != "\(index)" { last = "\(index) was \(id)" }
      await alice.agent.respond(to: message.id, status: 200)
    }
    #expect(last.isEmpty, "order")
    #expect(try Self.residentMegabytes() - before < 60)
    await alice.agent.shutdown()
  }

  private static func residentMegabytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") || $0.hasPrefix("VmRSS:") } ?? ""
    return (Int(line.filter(\.isNumber)) ?? 0) / 1024
  }

  // MARK: Requests that are not for us

  private static let methods = [
    "MESSAGE", "NOTIFY", "INVITE", "BYE", "REFER", "OPTIONS", "INFO", "UPDATE", "SUBSCRIBE", "PUBLISH", "PRACK",
  ]

  private func answers(
    _ requests: @escaping @Sendable (_ contact: String) -> [Data]
  ) async throws -> (statuses: [String: String], messages: Int) {
    let end = Data(Self.request(999_999))
    let server = try ScriptedServer { message in
      guard message.method == "REGISTER", message.headers["Expires"] != "0" else { return [] }
      let contact = message.headers["Contact"] ?? ""
      let uri = String(contact.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" })
      return [message.answer("200 OK", ["Contact: \(contact);expires=600"])] + requests(uri) + [end]
    }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    try await alice.agent.register()
    var messages = 0
    var isOver = false
    while !isOver {
      let (id, callID) = try await alice.next { event -> (IncomingRequestID?, String)? in
        switch event {
        case .message(let message): (message.id, message.headers["Call-ID"] ?? "")
        case .invitation(let invite): (nil, invite.headers["Call-ID"] ?? "")
        case .notify: (nil, "notify")
        default: nil
        }
      }
      isOver = callID == "999999"
      if !isOver { messages += 1 }
      if let id { await alice.agent.respond(to: id, status: 200) }
    }
    await alice.agent.shutdown()
    var statuses: [String: String] = [:]
    for message in server.messages where message.firstLine.hasPrefix("SIP/2.0 ") {
      let sequence = message.headers["CSeq"] ?? ""
      statuses[String(sequence.split(separator: " ").last ?? ""), default: ""] +=
        message.firstLine.split(separator: " ")[1] + " "
    }
    return (statuses, messages)
  }

  /// In a dialog servers check neither From nor password: whoever writes one up must not be heard.
  @Test func aRequestInADialogThatWeDoNotHaveIsAnswered481() async throws {
    let (statuses, messages) = try await answers({ contact in
      Self.methods.enumerated().map { index, method in
        let text = String(decoding: Self.request(index, method: method), as: UTF8.self)
        return Data(
          text.replacing("sip:alice@a SIP", with: "\(contact) SIP")
            .replacing("To: <sip:alice@a>", with: "To: <sip:alice@a>;tag=invented")
            .replacing("Content-Length", with: "Event: conference\r\nSubscription-State: active\r\nContent-Length").utf8
        )
      }
    })
    #expect(messages == 0)
    for method in Self.methods {
      // What nobody may send us at all is refused for that.
      let isKnown = ["MESSAGE", "NOTIFY", "INVITE", "BYE", "OPTIONS"].contains(method)
      #expect(statuses[method]?.hasPrefix(isKnown ? "481" : "4") == true, "\(method): \(statuses)")
    }
  }

  @Test func aRequestForAnotherUserIsAnswered404() async throws {
    let (statuses, messages) = try await answers({ _ in
      ["MESSAGE", "INVITE"].enumerated().map { index, method in
        let text = String(decoding: Self.request(index, method: method), as: UTF8.self)
        return Data(text.replacing("sip:alice@a", with: "sip:bob@a").utf8)
      }
    })
    #expect(messages == 0)
    // The other MESSAGE is the last one, and for us.
    #expect(statuses["INVITE"]?.hasSuffix("404 ") == true && statuses["MESSAGE"] == "404 200 ", "\(statuses)")
  }
}
