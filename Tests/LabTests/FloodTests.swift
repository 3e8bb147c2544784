// FloodTests.swift: an ordinary account sends another more than it can take; neither it nor the lab grows for it
import DigestAuth
import Foundation
import HostilePeer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct FloodTests {
  private static let bodySize = 8000
  /// Megabytes that no program of these may ever have had.
  private static let limit = 150

  /// Messages without an answer at a time: a client that does not read its answers is cut off.
  private static let ahead = 100

  /// carol, by hand: writes messages far ahead of their answers.
  private func flood(_ lab: LabProgram, _ number: Int) async throws {
    let carol = try WireClient(sipAddress: lab.proxy)
    #expect(try await carol.register("carol", instance: UUID().uuidString.lowercased()).status == 200)
    let alice = "sip:alice@\(WireClient.domain)"
    let own = "sip:carol@\(WireClient.domain)"
    carol.send(WireClient.text("MESSAGE", alice, from: own, callID: UUID().uuidString))
    let challenges = DigestChallenge.list(try await carol.response().all("Proxy-Authenticate"))
    var responder = DigestResponder(username: "carol", password: "carol", challenge: try #require(challenges.last))
    let mark = UUID().uuidString
    for index in 0..<number {
      let head = """
        From: <\(own)>\r\nTo: <\(alice)>\r\nDateTime: 2026-11-30T12:00:00Z\r\nNS: imdn <urn:ietf:params:imdn>\r
        imdn.Message-ID: \(index)-\(mark)\r\n\r\nContent-Type: text/plain\r\n\r\nflood \(index) 
        """.replacingOccurrences(of: "\r\n\n", with: "\r\n")
      let body = Data(head.utf8) + Data(repeating: UInt8(ascii: "x"), count: Self.bodySize - head.utf8.count)
      let credentials = responder.credentials(method: "MESSAGE", uri: alice, body: body).headerValue
      carol.send(
        WireClient.text(
          "MESSAGE", alice, from: own, callID: "\(mark)-\(index)", sequence: 2,
          headers: "Content-Type: message/cpim\r\nProxy-Authorization: \(credentials)\r\n", body: body),
        body: body)
      if index >= Self.ahead { _ = try await carol.response() }
    }
    for _ in 0..<Self.ahead { _ = try await carol.response() }
    carol.disconnect()
  }

  /// Whether alice has answered all in the end: as long as something waits for her, the lab takes messages with 202.
  private func isDrained(_ lab: LabProgram) async throws -> Bool {
    let carol = try WireClient(sipAddress: lab.proxy)
    defer { carol.disconnect() }
    #expect(try await carol.register("carol", instance: UUID().uuidString.lowercased()).status == 200)
    let end = ContinuousClock.now + .seconds(100)
    while ContinuousClock.now < end {
      let alice = "sip:alice@\(WireClient.domain)"
      let answer = try await carol.perform("MESSAGE", alice, user: "carol", headers: "Content-Type: text/plain\r\n")
      if answer.status != 202 { return true }
      try await Task.sleep(for: .milliseconds(300))
    }
    return false
  }

  private func peakMegabytes(of process: Int32) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.filter(\.isNumber))) / 1024
  }

  @Test func aFloodToWhoIsOnlineCostsNeitherItNorTheLabTheirMemory() async throws {
    let number = 1500
    let lab = try await LabProgram()
    defer { lab.stop() }
    let listener = try await lab.listener("alice")
    defer { listener.stop() }
    try await flood(lab, number)
    #expect(try await isDrained(lab))
    #expect(listener.isRunning)
    #expect(try peakMegabytes(of: listener.identifier) < Self.limit)
    #expect(try peakMegabytes(of: lab.identifier) < 3 * Self.limit)
  }

  @Test func aBacklogOfManyMessagesDrainsWhole() async throws {
    let number = 3000
    let lab = try await LabProgram()
    defer { lab.stop() }
    try await lab.listener("alice").stop()
    try await flood(lab, number)
    let listener = try await lab.listener("alice")
    defer { listener.stop() }
    #expect(try await isDrained(lab))
    #expect(listener.isRunning)
    #expect(try peakMegabytes(of: listener.identifier) < Self.limit)
    #expect(try peakMegabytes(of: lab.identifier) < Self.limit)
  }
}
