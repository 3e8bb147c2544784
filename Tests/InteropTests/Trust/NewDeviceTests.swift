// NewDeviceTests.swift: devices that come later, in the name of a user who was compared and of one who was not.
import Foundation
import GRDB
import KeyServer
import Lab
import Lime
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

/// The focus and the key server add a device of their own to bob: for the lab it is one more that registers with his
/// password, with keys that are nobody's but its own.
@Suite(.serialized) struct NewDevices {
  /// A room in which bob's device is trusted by alice, and then his name has one more device.
  private func scene(
    _ pair: ChatPair, trusted: Bool = true
  ) async throws -> (room: String, intruder: ChatAccount, device: String) {
    let room = try await pair.room()
    try await pair.talk(in: room)
    if trusted { _ = try await pair.alice.client.store.trust(device: "sip:bob@", curve: .c25519) }
    let intruder = try ChatPair.account("bob", pair.addresses)
    try await intruder.start()
    try await intruder.room(named: "Pair", within: 60)
    for account in [pair.alice, pair.bob, intruder] {
      try await account.stored(room, "three devices", within: 60) { $0.deviceCount == 3 }
    }
    return (room, intruder, try #require(await intruder.client.device))
  }

  /// Whatever came from alice was not encrypted for it.
  private func expectNothingReadable(
    of alice: String, at intruder: ChatAccount, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for event in intruder.events {
      switch event {
      case .message(let message) where message.sender == alice:
        #expect(message.state == .undecryptable, "\(message.text)", sourceLocation: sourceLocation)
      case .change, .composing(_, alice, _): Issue.record("\(event.jsonLine)", sourceLocation: sourceLocation)
      default: break
      }
    }
  }

  @Test func aNewDeviceOfAVerifiedUserGetsNothingUntilItIsLetIn() async throws {
    try await ChatPair.play { pair in
      let (room, intruder, device) = try await scene(pair)
      let (alice, bob) = (pair.alice, pair.bob)
      // What is not to wait is refused, and nothing is stored.
      let refusal = await #expect(throws: ChatError.self) {
        try await alice.client.send("at once", to: room, MessageOptions(waits: false))
      }
      #expect(refusal?.exitCode == 10)
      let text = refusal?.description ?? ""
      #expect(text.contains(device) && text.contains("keys admit \(device.suffix(36))"))
      // What is typed in a chat waits, in its order, and is not lost.
      let first = try await alice.client.send("first", to: room)
      _ = try await alice.client.send("second", to: room)
      #expect(try await alice.securityEvent(about: device).contains("keys admit"))
      // Notices go on, to those who may have them.
      let asked = try await bob.client.send("from bob", to: room)
      try await bob.delivery(of: asked.messageID, by: alice.address)
      await alice.client.sendComposing(true, to: room)
      await #expect(throws: ChatError.self) { try await alice.client.react("👍", to: asked.messageID, in: room) }
      #expect(try await alice.client.store.message(room: room, messageID: first.messageID)?.message.state == .queued)
      // It may write, which lets it in no more than before.
      _ = try await intruder.client.send("let me in", to: room)
      try await alice.message("let me in")
      await #expect(throws: ChatError.self) {
        try await alice.client.send("again", to: room, MessageOptions(waits: false))
      }
      // The key was fetched, so that it can be compared.
      let shown = try await alice.client.store.verification(of: bob.configuration.address, curve: .c25519)
      let held = try #require(shown.devices.first { $0.trust.device == device })
      #expect(held.code != nil && held.trust.admission == .new && held.trust.isHeld(by: .hold))
      #expect(!shown.devices.contains { $0.trust.device != device && $0.trust.isHeld(by: .hold) })
      expectNothingReadable(of: alice.address, at: intruder)

      _ = try await alice.client.store.admit(device: device, curve: .c25519)
      await alice.client.trustChanged()
      for account in [bob, intruder] {
        try await account.message("first")
        try await account.message("second")
      }
      let texts = try await bob.client.store.history(room: room).map(\.message.text)
      #expect(texts.filter { ["first", "second"].contains($0) } == ["first", "second"])
      await intruder.stop()
    }
  }

  @Test func trustingTheNewDeviceSendsWhatWaits() async throws {
    try await ChatPair.play { pair in
      let (room, intruder, device) = try await scene(pair)
      let sent = try await pair.alice.client.send("waits", to: room)
      _ = try await pair.alice.securityEvent(about: device)
      _ = try await pair.alice.client.store.trust(device: device, curve: .c25519)
      await pair.alice.client.trustChanged()
      #expect(try await pair.alice.outcome(of: sent).state == .sent)
      for account in [pair.bob, intruder] { try await account.message("waits") }
      await intruder.stop()
    }
  }

  @Test func anExcludedDeviceGetsNothingAndTheOthersDo() async throws {
    try await ChatPair.play { pair in
      let (room, intruder, device) = try await scene(pair)
      let store = pair.alice.client.store
      _ = try await pair.alice.client.send("waits", to: room)
      _ = try await pair.alice.securityEvent(about: device)
      _ = try await store.exclude(device: device, curve: .c25519)
      await pair.alice.client.trustChanged()
      try await pair.bob.message("waits")
      // Every device that gets it is trusted.
      _ = try await pair.alice.client.send("secret", to: room, MessageOptions(requireTrust: true, waits: false))
      try await pair.bob.message("secret")
      // It writes, and asks for what it could not read: that changes nothing.
      _ = try await intruder.client.send("let me in", to: room)
      try await pair.alice.message("let me in")
      _ = try await pair.alice.client.send("more", to: room, MessageOptions(waits: false))
      try await pair.bob.message("more")
      expectNothingReadable(of: pair.alice.address, at: intruder)
      await #expect(throws: ChatError.self) { try await store.exclude(device: "sip:bob@", curve: .c25519) }
      _ = try await store.admit(device: device, curve: .c25519)
      _ = try await pair.alice.client.send("for both", to: room, MessageOptions(waits: false))
      try await intruder.message("for both")
      await intruder.stop()
    }
  }

  @Test func whatWaitsIsSentWhenTheNewDeviceIsGone() async throws {
    try await ChatPair.play { pair in
      let (room, intruder, device) = try await scene(pair)
      _ = try await pair.alice.client.send("for bob alone", to: room)
      _ = try await pair.alice.securityEvent(about: device)
      try await intruder.client.giveUp()
      try await pair.bob.message("for bob alone")
    }
  }

  @Test func aNewDeviceOfAUserWhoWasNotVerifiedIsAnnouncedAndGetsWhatIsSent() async throws {
    try await ChatPair.play { pair in
      let (room, late, device) = try await scene(pair, trusted: false)
      // The first devices of a room are no news, a later one is.
      #expect(!pair.alice.events.contains { if case .security = $0 { true } else { false } })
      _ = try await pair.alice.client.send("for all", to: room, MessageOptions(waits: false))
      try await late.message("for all")
      #expect(try await pair.alice.securityEvent(about: device).contains("for the first time"))
      // It was sent to before any was compared: it stays as it is.
      _ = try await pair.alice.client.store.trust(
        device: try #require(await pair.bob.client.device), curve: .c25519)
      _ = try await pair.alice.client.send("still for all", to: room, MessageOptions(waits: false))
      try await late.message("still for all")
      await late.stop()
    }
  }

  @Test func aNewDeviceOfOurOwnNameIsHeldOnceAnybodyWasVerified() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      try await pair.talk(in: room)
      _ = try await pair.alice.client.store.trust(device: "sip:bob@", curve: .c25519)
      let second = try ChatPair.account("alice", pair.addresses)
      try await second.start()
      try await pair.alice.stored(room, "three devices", within: 60) { $0.deviceCount == 3 }
      let refusal = await #expect(throws: ChatError.self) {
        try await pair.alice.client.send("secret", to: room, MessageOptions(waits: false))
      }
      #expect(refusal?.exitCode == 10)
      _ = try await pair.alice.client.store.admit(
        device: try #require(await second.client.device), curve: .c25519)
      _ = try await pair.alice.client.send("known", to: room, MessageOptions(waits: false))
      try await second.message("known")
      await second.stop()
    }
  }

  /// Spellings of bob's address that are the same user, and a device that the state puts under his name.
  @Test(arguments: [
    "sip:bob@sip.example.org;gr=EVIL", "sip:bob@SIP.Example.ORG;gr=EVIL", "sip:bob@sip.example.org:5060;gr=EVIL",
    "sip:b%6fb@sip.example.org;gr=EVIL", "sips:bob@sip.example.org;gr=EVIL", "sip:mallory@sip.example.org;gr=EVIL",
  ])
  func aDeviceIsNewHoweverItsAddressIsWritten(device: String) async throws {
    let folder = try TemporaryFolder()
    let store = try AccountStore(directory: folder.url)
    let real = "sip:bob@sip.example.org;gr=urn:uuid:1"
    try await store.database.write { db in
      try Setting.gruu.write(db, "sip:alice@sip.example.org;gr=urn:uuid:2")
      #expect(try Admissions(db).admission(of: device, participant: "sip:bob@sip.example.org") == .unproven)
      try Admissions.verify(db, real)
      #expect(try Admissions(db).admission(of: device, participant: "sip:bob@sip.example.org") == .new)
      #expect(try Admissions(db).admission(of: real, participant: "sip:bob@sip.example.org") == .admitted)
      try Admissions.admit(db, device)
      #expect(try Admissions(db).admission(of: device, participant: "sip:bob@sip.example.org") == .admitted)
    }
  }

  /// The name of a device is its maker's choice, and the command is there to be copied.
  @Test(arguments: ["$(id)", "`id`", "';id;'", "--help--------", "a|b|c|d|e", "*", ""])
  func aCommandToCopyHoldsNothingThatAShellWouldRun(name: String) {
    let device = HeldDevice(
      participant: "sip:\(name)@sip.example.org", device: "sip:bob@sip.example.org;gr=urn:uuid:\(name)")
    #expect(device.text.contains("keys admit DEVICE'"))
    #expect(device.text.contains("keys verify ADDRESS'") || name.hasPrefix("--help"))
    #expect(CommandWord.address("sip:bob@sip.example.org;gr=\(name)") == "sip:bob@sip.example.org")
  }

  @Test func theSettingsDifferInWhatTheyHold() {
    let held = NewDevicePolicy.allCases.map { policy in
      [Admission.admitted, .excluded, .unproven, .new].map { $0.isHeld(by: policy) }
    }
    #expect(held == [[false, false, false, false], [false, false, false, true], [false, false, true, true]])
  }

  /// Data of a version without such a record.
  @Test func devicesThatMessagesWereExchangedWithBeforeStayAsTheyAre() throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("old.sqlite").path
    let database = try DatabaseQueue(path: path)
    try database.write { db in
      try db.execute(
        sql: """
          CREATE TABLE outbox (id INTEGER); CREATE TABLE upload (message INTEGER);
          CREATE TABLE lime_peer (device TEXT, status TEXT);
          INSERT INTO lime_peer VALUES ('sip:bob@h;gr=1', 'untrusted'), ('sip:bob@h;gr=2', 'unknown'),
            ('sip:carol@h;gr=3', 'trusted'), ('sip:carol@h;gr=4', 'unsafe');
          CREATE TABLE setting (name TEXT, value TEXT);
          """)
      try Admissions.createTables(db)
      let found = try ["bob;1", "bob;2", "carol;3", "carol;4"].map { entry in
        let parts = entry.split(separator: ";")
        return try Admissions(db).admission(of: "sip:\(parts[0])@h;gr=\(parts[1])", participant: "sip:\(parts[0])@h")
      }
      #expect(found == [.admitted, .unproven, .admitted, .new])
    }
  }
}

