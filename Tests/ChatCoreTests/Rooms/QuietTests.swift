// QuietTests.swift: how long a room is muted, what of it is announced, and whom one knows
import Foundation
import GRDB
import MessageFormats
import Testing

@testable import ChatCore

@Suite struct QuietRooms {
  private static let now = Date(timeIntervalSince1970: 1_800_000_000)

  @Test(arguments: [("30m", 1800.0), ("2h", 7200), ("1D", 86_400), ("1w", 604_800), ("1.5h", 5400)])
  func aTimeToBeQuietIsRead(_ text: String, _ seconds: Double) throws {
    #expect(try MuteTime.end(text, from: Self.now) == Self.now.addingTimeInterval(seconds))
  }

  @Test(arguments: ["", "h", "2", "-1h", "0m", "soon", "nanh", "infd", "1e99w", "99999d"])
  func anythingElseIsRefused(_ text: String) {
    #expect(throws: ChatError.self) { try MuteTime.end(text, from: Self.now) }
  }

  @Test func aMutedRoomIsSilentUntilItsTimeIsOver() throws {
    let account = try StoredAccount(rooms: [("sip:chatroom-1@sip.example.org;gr=f", "Ops")])
    var room = try #require(
      try account.store.database.read { try Room.find($0, "sip:chatroom-1@sip.example.org;gr=f") })
    #expect(room.notifyLevel(.mentions) == .mentions)
    room.notify = .all
    #expect(room.notifyLevel(.mentions) == .all)
    room.mutedUntil = Self.now
    #expect(room.notifyLevel(.all, at: Self.now.addingTimeInterval(-1)) == .none)
    #expect(room.notifyLevel(.mentions, at: Self.now) == .all)
    try account.store.database.write { [room] in try room.update($0) }
    let stored = try account.store.database.read { try Room.find($0, room.address) }
    #expect(stored?.mutedUntil == Self.now && stored?.notify == .all)
    #expect(!NotifyLevel.mentions.allows(isPersonal: false) && NotifyLevel.mentions.allows(isPersonal: true))
  }

  @Test func whoSharesARoomInWhichOneHasWrittenIsNoStranger() throws {
    let room = "sip:chatroom-1@sip.example.org;gr=f"
    let account = try StoredAccount(rooms: [(room, "Ops")])
    try account.store.database.write { db in
      try Participant(room: room, address: "sip:bob@sip.example.org", isAdmin: false).insert(db)
      #expect(try !Invitation.isKnown(db, "sip:bob@sip.example.org"))
      var message = Message(
        room: room, messageID: "m", sender: "sip:alice@sip.example.org", isOutgoing: true, text: "hello",
        time: Self.now, receivedAt: Self.now, isEncrypted: true, trust: "unknown", state: .sent, isRead: true)
      try message.insertQuickly(db)
      #expect(try Invitation.isKnown(db, "sip:bob@sip.example.org"))
      #expect(try !Invitation.isKnown(db, "sip:carol@sip.example.org"))
    }
  }

  @Test func aDeviceThatCannotReadIsToldOfOnceADay() throws {
    let account = try StoredAccount()
    try account.store.database.write { (db: Database) throws in
      let day: TimeInterval = 86_400
      #expect(try DeviceAlgorithms.isNews(db, "d", "no keys", at: Self.now))
      #expect(try !DeviceAlgorithms.isNews(db, "d", "no keys", at: Self.now.addingTimeInterval(day - 1)))
      #expect(try DeviceAlgorithms.isNews(db, "d", "another algorithm", at: Self.now.addingTimeInterval(10)))
      #expect(try DeviceAlgorithms.isNews(db, "e", "no keys", at: Self.now))
      #expect(try DeviceAlgorithms.isNews(db, "d", "no keys", at: Self.now.addingTimeInterval(2 * day)))
    }
  }
}
