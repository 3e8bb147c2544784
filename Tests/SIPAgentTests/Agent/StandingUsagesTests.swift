// StandingUsagesTests.swift: a request that fails ends neither the registration nor a call (RFC 5057)
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(2)))
struct StandingUsagesTests {
  private func head(_ lines: String...) -> [UInt8] { Array((lines + ["", ""]).joined(separator: "\r\n").utf8) }

  @Test func onlyMeantEndsPass() {
    let usages = StandingUsages()
    let end = head("REGISTER sip:x SIP/2.0", "Call-ID: a", "Expires: 0")
    let bye = head("BYE sip:x SIP/2.0", "Call-ID: b")
    #expect(!usages.permit(end))
    #expect(usages.permit(head("REGISTER sip:x SIP/2.0", "Call-ID: a", "Expires: 600")))
    #expect(usages.permit(head("SUBSCRIBE sip:x SIP/2.0", "Expires: 0")))
    #expect(usages.permit(bye), "a call that is not kept")
    usages.keep(call: "b")
    #expect(!usages.permit(bye))
    usages.release(call: "b")
    usages.keepRegistration(false)
    #expect(usages.permit(bye) && usages.permit(end))
  }

  /// A registrar that grants two seconds, swallows the refresh, and then takes everything again.
  @Test func aRefreshLostWithItsConnectionDoesNotUnregister() async throws {
    let isSilent = Flag()
    let server = try ScriptedServer { message in
      guard message.method == "REGISTER" else { return [message.answer("200 OK")] }
      if isSilent.value { return [] }
      return [message.answer("200 OK", ["Contact: \(message.headers["Contact"] ?? "");expires=2"])]
    }
    defer { server.stop() }
    let proxy = try FaultProxy(to: server.port)
    defer { proxy.stop() }
    let alice = try Client("alice", server: proxy.port, expires: 2)
    do {
      try await alice.agent.register()
      isSilent.set(true)
      let before = server.messages.count
      while server.messages.count == before { try await Task.sleep(for: .milliseconds(10)) }
      proxy.cut()
      _ = try await alice.next { event -> Bool? in
        if case .registration(.lost) = event { true } else { nil }
      }
      isSilent.set(false)
      _ = try await alice.next { event -> Bool? in
        if case .registration(.registered) = event { true } else { nil }
      }
      // Whatever it still sent would arrive before the answer to this.
      _ = try await alice.agent.options(alice.address)
      #expect(!server.messages.contains { $0.headers["Expires"] == "0" })
    } catch {
      await alice.agent.shutdown()
      throw error
    }
    await alice.agent.shutdown()
    #expect(server.messages.last?.headers["Expires"] == "0", "the end that is meant")
  }

  /// What comes in while the agent ends is not lost: a server keeps what was answered with 503, and drops it after 410.
  @Test func messagesAtTheEndAreKeptByTheServer() async throws {
    let server = try ScriptedServer { message in
      guard message.method == "OPTIONS" else { return [] }
      let requests = (0..<400).map { number in
        Data(
          ([
            "MESSAGE sip:alice@127.0.0.1 SIP/2.0", "Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK\(UUID().uuidString)",
            "Max-Forwards: 70", "From: <sip:bob@\(Kamailio.domain)>;tag=\(number)",
            "To: <sip:alice@\(Kamailio.domain)>",
            "Call-ID: \(UUID().uuidString)", "CSeq: 1 MESSAGE", "Content-Length: 0",
          ].joined(separator: "\r\n") + "\r\n\r\n").utf8)
      }
      return [message.answer("200 OK")] + requests
    }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    _ = try await alice.agent.options(alice.address)
    _ = try await alice.nextMessage()
    await alice.agent.shutdown(keepingRegistration: true)
    let answers = Set(server.messages.map(\.firstLine).filter { $0.hasPrefix("SIP/2.0 ") })
    #expect(answers.isSubset(of: ["SIP/2.0 503 Service Unavailable"]), "\(answers)")
    let gone = head("SIP/2.0 410 Gone", "Via: x")
    #expect(LastAnswers.soften(gone) == head("SIP/2.0 503 Service Unavailable", "Via: x"))
    #expect(LastAnswers.soften(head("SIP/2.0 200 OK")) == head("SIP/2.0 200 OK"))
  }

  /// What a rename needs is another request: the call itself goes on.
  @Test(arguments: [true, false])
  func aRenameThatFailsDoesNotHangUp(byLoss: Bool) async throws {
    let isSilent = Flag()
    let server = try ScriptedServer { message in
      switch message.method {
      case "ACK": return []
      case "INVITE" where isSilent.value: return byLoss ? [] : [message.answer("503 Service Unavailable")]
      case "INVITE": return [message.answer("200 OK", ["Contact: <sip:room@127.0.0.1;transport=tcp>;isfocus"])]
      default: return [message.answer("200 OK")]
      }
    }
    defer { server.stop() }
    let proxy = try FaultProxy(to: server.port)
    defer { proxy.stop() }
    let alice = try Client("alice", server: proxy.port)
    do {
      let room = SIPURI(user: "room", host: Kamailio.domain)
      guard case .established(let dialog) = try await alice.agent.invite(room) else {
        throw TestFailure("no dialog")
      }
      isSilent.set(true)
      async let response = alice.agent.reinvite(dialog.id, headers: [SIPHeader("Subject", "new")])
      while server.messages.count(where: { $0.method == "INVITE" }) < 2 { try await Task.sleep(for: .milliseconds(10)) }
      if byLoss { proxy.cut() }
      let isRefused = (try? await response.isSuccess) != true
      #expect(isRefused)
      _ = try await alice.agent.options(alice.address)
      #expect(!server.messages.contains { $0.method == "BYE" })
    } catch {
      await alice.agent.shutdown()
      throw error
    }
    await alice.agent.shutdown()
  }

  /// `@unchecked Sendable`: `flag` is only touched under `lock`.
  private final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var flag = false

    var value: Bool { lock.withLock { flag } }
    func set(_ value: Bool) { lock.withLock { flag = value } }
  }
}
