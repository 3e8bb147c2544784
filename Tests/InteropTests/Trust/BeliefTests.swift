// BeliefTests.swift: what strangers, ex-members and servers claim is not believed of messages, edits and notices.
import Foundation
import GRDB
import HostilePeer
import Lab
import MessageFormats
import SIPAgent
import TestSupport
import Testing

@testable import ChatCore

/// alice with bob in an encrypted room, mallory's server before alice, and carol, who has an ordinary account.
private struct HostileScene {
  let lab: Lab
  let addresses: LabAddresses
  let server: HostileServer
  let alice: ChatAccount
  let bob: ChatAccount
  let carol: HostilePeer
  let room: String
  let aliceDevice: String

  static func play(encrypted: Bool = true, _ body: (HostileScene) async throws -> Void) async throws {
    let lab = Lab(.example)
    let addresses = try await lab.start()
    let server = try HostileServer(to: addresses.sip)
    func account(_ user: String, _ proxy: String) throws -> ChatAccount {
      try ChatAccount(
        user: user, domain: addresses.domain, proxy: #require(SIPURI(proxy)),
        factory: #require(SIPURI(addresses.factory)), keyServer: addresses.keyServer,
        clock: ChatClock(patience: .seconds(3)))
    }
    let (alice, bob) = (try account("alice", server.address), try account("bob", addresses.sip))
    let carol = try HostilePeer("carol", sip: addresses.sip)
    var failure: (any Error)?
    do {
      try await alice.start()
      try await bob.start()
      try await carol.start()
      let room = try await alice.client.createRoom(
        named: "Ops", members: [bob.configuration.address], encrypted: encrypted
      ).room.address
      try await bob.room(named: "Ops")
      for account in [alice, bob] { try await account.stored(room, "both", within: 20) { $0.deviceCount == 2 } }
      try await body(
        HostileScene(
          lab: lab, addresses: addresses, server: server, alice: alice, bob: bob, carol: carol, room: room,
          aliceDevice: #require(await alice.client.device)))
    } catch { failure = error }
    await alice.stop()
    await bob.stop()
    await carol.stop()
    server.stop()
    await lab.stop()
    if let failure { throw failure }
  }

  /// A device under anybody's address, with keys that the key server takes: it is the attacker's.
  func device(of user: String, named name: String = "EV1L") async throws -> HostileDevice {
    let lime = try HostileDevice(
      "sip:\(user)@\(addresses.domain);gr=urn:uuid:\(name)", keyServer: #require(addresses.keyServer), user: user)
    try await lime.publish()
    return lime
  }

  /// Puts a message before alice as if the room's focus had sent it.
  @discardableResult
  func inject(_ cpim: CPIMMessage, by lime: HostileDevice? = nil, from: String? = nil) async throws -> Int {
    var content = (contentType: "message/cpim", body: cpim.serialized)
    if let lime { content = try await lime.envelope(cpim, to: [aliceDevice], room: room).serialized }
    return try await server.request(
      "MESSAGE", to: "alice", uri: aliceDevice, from: from ?? room, contentType: content.contentType,
      body: content.body
    ).status
  }

  func text(_ text: String, from device: String, id: String = MessageID.make()) -> CPIMMessage {
    .text(text, id: id, from: device, to: room)
  }

  /// An IMDN as Linphone writes it.
  func notice(_ kind: IMDNMessage.Kind, of id: String, from device: String) -> CPIMMessage {
    CPIMMessage(
      from: SIPURI(device), to: SIPURI(room), dateTime: Date(), disposition: "notification", contentType: .imdn,
      body: IMDNMessage(messageID: id, dateTime: Date(), kind: kind).serialized)
  }

  /// The state of the room with these devices in it, by user, as its focus tells it.
  func tellState(version: Int, _ devices: [(user: String, device: String)]) async throws {
    let users = try Dictionary(grouping: devices, by: \.user).map { user, devices in
      ConferenceInfo.User(
        entity: try #require(SIPURI("sip:\(user)@\(addresses.domain)")), roles: ["participant"],
        endpoints: try devices.map { .init(entity: try #require(SIPURI($0.device))) })
    }
    let info = ConferenceInfo(
      entity: try #require(SIPURI(room)), state: .full, version: version, subject: "Ops", users: users)
    #expect(try await server.notify("alice", room: room, body: info.serialized).status == 200)
  }

  func members() async throws -> [(user: String, device: String)] {
    [("alice", aliceDevice), ("bob", try #require(await bob.client.device))]
  }

  func stored(_ id: String) async throws -> [Message] {
    try await alice.client.store.database.read { db in
      try Message.fetchAll(db, sql: "SELECT * FROM message WHERE messageID = ? ORDER BY id", arguments: [id])
    }
  }

  func warning(_ part: String) async throws {
    try await alice.event("security event '\(part)'") { event -> Bool? in
      if case .security(_, _, let text) = event, text.contains(part) { return true }
      return nil
    }
  }

  /// Deliveries and states of messages that alice was told of.
  var reports: [String] {
    alice.events.compactMap { event in
      switch event {
      case .delivery(_, let id, let by, let state, _, _): "\(state.rawValue) \(id) \(by)"
      case .composing(_, let by, _): "composing \(by)"
      default: nil
      }
    }
  }
}

@Suite(.serialized) struct BelievedAuthors {
  @Test func aDeviceThatTheStateDoesNotShowWritesAsAStranger() async throws {
    try await HostileScene.play { scene in
      let evil = try await scene.device(of: "bob")
      let start = ContinuousClock.now
      #expect(try await scene.inject(scene.text("I am bob", from: evil.id), by: evil) == 200)
      #expect(ContinuousClock.now - start < .seconds(12))
      let message = try await scene.alice.message("I am bob")
      #expect(message.isStranger && message.isEncrypted && !message.isOutgoing)
      #expect(message.jsonFields["stranger"] as? Bool == true)
      try await scene.warning("no member's device")
      // It is told nothing, not even when its line is read.
      try await scene.alice.client.markRead(scene.room)
      let waiting = try await scene.alice.client.store.database.read {
        try Int.fetchOne($0, sql: "SELECT count(*) FROM outbox")
      }
      #expect(waiting == 0)
      let notices = scene.server.messages.filter { message in
        message.isRequest && message.method == "MESSAGE" && message.uri("From") != scene.room
      }
      #expect(notices.isEmpty)
    }
  }

  @Test func ownMessagesAreNotWrittenNorEditedByAnInventedDevice() async throws {
    try await HostileScene.play { scene in
      let evil = try await scene.device(of: "alice")
      let mine = try await scene.alice.client.send("my own words", to: scene.room)
      try await scene.bob.message("my own words")
      var edit = scene.text("other words", from: evil.id)
      edit.replaces = mine.messageID
      try await scene.inject(edit, by: evil)
      try await scene.warning("a change of a message came from")
      let stored = try await scene.stored(mine.messageID)
      #expect(stored.map(\.text) == ["my own words"])
      try await scene.inject(scene.text("also mine", from: evil.id), by: evil)
      let message = try await scene.alice.message("also mine")
      #expect(message.isStranger && !message.isOutgoing && !message.isRead)
    }
  }

  @Test func anInventedDeviceNeitherEditsRetractsNorReacts() async throws {
    try await HostileScene.play { scene in
      let evil = try await scene.device(of: "bob")
      let bobs = try await scene.bob.client.send("transfer 10 EUR to account 111", to: scene.room)
      try await scene.alice.message(bobs.text)
      let device = try #require(bobs.senderDevice)
      _ = try await scene.alice.client.store.trust(device: device, curve: .c25519)
      var (edit, retraction, reaction) = (
        scene.text("to account 666", from: evil.id), scene.text("", from: evil.id), scene.text("👍", from: evil.id)
      )
      edit.replaces = bobs.messageID
      retraction.retracts = bobs.messageID
      (reaction.inReplyTo, reaction.contentDisposition) = (bobs.messageID, "Reaction")
      let scenes = [edit, retraction, reaction]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for change in scenes { group.addTask { try await scene.inject(change, by: evil) } }
        try await group.waitForAll()
      }
      let history = try await scene.alice.client.store.history(room: scene.room)
      let stored = try #require(history.first { $0.message.messageID == bobs.messageID })
      #expect(stored.message.text == bobs.text && stored.reactions.isEmpty && history.count == 1)
      try await scene.warning("a change of a message came from")
    }
  }

  /// The focus can make a device a member's, and everybody sees that; it does not make it the one that wrote.
  @Test func aDeviceThatTheFocusAddsDoesNotChangeWhatAnotherWrote() async throws {
    try await HostileScene.play { scene in
      let evil = try await scene.device(of: "bob")
      let bobs = try await scene.bob.client.send("account 111", to: scene.room)
      try await scene.alice.message(bobs.text)
      try await scene.tellState(version: 100, try await scene.members() + [("bob", evil.id)])
      try await scene.alice.stored(scene.room, "three devices", within: 20) { $0.deviceCount == 3 }
      var edit = scene.text("account 666", from: evil.id)
      edit.replaces = bobs.messageID
      #expect(try await scene.inject(edit, by: evil) == 200)
      try await scene.warning("wanted to change a message that another device")
      #expect(try await scene.stored(bobs.messageID).map(\.text) == ["account 111"])
      // Once it is trusted, it is one of bob's as any other; the mark is the lower one, and the first text is kept.
      _ = try await scene.alice.client.store.trust(device: evil.id, curve: .c25519)
      edit.messageID = MessageID.make()
      #expect(try await scene.inject(edit, by: evil) == 200)
      let stored = try #require(try await scene.stored(bobs.messageID).first)
      #expect(stored.text == "account 666" && stored.trust != "trusted" && stored.original == "account 111")
      #expect(stored.jsonFields["original"] as? String == "account 111")
    }
  }

  @Test func aMessageThatOvertakesTheStateWaitsForIt() async throws {
    try await HostileScene.play { scene in
      let lime = try await scene.device(of: "bob", named: "new")
      async let status = scene.inject(scene.text("from the new phone", from: lime.id), by: lime)
      // Others do not wait for it.
      _ = try await scene.bob.client.send("from the known phone", to: scene.room)
      try await scene.alice.message("from the known phone")
      let history = try await scene.alice.client.store.history(room: scene.room)
      #expect(history.map(\.message.text) == ["from the known phone"])
      try await scene.tellState(version: 100, try await scene.members() + [("bob", lime.id)])
      #expect(try await status == 200)
      #expect(try await scene.alice.message("from the new phone").isStranger == false)
    }
  }

  @Test func aRemovedMemberWritesAsAStrangerAndWhatWasUnderWayIsItsOwn() async throws {
    try await HostileScene.play { scene in
      let carol = scene.carol
      let lime = try await carol.limeDevice(at: scene.addresses)
      let uri = SIPURI(user: "carol", host: scene.addresses.domain)
      _ = try await scene.alice.client.invite(uri, to: scene.room)
      try await scene.alice.stored(scene.room, "three devices", within: 20) { $0.deviceCount == 3 }
      try await scene.inject(scene.text("as a member", from: lime.id), by: lime)
      #expect(try await scene.alice.message("as a member").isStranger == false)
      var before = scene.text("on its way", from: lime.id)
      before.dateTime = Date().addingTimeInterval(-5)
      try await scene.alice.client.remove(uri, from: scene.room)
      try await scene.alice.stored(scene.room, "two devices", within: 20) { $0.deviceCount == 2 }
      #expect(try await scene.inject(before, by: lime) == 200)
      #expect(try await scene.alice.message("on its way").isStranger == false)
      var after = scene.text("no longer a member", from: lime.id)
      after.dateTime = Date().addingTimeInterval(2)
      #expect(try await scene.inject(after, by: lime) == 200)
      #expect(try await scene.alice.message("no longer a member").isStranger)
    }
  }

  @Test func theBacklogOfARoomThatIsNewToUsIsItsMembers() async throws {
    try await ChatPair.play { pair in
      let texts = (1...60).map { "text \($0)" }
      try await pair.alice.restart {
        let room = try await pair.bob.client.createRoom(
          named: "New", members: [pair.alice.configuration.address]
        ).room.address
        let sent = try await pair.bob.client.send(texts.map { ($0, MessageOptions()) }, to: room)
        _ = try await pair.bob.outcome(of: #require(sent.last))
      }
      for text in texts { #expect(try await pair.alice.message(text, within: 40).isStranger == false) }
    }
  }

  @Test func whoCameAndWentWhileWeWereAwayIsTheAuthorOfWhatWaited() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      let carol = try ChatPair.account("carol", pair.addresses)
      try await carol.start()
      _ = try await pair.bob.client.send("before", to: room)
      try await pair.alice.message("before")
      // alice made the room; bob is to change it.
      try await pair.alice.client.makeAdmin(pair.bob.configuration.address, in: room)
      try await pair.bob.stored(room, "an administrator", within: 20) { summary in
        summary.participants.contains { $0.address == pair.bob.address && $0.isAdmin }
      }
      try await pair.alice.restart {
        try await pair.bob.client.invite(carol.configuration.address, to: room)
        _ = try await carol.room(named: "Pair")
        _ = try await carol.client.send("while you were away", to: room)
        try await pair.bob.message("while you were away")
        try await pair.bob.client.remove(carol.configuration.address, from: room)
        try await pair.bob.stored(room, "carol gone", within: 20) { $0.participants.count == 2 }
      }
      #expect(try await pair.alice.message("while you were away").isStranger == false)
      await carol.stop()
    }
  }

  @Test func inAPlainRoomOnlyAMemberIsAnAuthor() async throws {
    try await HostileScene.play(encrypted: false) { scene in
      try await scene.inject(scene.text("by carol", from: scene.carol.device))
      #expect(try await scene.alice.message("by carol").isStranger)
      try await scene.inject(scene.text("by bob", from: "sip:bob@\(scene.addresses.domain)"))
      #expect(try await scene.alice.message("by bob").isStranger == false)
    }
  }

  @Test func anOrdinaryAccountPutsNothingIntoAnybodysRoomNorHearsOfIt() async throws {
    try await HostileScene.play { scene in
      let (alice, carol) = (scene.alice, scene.carol)
      let bob = "sip:bob@\(scene.addresses.domain)"
      let text = scene.text("straight from carol", from: bob)
      // From must be her own outside dialogs; with a To tag nobody looks.
      for target in [scene.aliceDevice, alice.address] {
        let plain = try await carol.message(target, from: carol.address, text.serialized)
        #expect([403, 415, 488].contains(plain.status))
        let basic = try await carol.message(target, contentType: "text/plain", Data("hi".utf8))
        #expect([403, 415].contains(basic.status))
        #expect(try await carol.message(target, from: scene.room, toTag: "invented", text.serialized).status == 481)
        #expect(try await carol.message(target, from: bob, toTag: "x", text.serialized).status == 481)
      }
      #expect(try await alice.client.store.history(room: scene.room).isEmpty)
      #expect(try await alice.client.rooms().count == 1)
      let heard = await carol.requests.filter { $0.method == "MESSAGE" }
      #expect(heard.isEmpty)
    }
  }

  @Test func aTextPutInFrontUnderTheIDOfAHeldBackMessageGivesWayToIt() async throws {
    try await HostileScene.play { scene in
      // The server holds bob's message back and has its id, which is not encrypted.
      let heldBack = HeldBack()
      scene.server.changeToClient { message in
        guard message.isRequest, message.method == "MESSAGE", message["Priority"] == nil else { return nil }
        return heldBack.keep(message) ? [] : nil
      }
      let bobs = try await scene.bob.client.send("the real words", to: scene.room)
      let message = try await heldBack.message()
      try await scene.inject(
        scene.text("forged words", from: try #require(await scene.bob.client.device), id: bobs.messageID))
      #expect(try await scene.alice.message("forged words").isEncrypted == false)
      scene.server.changeToClient(nil)
      _ = try await scene.server.request(
        "MESSAGE", to: "alice", uri: scene.aliceDevice, from: scene.room, contentType: message["Content-Type"],
        body: message.body)
      let real = try await scene.alice.message("the real words")
      #expect(real.isEncrypted && !real.isStranger)
      #expect(try await scene.stored(bobs.messageID).map(\.text) == ["the real words"])
      try await scene.warning("the message is in its place")
    }
  }

  @Test func aTimeFarBackIsShownAndDoesNotPutTheMessageOutOfSight() async throws {
    try await HostileScene.play { scene in
      let lime = try await scene.carol.limeDevice(at: scene.addresses)
      _ = try await scene.alice.client.invite(
        SIPURI(user: "carol", host: scene.addresses.domain), to: scene.room)
      try await scene.alice.stored(scene.room, "three devices", within: 20) { $0.deviceCount == 3 }
      _ = try await scene.alice.client.send("before", to: scene.room)
      var late = scene.text("written long ago, it says", from: lime.id)
      late.dateTime = Date(timeIntervalSince1970: 1_700_000_000)
      try await scene.inject(late, by: lime)
      let message = try await scene.alice.message(late.text)
      #expect(abs(message.time.timeIntervalSinceNow) < 10)
      #expect(message.claimedTime == late.dateTime)
      #expect(message.jsonFields["claimedTime"] as? String == "2023-11-14T22:13:20.000Z")
      #expect(try await scene.alice.client.store.history(room: scene.room).last?.message.text == late.text)
    }
  }
}

/// One message that was kept back.
private final class HeldBack: Sendable {
  private let lock = NSLock()
  // Only touched under the lock.
  nonisolated(unsafe) private var kept: WireMessage?

  /// False for all but the first.
  func keep(_ message: WireMessage) -> Bool {
    lock.withLock {
      guard kept == nil else { return true }
      kept = message
      return true
    }
  }

  func message() async throws -> WireMessage {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
      if let kept = lock.withLock({ kept }) { return kept }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw TestFailure("nothing was kept back")
  }
}

@Suite(.serialized) struct BelievedNotices {
  /// Notices that must change nothing, put before alice one after the other; each is answered, so it was handled.
  private func expectNothing(
    _ scene: HostileScene, of message: Message, _ send: (CPIMMessage) async throws -> Void
  ) async throws {
    let bob = try #require(await scene.bob.client.device)
    let before = scene.reports
    for kind in [IMDNMessage.Kind.delivered, .displayed, .failed(nil), .failed(.notAcceptable), .error(nil)] {
      try await send(scene.notice(kind, of: message.messageID, from: bob))
    }
    #expect(scene.reports == before)
  }

  @Test func nobodyUnprovedSpeaksForAMemberOfAnEncryptedRoom() async throws {
    try await HostileScene.play { scene in
      await scene.bob.stop()
      let sent = try await scene.alice.client.send("did you read it?", to: scene.room)
      _ = try await scene.alice.outcome(of: sent)
      // From the focus, in plain.
      try await expectNothing(scene, of: sent) { try await scene.inject($0) }
      // Straight from an ordinary account.
      try await expectNothing(scene, of: sent) { notice in
        _ = try await scene.carol.message(scene.aliceDevice, notice.serialized)
        _ = try await scene.carol.message(scene.aliceDevice, from: scene.room, toTag: "t", notice.serialized)
      }
      // Encrypted by a device that is nobody's.
      let evil = try await scene.device(of: "bob")
      for kind in [IMDNMessage.Kind.delivered, .displayed, .failed(nil)] {
        try await scene.inject(scene.notice(kind, of: sent.messageID, from: evil.id), by: evil)
      }
      let typing = CPIMMessage(
        from: SIPURI(evil.id), to: SIPURI(scene.room), dateTime: Date(), contentType: .isComposing,
        body: IsComposing(isActive: true, refresh: 60).serialized)
      try await scene.inject(typing, by: evil)
      var plain = typing
      plain.from = NameAddress(try #require(SIPURI("sip:bob@\(scene.addresses.domain)")))
      try await scene.inject(plain)
      #expect(scene.reports.isEmpty)
      let stored = try await scene.alice.client.store.message(room: scene.room, messageID: sent.messageID)
      #expect(stored?.deliveries.map(\.state) == [.pending])
    }
  }

  @Test func aMemberSpeaksOnlyOfTheMessagesOfItsRooms() async throws {
    try await HostileScene.play { scene in
      let lime = try await scene.carol.limeDevice(at: scene.addresses)
      let carols = try await scene.alice.client.createRoom(
        named: "Carol", members: [SIPURI(user: "carol", host: scene.addresses.domain)]
      ).room.address
      try await scene.alice.stored(carols, "both", within: 20) { $0.deviceCount == 2 }
      let toBob = try await scene.alice.client.send("for bob", to: scene.room)
      try await scene.bob.message("for bob")
      try await scene.alice.delivery(of: toBob.messageID, by: scene.bob.address)
      let toCarol = try await scene.alice.client.send("for carol", to: carols)
      for (id, kind) in [(toBob.messageID, IMDNMessage.Kind.displayed), (toCarol.messageID, .displayed)] {
        try await scene.carol.send(
          scene.notice(kind, of: id, from: lime.id), as: lime, to: [scene.aliceDevice], room: carols)
      }
      try await scene.alice.delivery(of: toCarol.messageID, by: scene.carol.address, state: .displayed)
      #expect(!scene.reports.contains { $0.contains("displayed \(toBob.messageID)") })
    }
  }

  @Test func nobodyElseReadsMyMessagesNorStartsTheirEnd() async throws {
    try await HostileScene.play { scene in
      let bobs = try await scene.bob.client.send("burn after reading", to: scene.room, MessageOptions(lifetime: 1))
      try await scene.alice.message(bobs.text)
      func unread() async throws -> Bool {
        let message = try #require(try await scene.stored(bobs.messageID).first)
        return !message.isRead && message.expiresAt == nil
      }
      let laptop = "sip:alice@\(scene.addresses.domain);gr=urn:uuid:laptop"
      let evil = try await scene.device(of: "alice")
      let bob = try #require(await scene.bob.client.device)
      // In plain, as anybody of the account; encrypted, by a device that is not in the state; and straight from carol.
      for from in [scene.alice.address, scene.aliceDevice, laptop, bob] {
        try await scene.inject(scene.notice(.displayed, of: bobs.messageID, from: from))
        #expect(try await unread())
      }
      try await scene.inject(scene.notice(.displayed, of: bobs.messageID, from: evil.id), by: evil)
      #expect(try await unread())
      let notice = scene.notice(.displayed, of: bobs.messageID, from: scene.alice.address)
      for tag in [nil, "t"] {
        _ = try await scene.carol.message(
          scene.aliceDevice, from: tag == nil ? nil : scene.room, toTag: tag, notice.serialized)
        #expect(try await unread())
      }
    }
  }

  @Test func aKeyThatWasNeverSeenBeforeReadsNothingEither() async throws {
    try await HostileScene.play { scene in
      let bobs = try await scene.bob.client.send("unread", to: scene.room)
      try await scene.alice.message(bobs.text)
      let laptop = try await scene.device(of: "alice", named: "laptop")
      try await scene.tellState(version: 100, try await scene.members() + [("alice", laptop.id)])
      try await scene.alice.stored(scene.room, "three devices", within: 20) { $0.deviceCount == 3 }
      try await scene.inject(scene.notice(.displayed, of: bobs.messageID, from: laptop.id), by: laptop)
      #expect(try await scene.stored(bobs.messageID).map(\.isRead) == [false])
      // It has written meanwhile: its key is known.
      try await scene.inject(scene.text("hello, me", from: laptop.id), by: laptop)
      #expect(try await scene.alice.message("hello, me").isOutgoing)
      try await scene.inject(scene.notice(.displayed, of: bobs.messageID, from: laptop.id), by: laptop)
      #expect(try await scene.stored(bobs.messageID).map(\.isRead) == [true])
    }
  }

  @Test func inAPlainRoomOnlyMembersSpeakAndOnlyOurDevicesForUs() async throws {
    try await HostileScene.play(encrypted: false) { scene in
      let (domain, carol) = (scene.addresses.domain, scene.carol.device)
      let sent = try await scene.alice.client.send("in plain", to: scene.room)
      try await scene.alice.delivery(of: sent.messageID, by: scene.bob.address)
      let bobs = try await scene.bob.client.send("plain too", to: scene.room)
      try await scene.alice.message(bobs.text)
      let before = scene.reports
      try await scene.inject(scene.notice(.displayed, of: sent.messageID, from: carol))
      for from in ["sip:alice@\(domain)", "sip:alice@\(domain);gr=urn:uuid:EV1L", scene.aliceDevice] {
        try await scene.inject(scene.notice(.displayed, of: bobs.messageID, from: from))
      }
      #expect(scene.reports == before)
      #expect(try await scene.stored(bobs.messageID).map(\.isRead) == [false])
      try await scene.inject(scene.notice(.displayed, of: sent.messageID, from: "sip:bob@\(domain)"))
      try await scene.alice.delivery(of: sent.messageID, by: scene.bob.address, state: .displayed)
    }
  }

  @Test func aPlainFailureAsksForANewSessionAndEndsNothing() async throws {
    try await HostileScene.play { scene in
      let bob = try #require(await scene.bob.client.device)
      let sent = try await scene.alice.client.send("one", to: scene.room)
      try await scene.alice.delivery(of: sent.messageID, by: scene.bob.address)
      let before = scene.reports
      try await scene.inject(scene.notice(.failed(.notAcceptable), of: sent.messageID, from: bob))
      try await scene.warning("could not decrypt a message; a new session starts")
      #expect(scene.reports == before)
      let again = try await scene.alice.client.send("two", to: scene.room)
      try await scene.alice.delivery(of: again.messageID, by: scene.bob.address)
    }
  }
}
