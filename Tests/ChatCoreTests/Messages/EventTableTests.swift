// EventTableTests.swift: the fields of every event's JSON are those of the table in limeade-rpc(7), and no others.
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite struct EventTable {
  private struct Fields: Equatable {
    var always: Set<String>
    var sometimes: Set<String> = []
  }

  private static let account = SIPURI(user: "alice", host: "example.org")

  /// The rows of the page, by the name of the event, or of the object in one.
  private static func page() throws -> [String: Fields] {
    let file = TestPaths.package.appendingPathComponent("Resources/man/limeade-rpc.7")
    let text = try String(contentsOf: file, encoding: .utf8).replacing("\\\n", with: "")
    let section = try #require(text.split(separator: ".SH EVENTS\n").last?.split(separator: ".SH").first)
    var rows: [String: Fields] = [:]
    for row in section.matches(of: /\.T[PQ]\n\.BR? ([a-zA-Z]+(?:\[\])?)(?: "([^"]*)")?\n/) {
      let words = (row.output.2 ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      let sometimes = words.filter { $0.hasPrefix("[") }
      rows[String(row.output.1)] = Fields(
        always: Set(words).subtracting(sometimes), sometimes: Set(sometimes.map { String($0.dropFirst().dropLast()) }))
    }
    return rows
  }

  /// Every event, with as little and with as much in it as there can be.
  private static func samples() throws -> [ChatEvent] {
    let (now, room, sender) = (Date(timeIntervalSince1970: 1_700_000_000), "sip:r@example.org", "sip:bob@example.org")
    func message(_ state: Message.State, _ isOutgoing: Bool) -> Message {
      Message(
        room: room, messageID: "m", sender: sender, isOutgoing: isOutgoing, text: "t", time: now, receivedAt: now,
        isEncrypted: true, trust: "trusted", state: state, isRead: true)
    }
    let least = try JSONDecoder().decode(
      MessageFile.self,
      from: Data(#"{"name":"a","contentType":"text/plain","state":"offered"}"#.utf8))
    var most = least
    (most.size, most.path, most.until, most.failure) = (1, "/a", now, "why")
    var full = message(.received, false)
    (full.senderDevice, full.failure, full.attachments) = ("d", "why", [least, most])
    (full.replyTo, full.replySender, full.forwardedFrom, full.claimedTime) = ("o", sender, sender, now)
    (full.isStranger, full.editedAt, full.original, full.isOriginalMissing) = (true, now, "o", true)
    full.isAutomatic = true
    (full.isRetracted, full.lifetime, full.unreadLifetime, full.expiresAt) = (true, 1, 2, now)
    var refused = message(.failed, true)
    refused.failure = "why"
    var progress = FileProgress(message(.received, false), 0, most, .downloading, done: 1)
    let bare = FileProgress(message(.received, false), 0, least, .offered)
    progress.done = 1
    var summary = RoomSummary(
      room: Room(
        address: room, key: room, subject: "Ops", isEncrypted: true, isOneToOne: false, state: .active, version: 1,
        createdAt: now, lastActivity: now),
      participants: [Participant(room: room, address: sender, isAdmin: true)], deviceCount: 1, unread: 0)
    var events: [ChatEvent] = [.room(summary, displayName: "Ops")]
    (summary.room.lifetime, summary.room.unreadLifetime, summary.isNew) = (1, 2, true)
    for kind in [MessageChange.Kind.reaction, .edited, .retracted, .expired] {
      var change = MessageChange(kind, room: room, messageID: "m", sender: sender, text: "t", time: now)
      events.append(.change(change))
      change.failure = kind == .expired ? nil : "why"
      events.append(.change(change))
    }
    for state in [Delivery.State.failed, .delivered, .displayed] {
      for reason in [nil, "why"] {
        events.append(
          .delivery(room: room, messageID: "m", by: sender, state: state, reason: reason, isComplete: true))
      }
    }
    var happened = RoomEvent(.ended, room: room, account: Self.account, time: now)
    events.append(.roomEvent(happened))
    (happened.address, happened.by, happened.text) = (sender, sender, "Ops")
    (happened.seconds, happened.unread) = (1, 2)
    events.append(.roomEvent(happened))
    let invitation = Invitation(
      room: room, key: room, subject: "Ops", isEncrypted: true, isOneToOne: false, people: [sender], time: now,
      isDeclined: false)
    return events + [
      .invitation(invitation),
      .connection(.connecting), .connection(.registered(device: "d")), .connection(.offline(reason: "why")),
      .room(summary, displayName: "Ops"), .participant(room: room, address: sender, isAdmin: true, change: .added),
      .device(room: room, participant: sender, device: "d", change: .removed),
      .lifetime(room: room, seconds: 1, unread: nil), .lifetime(room: room, seconds: 1, unread: 2),
      .message(message(.received, false)), .message(full), .messageState(message(.queued, true)),
      .messageState(message(.sent, true)), .messageState(refused), .file(bare), .file(progress),
      .composing(room: room, address: sender, isActive: true), .security(room: nil, device: nil, text: "t"),
      .security(room: room, device: "d", text: "t"), .error(room: nil, text: "t", code: 76),
      .error(room: room, text: "t", code: 76), .lost(count: 1),
    ]
  }

  /// One more case of the enumeration has to be put into `samples` too.
  private static func isSample(_ event: ChatEvent) -> Bool {
    switch event {
    case .connection, .room, .participant, .device, .lifetime, .message, .messageState, .file, .delivery, .change,
      .composing, .security, .error, .lost, .roomEvent, .invitation:
      true
    }
  }

  private static func fields(_ objects: [[String: Any]]) -> Fields {
    let keys = objects.map { Set($0.keys) }
    let always = keys.dropFirst().reduce(keys.first ?? []) { $0.intersection($1) }
    let all = keys.reduce(Set<String>()) { $0.union($1) }
    return Fields(always: always, sometimes: all.subtracting(always))
  }

  @Test func thePageHasTheFieldsOfEveryEvent() async throws {
    let samples = try Self.samples()
    #expect(samples.allSatisfy(Self.isSample))
    var objects: [String: [[String: Any]]] = [:]
    var fields = EventFields(for: Self.account) { _ in nil }
    for event in samples {
      await fields.learn(event)
      var object = fields.jsonFields(of: event)
      let name = try #require(object.removeValue(forKey: "event") as? String)
      objects[name, default: []].append(object)
      for (key, part) in [("files", "files[]"), ("participants", "participants[]")] {
        objects[part, default: []] += object[key] as? [[String: Any]] ?? []
      }
    }
    // Lines of the history are events with more in them.
    guard case .message(let message)? = samples.last(where: { if case .message = $0 { true } else { false } }) else {
      throw TestFailure("no message among the samples")
    }
    var own = message
    own.isOutgoing = true
    let deliveries = [
      Delivery(message: 1, participant: "p", state: .pending),
      Delivery(message: 1, participant: "p", state: .failed, reason: "why", time: message.time),
    ]
    let reaction = Reaction(room: "r", messageID: "m", sender: "s", text: "t", time: message.time)
    let entry = MessageWithDeliveries(
      message: own, deliveries: deliveries, reactions: [reaction], quote: Quote(sender: "s", text: "t"))
    var line = entry.jsonFields(in: nil, for: Self.account, isBlocked: true)
    line["event"] = nil
    objects["message", default: []].append(line)
    for key in ["deliveries", "reactions"] { objects[key + "[]"] = line[key] as? [[String: Any]] }
    objects["quote"] = (line["quote"] as? [String: Any]).map { [$0] }

    let page = try Self.page()
    #expect(page.count > 20)
    #expect(Set(page.keys) == Set(objects.keys))
    for (name, rows) in objects { #expect(page[name] == Self.fields(rows), "\(name)") }
  }

  @Test func aMessageNamesItsRoomAndSaysWhetherItIsPersonal() async throws {
    let samples = try Self.samples()
    guard case .room(let summary, _)? = samples.first else { throw TestFailure("no room among the samples") }
    var fields = EventFields(for: Self.account) { $0 == summary.room.address ? summary : nil }
    for event in samples {
      guard case .message(var message) = event else { continue }
      for (text, isOutgoing, isMention) in [
        ("alice: look", false, true), ("malice", false, false), ("alice: look", true, false),
      ] {
        (message.text, message.isOutgoing) = (text, isOutgoing)
        await fields.learn(.message(message))
        let object = fields.jsonFields(of: .message(message))
        #expect(object["roomName"] as? String == "Ops" && object["oneToOne"] as? Bool == false)
        #expect(object["mention"] as? Bool == isMention, "\(text)")
      }
    }
    // Renamed meanwhile.
    var renamed = summary
    renamed.room.subject = "On call"
    await fields.learn(.room(renamed, displayName: "On call"))
    for event in samples {
      if case .message = event { #expect(fields.jsonFields(of: event)["roomName"] as? String == "On call") }
    }
  }
}
