// ReorderingTests.swift: what was sent first arrives last: connections overtake each other
import ChatCore
import Foundation
import MessageFormats
import TestSupport
import Testing

@Suite(.serialized) struct Reordering {
  /// A service with accounts, some of which reach it through proxies that delay.
  private final class Setup {
    let service: ChatService
    private let port: Int
    private let server: SIPURI
    private var proxies: [FaultProxy] = []
    private var accounts: [ChatAccount] = []

    init(_ kind: ServiceKind) async throws {
      service = try await ChatService(kind)
      server = try #require(SIPURI(service.proxy))
      port = try #require(server.port)
    }

    func account(_ user: String, over proxy: FaultProxy? = nil) async throws -> ChatAccount {
      let uri = try proxy.map { try #require(SIPURI("sip:127.0.0.1:\($0.port);transport=tcp")) } ?? server
      let account = try ChatAccount(
        user: user, domain: ChatService.domain, proxy: uri, factory: #require(SIPURI(service.factory)),
        keyServer: service.keyServer)
      accounts.append(account)
      try await account.start()
      return account
    }

    func proxy() throws -> FaultProxy {
      let proxy = try FaultProxy(to: port)
      proxies.append(proxy)
      return proxy
    }

    func end() async {
      for account in accounts { await account.stop() }
      for proxy in proxies { proxy.stop() }
      await service.stop()
    }
  }

  private func play(_ kind: ServiceKind, _ body: (Setup) async throws -> Void) async throws {
    let setup = try await Setup(kind)
    do { try await body(setup) } catch {
      await setup.end()
      throw error
    }
    await setup.end()
  }

  /// Makes a room of the first one's with all, each of whom has written into it: sessions stand, credentials are known.
  private func room(of accounts: [ChatAccount]) async throws -> String {
    let first = accounts[0]
    let others = Set(accounts.map(\.configuration.address)).subtracting([first.configuration.address])
    let room = try await first.client.createRoom(named: "Late", members: Array(others)).room.address
    for account in accounts {
      try await account.stored(room, "all devices", within: 60) { $0.deviceCount == accounts.count }
    }
    for (number, account) in accounts.enumerated() {
      let hello = try await account.client.send("hello \(number)", to: room)
      for reader in accounts where reader !== account {
        try await reader.message("hello \(number)", within: 60)
        // Then no notification is left to be sent.
        if reader.address != account.address {
          try await account.delivery(of: hello.messageID, by: reader.address, within: 60)
        }
      }
    }
    try await nextSecond()
    return room
  }

  /// Times of messages are of whole seconds.
  private func nextSecond() async throws {
    let now = Int(Date().timeIntervalSince1970)
    while Int(Date().timeIntervalSince1970) == now { try await Task.sleep(for: .milliseconds(10)) }
  }

  private func wait(_ what: String, until isSo: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !isSo() {
      guard ContinuousClock.now < deadline else { throw TestFailure("not within 60 s: \(what)") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Sends a text that the proxy keeps back, and all that follows over the connections of now.
  private func sendLate(
    _ text: String, to room: String, _ account: ChatAccount, _ proxy: FaultProxy
  ) async throws -> FaultProxy.DelayedConnections {
    // A message goes out without credentials at first, and is challenged.
    let late = proxy.delay(from: "Proxy-Authorization: Digest")
    _ = try await account.client.send(text, to: room)
    try await wait("'\(text)' at the proxy") { late.holdsMark }
    return late
  }

  /// Everything once, readable, in the order in which it was written.
  private func check(_ account: ChatAccount, _ room: String, ends: [String]) async throws {
    let history = try await account.client.store.history(room: room).map(\.message)
    let late = history.filter { !$0.text.hasPrefix("hello") }
    #expect(late.map(\.text) == ends, "\(account.address)")
    #expect(late.allSatisfy { $0.isEncrypted && $0.state != .undecryptable })
    #expect(!account.events.contains { if case .security = $0 { true } else { false } })
  }

  /// The client has come back over another connection and has sent again what was not answered. Then the server gets
  /// the first copy, of an older state of the ratchet.
  @Test(arguments: ServiceKind.usual)
  func aCopyThatAnOldConnectionBringsLateIsShownOnce(on kind: ServiceKind) async throws {
    try await play(kind) { setup in
      let proxy = try setup.proxy()
      let alice = try await setup.account("alice", over: proxy)
      let bob = try await setup.account("bob")
      let room = try await room(of: [alice, bob])
      let old = try await sendLate("one", to: room, alice, proxy)
      try await alice.restart()
      try await bob.message("one", within: 60)
      try await nextSecond()
      _ = try await alice.client.send("two", to: room)
      try await bob.message("two", within: 60)
      #expect(!old.answers.contains("SIP/2.0"))
      old.release(ending: false)
      // It was not refused: it goes on to the room.
      try await wait("the late copy is answered") {
        old.answers.components(separatedBy: "SIP/2.0 ").contains { $0.hasPrefix("20") && $0.contains(" MESSAGE\r\n") }
      }
      try await nextSecond()
      _ = try await alice.client.send("three", to: room)
      try await bob.message("three", within: 60)
      for account in [alice, bob] { try await check(account, room, ends: ["one", "two", "three"]) }
    }
  }

  @Test(arguments: ServiceKind.usual)
  func aMessageThatAnotherDeviceOvertookIsPutInItsPlace(on kind: ServiceKind) async throws {
    try await play(kind) { setup in
      let proxy = try setup.proxy()
      let phone = try await setup.account("alice", over: proxy)
      let laptop = try await setup.account("alice")
      let bob = try await setup.account("bob")
      let all = [phone, laptop, bob]
      let room = try await room(of: all)
      let late = try await sendLate("one", to: room, phone, proxy)
      proxy.refuse(true)
      try await nextSecond()
      _ = try await laptop.client.send("two", to: room)
      try await bob.message("two", within: 60)
      #expect(try await bob.client.store.history(room: room).allSatisfy { $0.message.text != "one" })
      proxy.refuse(false)
      late.release(ending: true)
      try await bob.message("one", within: 60)
      try await laptop.message("one", within: 60)
      try await phone.message("two", within: 60)
      for account in all { try await check(account, room, ends: ["one", "two"]) }
    }
  }

  /// The server believes in the receiver's old connection until the end of that arrives.
  @Test func aMessageInAnOldConnectionComesAfterThoseOfTheNewOne() async throws {
    try await play(.lab) { setup in
      let proxy = try setup.proxy()
      let alice = try await setup.account("alice")
      let bob = try await setup.account("bob", over: proxy)
      let room = try await room(of: [alice, bob])
      let old = proxy.delay()
      let before = proxy.bytesToClients
      _ = try await alice.client.send("one", to: room)
      try await wait("'one' at the proxy") { proxy.bytesToClients > before + 1000 }
      try await bob.restart()
      try await nextSecond()
      _ = try await alice.client.send("two", to: room)
      try await bob.message("two", within: 60)
      #expect(try await bob.client.store.history(room: room).allSatisfy { $0.message.text != "one" })
      old.release(ending: true)
      try await bob.message("one", within: 60)
      for account in [alice, bob] { try await check(account, room, ends: ["one", "two"]) }
    }
  }
}