/// As a user or a script meets it.
@Suite(.serialized) struct NewDeviceCommands {
  private static let bob = "sip:bob@sip.example.org"

  /// alice trusts bob's device, and then his name has one more.
  private static func play(
    trusted: Bool = true,
    _ body: (_ lab: LabProgram, _ bob: PeerProcess, _ intruder: PeerProcess, String) async throws
      -> Void
  ) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    defer { bob.stop() }
    #expect(try await lab.run(as: "alice", "send", Self.bob, "hello", "--wait", "delivered").exitCode == 0)
    if trusted { #expect(try await lab.run(as: "alice", "keys", "trust", "sip:bob@").exitCode == 0) }
    let folder = try TemporaryFolder()
    let intruder = try PeerProcess(
      TestPaths.limeade, lab.arguments("bob", ["listen", "--json"]),
      environment: ["XDG_DATA_HOME": folder.file("data").path, "XDG_STATE_HOME": folder.file("state").path],
      name: "another device of bob")
    defer { intruder.stop() }
    let device = try #require(try await intruder.event("registered")["device"])
    try await intruder.event("room", ["state": "active"])
    // alice has the room's new state, too.
    let alice = try await lab.listener("alice")
    try await alice.event("device", ["device": device, "change": "added"])
    alice.stop()
    _ = try await alice.exitCode()
    try await body(lab, bob, intruder, device)
  }

