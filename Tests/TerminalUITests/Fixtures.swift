// Fixtures.swift: states that several tests draw.
import Foundation

@testable import TerminalUI

enum Fixtures {
  static let utc = TimeZone(secondsFromGMT: 0) ?? .current

  /// 21 November 2026, a Saturday, at the given UTC time; `day` counts from there.
  static func time(_ hour: Int, _ minute: Int, day: Int = 0) -> Date {
    Date(timeIntervalSince1970: 1_795_219_200 + Double(day * 86_400 + hour * 3_600 + minute * 60))
  }

  static func message(
    _ id: String, _ hour: Int, _ minute: Int, _ sender: String, _ text: String, day: Int = 0,
    encryption: MessageRow.Encryption = .trusted, delivery: MessageRow.Delivery? = nil
  ) -> MessageRow {
    MessageRow(
      id: id, time: time(hour, minute, day: day), sender: sender, isOwn: delivery != nil, text: text,
      encryption: encryption, delivery: delivery)
  }

  static let members = [
    MemberRow(id: "sip:alice@sip.example.org", name: "Alice", isSelf: true, isAdmin: true, trust: .trusted),
    MemberRow(
      id: "sip:bob@sip.example.org", name: "Bob",
      devices: ["a1b2c3d4", "e5f60718"].map {
        .init(id: "sip:bob@sip.example.org;gr=urn:uuid:" + $0, trust: .untrusted)
      }),
    MemberRow(id: "sip:carol@sip.example.org", name: "Carol", trust: .unsafe),
  ]

  static let rooms = [
    RoomRow(id: "lab", name: "Lab team", activity: 5),
    RoomRow(id: "ops", name: "Ops", unread: 12, activity: 3),
    RoomRow(id: "carol", name: "Carol", kind: .direct, unread: 3, mentions: 1, activity: 4),
    RoomRow(id: "bob", name: "Bob", kind: .direct, activity: 2, isTyping: true),
    RoomRow(id: "test", name: "Kamailio test", isEncrypted: false, presence: .offline, activity: 1),
  ]

  /// A room as in daily use: two days, an unread line, a notice, every delivery state that has words.
  static func lab() -> ScreenState {
    var state = ScreenState()
    state.timeZone = utc
    state.rooms = rooms
    state.openRoom = "lab"
    state.header = RoomHeader(name: "Lab team", security: .encrypted(trustedDevices: 2, devices: 4), deviceCount: 4)
    state.members = members
    state.messages = [
      message("1", 22, 50, "bob", "good night", day: -1),
      message("2", 9, 14, "bob", "factory answers 302, room is up"),
      message("3", 9, 15, "carol", "which flexisip version?\nand which client?", encryption: .encrypted),
      .notice(id: "4", time: time(9, 16), text: "new device of carol: ab12 cd34 (untrusted)"),
      message("5", 9, 20, "alice", "2.5, two processes with redis", delivery: .displayed(2, of: 3)),
      message("6", 9, 22, "bob", "no session: a new one was asked for", encryption: .undecryptable),
      message("7", 9, 23, "alice", "hello?", delivery: .failed(reason: "503 from the server, will retry")),
    ]
    state.firstUnread = "5"
    state.status = StatusBar(
      account: "alice@sip.example.org", connection: "registered (tls)", health: .good, typing: ["Bob"])
    return state
  }

  /// The state drawn without colours, as lines.
  static func lines(_ state: ScreenState, columns: Int, rows: Int) -> [String] {
    draw(state, size: ScreenSize(columns: columns, rows: rows), theme: .monochrome).lines
  }

  static func interface(columns: Int = 80, rows: Int = 24) -> UserInterface {
    UserInterface(screen: lab(), size: ScreenSize(columns: columns, rows: rows), theme: .monochrome)
  }
}

extension UserInterface {
  /// Types text character by character.
  mutating func type(_ text: String) -> [Intent] {
    text.flatMap { handle(.stroke(.character($0))) }
  }

  mutating func press(_ key: Key, _ modifiers: KeyModifiers = []) -> [Intent] { handle(.key(key, modifiers)) }
}
