// BeliefTargets.swift: whole conversations: what members, former members, strangers and the focus send, in any order
import Foundation
import TestSupport

#if DEBUG
  import GRDB
  import MessageFormats
  import SIPAgent

  @testable import ChatCore

  /// Four bytes of input: what happens, by whom, where and about which message, and how.
  private struct Step {
    static let length = 4
    static let most = 40
    private static let ids = ["a", "b", "c", "d"]

    enum Action: UInt8, CaseIterable {
      case text, plainText, edit, plainEdit, retraction, reaction, notice, plainNotice, composing, forgery, member,
        write, repetition, elsewhere
    }

    var action: Action
    var writer: Writer
    var place: Place
    var id: String
    var variant: UInt8

    init(_ bytes: Data.SubSequence) {
      let bytes = Array(bytes)
      action = Action.allCases[Int(bytes[0]) % Action.allCases.count]
      writer = Writer.allCases[Int(bytes[1]) % Writer.allCases.count]
      place = Place.allCases[Int(bytes[2] >> 4) % Place.allCases.count]
      id = Self.ids[Int(bytes[2] & 15) % Self.ids.count]
      variant = bytes[3]
    }

    static func bytes(
      _ action: Action, _ writer: Writer = .bob, _ place: Place = .team, _ id: UInt8 = 0, _ variant: UInt8 = 0
    ) -> [UInt8] {
      [action.rawValue, UInt8(writer.rawValue), UInt8(place.rawValue) << 4 | id, variant]
    }

    static func all(_ data: Data) -> [Step] {
      stride(from: 0, to: data.count - data.count % length, by: length).prefix(most).map {
        Step(data.dropFirst($0).prefix(length))
      }
    }
  }

  /// One conversation.
  private struct Play {
    let scene: BeliefScene
    let db: Database
    var model = BeliefModel()
    var versions: [Place: Int] = [:]
    var count = 0
    /// What came before, with what it proves, to come again.
    var past: [(message: IncomingMessage, place: Place)] = []

    /// nil when all went as it may, else what went wrong.
    mutating func run(_ steps: [Step]) throws -> String? {
      for step in steps {
        count += 1
        if let objection = try take(step) ?? model.objection(db) { return "step \(count), \(step): \(objection)" }
      }
      return nil
    }

    private mutating func take(_ step: Step) throws -> String? {
      switch step.action {
      case .text, .plainText: return try text(step, isEncrypted: step.action == .text)
      case .edit, .plainEdit: return try change(step, .edit, isEncrypted: step.action == .edit)
      case .retraction: return try change(step, .retraction, isEncrypted: step.variant & 8 == 0)
      case .reaction: return try change(step, .reaction, isEncrypted: step.variant & 8 == 0)
      case .notice, .plainNotice: return try notice(step, isEncrypted: step.action == .notice)
      case .composing: return try composing(step, isEncrypted: step.variant & 8 == 0)
      case .forgery:
        // What is inside says another author than the device that encrypted it.
        var cpim = content(step, "forged by \(step.writer) \(count)")
        let others = Writer.allCases.filter { $0 != step.writer }
        cpim.from = NameAddress(others[Int(step.variant) % others.count].device)
        cpim.messageID = step.id
        _ = try deliver(try scene.encrypted(cpim, by: step.writer, in: step.place, db), step)
      case .member:
        var members = model.members[step.place, default: []]
        if members.remove(step.writer) == nil { members.insert(step.writer) }
        versions[step.place, default: 1] += 1
        try BeliefScene.notify(
          db, step.place, members,
          misplaced: step.variant & 1 == 1 && members.contains(.bob) && !members.contains(.mallory),
          version: versions[step.place, default: 1])
        model.setMembers(members, of: step.place)
      case .write:
        let text = "from alice \(count)"
        if try scene.write(step.id, text, in: step.place, db) { model.wrote(step.id, text, in: step.place) }
      case .repetition:
        guard !past.isEmpty else { return nil }
        let (message, place) = past[Int(step.variant) % past.count]
        // It may come through another room than it was meant for.
        let from = step.writer == .mallory ? step.place : place
        var again = message
        again.from = NameAddress(from.address)
        _ = try deliver(again, step)
      case .elsewhere:
        // A user's own address is no room.
        var cpim = content(step, "elsewhere \(count)")
        cpim.messageID = step.id
        let plain = BeliefScene.message("message/cpim", cpim.serialized, from: step.writer.device)
        _ = try deliver(plain, step)
      }
      return nil
    }

    // MARK: What is sent

    /// By the clock of its author: earlier than it comes, for a former member perhaps before it left.
    private func time(_ step: Step) -> Date {
      Date().addingTimeInterval(step.variant & 4 == 0 ? 2 : -5).wholeSeconds
    }

    private func content(_ step: Step, _ text: String) -> CPIMMessage {
      var cpim = CPIMMessage(
        from: step.writer.device, to: step.place.address, dateTime: time(step), body: Data(text.utf8))
      cpim.dispositionNotification = .usual
      return cpim
    }

    private mutating func message(_ cpim: CPIMMessage, _ step: Step, isEncrypted: Bool) throws -> IncomingMessage {
      let message =
        isEncrypted
        ? try scene.encrypted(cpim, by: step.writer, in: step.place, db)
        : BeliefScene.message("message/cpim", cpim.serialized, from: step.place.address)
      // What is encrypted can be opened once. What is not is as good again as it was before.
      if isEncrypted { past.append((message, step.place)) }
      return message
    }

    private func isMember(_ step: Step, isEncrypted: Bool) -> Bool {
      model.isMember(step.writer, in: step.place, isEncrypted: isEncrypted, writing: time(step))
    }

    /// It waits first, if it is to, and then is taken as it is.
    private func deliver(_ message: IncomingMessage, _ step: Step) throws -> (end: BeliefScene.End, events: [ChatEvent])
    {
      func arrival(_ mayWait: Bool) -> Arrival {
        Arrival(now: Date(), isCatchingUp: false, earliest: Date().addingTimeInterval(-30), mayWait: mayWait)
      }
      guard step.variant & 2 == 0 else { return try scene.receive(message, arrival(false), db) }
      let changes = try contents()
      let first = try scene.receive(message, arrival(true), db)
      guard case .waits = first.end else { return first }
      guard try contents() == changes else { throw Broken("what waits has changed something") }
      return try scene.receive(message, arrival(false), db)
    }

    struct Broken: Error, CustomStringConvertible {
      var description: String
      init(_ description: String) { self.description = description }
    }

    private func contents() throws -> [Row] {
      try Row.fetchAll(db, sql: "SELECT id, text, state, isStranger, isRead, isRetracted FROM message ORDER BY id")
    }

    private func stored(_ step: Step) throws -> Message? {
      try Message.fetchOne(
        db, sql: "SELECT * FROM message WHERE room = ? AND messageID = ? AND sender = ?",
        arguments: [step.place.name, step.id, step.writer.address])
    }

    private func receipts() throws -> Int {
      try Int.fetchOne(db, sql: "SELECT count(*) FROM outbox WHERE NOT isUrgent AND NOT mustBePlain") ?? 0
    }

    private mutating func text(_ step: Step, isEncrypted: Bool) throws -> String? {
      let text = "\(step.writer) \(count)"
      var cpim = content(step, text)
      cpim.messageID = step.id
      let isMember = isMember(step, isEncrypted: isEncrypted)
      model.said(
        .init(
          kind: .text, place: step.place, id: step.id, writer: step.writer, text: text, isEncrypted: isEncrypted,
          isMember: isMember))
      let (before, told) = (try stored(step), try receipts())
      _ = try deliver(try message(cpim, step, isEncrypted: isEncrypted), step)
      guard isMember else { return try receipts() == told ? nil : "a stranger was told that it was delivered" }
      guard isEncrypted else { return nil }
      // What a member's device wrote comes through, whatever others put in its place before.
      let isFree = before.map { !$0.isEncrypted || $0.isStranger || $0.state == .undecryptable } ?? true
      guard isFree else { return nil }
      guard let now = try stored(step), now.text == text, now.isEncrypted, !now.isStranger, now.state != .undecryptable
      else { return "a member's text was lost: \(String(describing: try stored(step)))" }
      return nil
    }

    private mutating func change(_ step: Step, _ kind: BeliefModel.Saying.Kind, isEncrypted: Bool) throws -> String? {
      let text = kind == .retraction ? "" : kind == .reaction ? "👍" : "\(step.writer) edits \(count)"
      var cpim = content(step, text)
      cpim.messageID = "change\(count)"
      switch kind {
      case .edit: cpim.replaces = step.id
      case .retraction: cpim.retracts = step.id
      case .reaction, .text:
        cpim.inReplyTo = step.id
        cpim.contentDisposition = "Reaction"
      }
      let isMember = isMember(step, isEncrypted: isEncrypted)
      model.said(
        .init(
          kind: kind, place: step.place, id: step.id, writer: step.writer, text: text, isEncrypted: isEncrypted,
          isMember: isMember))
      let before = try stored(step)
      _ = try deliver(try message(cpim, step, isEncrypted: isEncrypted), step)
      // The device that wrote it may retract it.
      guard kind == .retraction, isMember, isEncrypted, let before, !before.isStranger, before.isEncrypted,
        before.senderDevice == step.writer.device.description, before.state == .received
      else { return nil }
      return try stored(step)?.isRetracted == true ? nil : "a member's retraction was lost"
    }

    private mutating func notice(_ step: Step, isEncrypted: Bool) throws -> String? {
      let kinds: [(IMDNMessage.Kind, Delivery.State)] = [
        (.delivered, .delivered), (.displayed, .displayed), (.failed(.notAcceptable), .failed),
      ]
      let (kind, state) = kinds[Int(step.variant >> 4) % kinds.count]
      let imdn = IMDNMessage(messageID: step.id, dateTime: Date(), kind: kind)
      let cpim = CPIMMessage(
        from: step.writer.device, to: step.place.address, dateTime: time(step), disposition: "notification",
        contentType: .imdn, body: imdn.serialized)
      let isMember = isMember(step, isEncrypted: isEncrypted)
      let isOwn = step.writer.address == BeliefScene.alice.description
      if isMember, isEncrypted || !step.place.isEncrypted {
        // Reading elsewhere is believed of devices only that are known, and in the state.
        let isKnown = isEncrypted ? step.writer.isKnown : model.members[step.place, default: []].contains(step.writer)
        if !isOwn || isKnown {
          model.noticed(.init(place: step.place, id: step.id, address: step.writer.address, state: state))
        }
      }
      _ = try deliver(try message(cpim, step, isEncrypted: isEncrypted), step)
      return nil
    }

    private mutating func composing(_ step: Step, isEncrypted: Bool) throws -> String? {
      let cpim = CPIMMessage(
        from: step.writer.device, to: step.place.address, dateTime: time(step), contentType: .isComposing,
        body: IsComposing(isActive: true).serialized)
      let isTold = try deliver(try message(cpim, step, isEncrypted: isEncrypted), step).events.contains {
        if case .composing = $0 { true } else { false }
      }
      let mayBe = isMember(step, isEncrypted: isEncrypted) && (isEncrypted || !step.place.isEncrypted)
      return isTold && !mayBe ? "typing" : nil
    }
  }

  extension FuzzTarget {
    private static let scene = Result { try BeliefScene() }

    /// Nothing is believed of anybody that the model cannot explain.
    static let belief: [FuzzTarget] = [
      FuzzTarget("belief", seeds: beliefSeeds, cost: 100) { data in
        let scene = try scene.get()
        return try scene.play { db in
          var play = Play(scene: scene, db: db)
          let objection: String?
          // No message makes the client fail.
          do { objection = try play.run(Step.all(data)) } catch { objection = "step \(play.count): \(error)" }
          if let objection { FileHandle.standardError.write(Data("belief: \(objection)\n".utf8)) }
          return objection == nil
        }
      }
    ]

    /// Conversations as they are, and the attacks that were tried on them.
    private static func beliefSeeds() -> [Data] {
      let room = Place.team
      let plays: [[[UInt8]]] = [
        // A text, its edit, a reaction and the retraction.
        [
          Step.bytes(.text), Step.bytes(.edit), Step.bytes(.reaction, .carol),
          Step.bytes(.notice, .alicesPhone, room, 0, 16),
          Step.bytes(.retraction),
        ],
        // What alice wrote is delivered to some and read by some.
        [
          Step.bytes(.write, .bob, room, 1), Step.bytes(.plainNotice, .bob, room, 1, 16),
          Step.bytes(.notice, .falseBob, room, 1, 16), Step.bytes(.plainNotice, .bob, .plain, 1, 16),
          Step.bytes(.notice, .mallory, room, 1, 16), Step.bytes(.notice, .bob, room, 1),
          Step.bytes(.notice, .carol, room, 1, 16), Step.bytes(.notice, .bob, .withBob, 1, 16),
        ],
        // Keys of the server's in bob's name and in alice's.
        [
          Step.bytes(.text), Step.bytes(.edit, .falseBob), Step.bytes(.retraction, .falseBob),
          Step.bytes(.text, .falseBob, room, 1),
          Step.bytes(.write, .bob, room, 2), Step.bytes(.edit, .falseAlice, room, 2),
          Step.bytes(.notice, .falseAlice, room, 0, 16),
        ],
        // The same when the focus has put them into the room.
        [
          Step.bytes(.member, .falseBob), Step.bytes(.member, .falseAlice), Step.bytes(.text),
          Step.bytes(.edit, .falseBob),
          Step.bytes(.edit, .bobsTablet), Step.bytes(.write, .bob, room, 2), Step.bytes(.edit, .falseAlice, room, 2),
          Step.bytes(.notice, .falseAlice, room, 0, 16),
        ],
        // carol leaves, and goes on; mallory is said to be bob's device.
        [
          Step.bytes(.text, .carol, room, 1), Step.bytes(.member, .carol, room, 0, 1),
          Step.bytes(.text, .carol, room, 2),
          Step.bytes(.text, .carol, room, 3, 4), Step.bytes(.edit, .carol, room, 1),
          Step.bytes(.text, .mallory, room, 1, 2),
          Step.bytes(.member, .carol), Step.bytes(.text, .carol, room, 2),
        ],
        // Unencrypted, in front of what is encrypted, and in its place.
        [
          Step.bytes(.plainText), Step.bytes(.text), Step.bytes(.plainEdit),
          Step.bytes(.plainNotice, .bob, room, 0, 16),
          Step.bytes(.text, .mallory, room, 0, 2), Step.bytes(.forgery, .mallory, room, 0, 0),
        ],
        // The plain room, where an address is all that there is.
        [
          Step.bytes(.plainText, .bob, .plain), Step.bytes(.plainEdit, .carol, .plain),
          Step.bytes(.plainEdit, .bob, .plain),
          Step.bytes(.write, .bob, .plain, 1), Step.bytes(.plainNotice, .bob, .plain, 1),
          Step.bytes(.plainNotice, .mallory, .plain, 1), Step.bytes(.plainText, .mallory, .plain, 2, 2),
        ],
        // A text that cannot be read stands there first, in the name of another device than the one that edits it.
        [
          Step.bytes(.member, .falseBob), Step.bytes(.forgery, .falseBob), Step.bytes(.edit),
          Step.bytes(.edit, .falseBob),
          Step.bytes(.forgery, .falseBob, room, 1), Step.bytes(.retraction, .bob, room, 1),
        ],
        // A change is here before what it changes, which another device of the same user wrote.
        [
          Step.bytes(.edit), Step.bytes(.text, .bobsTablet), Step.bytes(.retraction, .bob, room, 1),
          Step.bytes(.text, .bobsTablet, room, 1), Step.bytes(.edit, .bobsTablet, room, 2),
          Step.bytes(.text, .bob, room, 2),
        ],
        // Again, and through another room.
        [
          Step.bytes(.text), Step.bytes(.edit), Step.bytes(.repetition), Step.bytes(.repetition, .mallory, .withBob),
          Step.bytes(.repetition, .bob, room, 0, 1), Step.bytes(.elsewhere, .mallory), Step.bytes(.composing, .mallory),
          Step.bytes(.composing), Step.bytes(.composing, .bob, room, 0, 8),
        ],
      ]
      return plays.map { Data($0.joined()) }
    }
  }
#else
  extension FuzzTarget {
    static let belief: [FuzzTarget] = []
  }
#endif