  @Test func sendEndsWith10AndNothingLeavesUntilTheDeviceIsLetIn() async throws {
    try await Self.play { lab, bob, intruder, device in
      let commands = [
        ["send", Self.bob, "the PIN is 4711"], ["message", "edit", Self.bob, "last", "the PIN is 4711"],
        ["message", "retract", Self.bob, "last"], ["message", "forward", Self.bob, "last", Self.bob],
      ]
      for command in commands {
        let refused = try await lab.run(as: "alice", command)
        #expect(refused.exitCode == 10, "\(command): \(refused.errors)")
        #expect(refused.output.isEmpty)
        #expect(refused.errors.contains(device))
        #expect(refused.errors.contains("limeade keys admit \(device.suffix(36))"), "\(refused.errors)")
      }
      #expect(
        try await lab.run(as: "alice", "history", Self.bob, "--json").events.compactMap { $0["text"] } == ["hello"])
      let shown = try await lab.run(as: "alice", "keys", "verify", "bob", "--json").events
      let held = try #require(shown.first { $0["device"] == device })
      #expect(held["admission"] == "new" && held["code"] != nil)
      #expect(try await lab.run(as: "alice", "room", "show", Self.bob).output.contains("\(device) (unknown, new)"))

      #expect(try await lab.run(as: "alice", "keys", "admit", String(device.suffix(12))).exitCode == 0)
      #expect(try await lab.run(as: "alice", "send", Self.bob, "now", "--wait", "delivered").exitCode == 0)
      for account in [bob, intruder] { try await account.event("message", ["text": "now"]) }
      #expect(!intruder.output.contains { $0.contains("4711") })
    }
  }

  @Test func whatIsTypedIntoAChatWaitsForTheDecision() async throws {
    try await Self.play { lab, bob, intruder, device in
      let chat = try lab.start(as: "alice", "chat", "--plain", Self.bob, "--json")
      try await chat.event("registered")
      try chat.send("for bob alone")
      try await chat.event("security", ["device": device])
      // Beside the open chat.
      #expect(try await lab.run(as: "alice", "send", Self.bob, "x").exitCode == 10)
      #expect(try await lab.run(as: "alice", "keys", "admit", device).exitCode == 0)
      for account in [bob, intruder] { try await account.event("message", ["text": "for bob alone"]) }
      chat.stop()
      _ = try await chat.exitCode()
    }
  }

  @Test func aChatWhoseInputEndsSaysThatItsTextsWait() async throws {
    try await Self.play { lab, bob, intruder, device in
      let chat = try await lab.run(as: "alice", "chat", "--plain", Self.bob, input: "one\ntwo\n")
      #expect(chat.exitCode == 10 && chat.errors.contains(device), "\(chat.errors)")
      // They are sent when it is decided.
      #expect(try await lab.run(as: "alice", "keys", "exclude", device).exitCode == 0)
      #expect(try await lab.run(as: "alice", "send", Self.bob, "three").exitCode == 0)
      for text in ["one", "two", "three"] { try await bob.event("message", ["text": text]) }
      #expect(!intruder.output.contains { $0.contains("\"one\"") })
    }
  }

  @Test func sendSaysThatAnUnverifiedUserHasANewDevice() async throws {
    try await Self.play(trusted: false) { lab, _, intruder, device in
      let first = try await lab.run(as: "alice", "send", Self.bob, "for all", "--json")
      #expect(first.exitCode == 0 && first.events.map { $0["event"] } == ["security", "sent"], "\(first.output)")
      #expect(first.events.first?["device"] == device, "\(first.output)")
      #expect(first.events.first?["text"]?.contains("for the first time") == true, "\(first.output)")
      try await intruder.event("message", ["text": "for all"])
      let second = try await lab.run(as: "alice", "send", Self.bob, "again")
      #expect(second.exitCode == 0 && second.errors.isEmpty, "\(second.errors)")
    }
  }

  @Test func theSettingIsReadAndAWrongOneExplained() async throws {
    try await Self.play { lab, _, intruder, device in
      let text = try String(contentsOfFile: lab.configuration, encoding: .utf8)
      func set(_ value: String) throws {
        let line = "[account.alice]\nnew-devices = \"\(value)\""
        try text.replacing("[account.alice]", with: line).write(
          toFile: lab.configuration, atomically: false, encoding: .utf8)
      }
      try set("ask")
      let wrong = try await lab.run(as: "alice", "send", Self.bob, "x")
      #expect(wrong.exitCode == 78 && wrong.errors.contains("announce, hold, hold-always"), "\(wrong.errors)")
      try set("announce")
      let announced = try await lab.run(as: "alice", "send", Self.bob, "for all")
      #expect(announced.exitCode == 0 && announced.errors.contains(device), "\(announced.errors)")
      try await intruder.event("message", ["text": "for all"])
      try set("hold-always")
      #expect(try await lab.run(as: "alice", "send", Self.bob, "known to both").exitCode == 0)
      // Nothing was sent to anybody yet.
      try text.replacing("[account.carol]", with: "[account.carol]\nnew-devices = \"hold-always\"").write(
        toFile: lab.configuration, atomically: false, encoding: .utf8)
      let first = try await lab.run(as: "carol", "send", Self.bob, "x")
      #expect(first.exitCode == 10 && first.errors.contains(device), "\(first.errors)")
    }
  }
}
