// BenchmarkHistory.swift: an account's database with as many messages as wanted, as long use would have left it
import ChatCore
import Foundation
import GRDB

enum BenchmarkHistory {
  /// Words by rank: the first are common, the last rare, as in a language.
  private static let words = (0..<20_000).map { "w" + String($0 * 7919 % 1_000_003, radix: 36) }
  static let commonWord = words[3]
  static let middlingWord = words[600]
  /// In one message in a hundred thousand.
  static let rareWord = "xylophone"
  static let unspacedWord = "配備"

  static func room(_ number: Int) -> String { "sip:chatroom-\(number)@sip.example.org;gr=urn:uuid:\(number)" }

  /// Fills a new store. Every tenth message is the account's own, with two deliveries; the newest three of each room
  /// are unread.
  static func fill(_ store: AccountStore, messages: Int, rooms: Int) throws {
    var random = SystemRandomNumberGenerator()
    let start = Date(timeIntervalSinceNow: -Double(messages) * 30)
    try store.database.write { db in
      for number in 0..<rooms {
        let activity = Date(timeIntervalSinceNow: Double(-number))
        try db.execute(
          sql: """
            INSERT INTO room (address, key, subject, isEncrypted, isOneToOne, state, version, createdAt, lastActivity)
            VALUES (?1, ?1, ?2, 1, 0, 'active', 1, ?3, ?4)
            """, arguments: [room(number), "Room \(number)", start, activity])
        for address in ["alice", "bob", "carol"].map({ "sip:\($0)@sip.example.org" }) {
          try db.execute(
            sql: "INSERT INTO participant (room, address, isAdmin) VALUES (?, ?, 0)",
            arguments: [room(number), address])
          try db.execute(
            sql: "INSERT INTO device (room, participant, gruu) VALUES (?, ?, ?)",
            arguments: [room(number), address, "\(address);gr=urn:uuid:1"])
        }
      }
    }
    // Committed in parts, as one transaction of a million rows would fill the write-ahead log.
    for part in stride(from: 0, to: messages, by: 50_000) {
      try store.database.write { db in
        let message = try db.makeStatement(
          sql: """
            INSERT INTO message (room, messageID, sender, isOutgoing, text, time, receivedAt, isEncrypted, trust, state,
              isRead) VALUES (?, ?, ?, ?, ?, ?, ?, 1, 'untrusted', ?, ?)
            """)
        let delivery = try db.makeStatement(
          sql: "INSERT INTO delivery (message, participant, state) VALUES (?, ?, 'delivered')")
        for number in part..<min(messages, part + 50_000) {
          let isOwn = number.isMultiple(of: 10)
          let time = start.addingTimeInterval(Double(number) * 30)
          try message.execute(
            arguments: [
              room(number % rooms), "m\(number)", "sip:\(isOwn ? "alice" : "bob")@sip.example.org", isOwn,
              text(number, &random), time, time, isOwn ? "sent" : "received", isOwn || number < messages - 3 * rooms,
            ])
          guard isOwn else { continue }
          let row = db.lastInsertedRowID
          for user in ["bob", "carol"] { try delivery.execute(arguments: [row, "sip:\(user)@sip.example.org"]) }
        }
      }
    }
  }

  private static func text(_ number: Int, _ random: inout SystemRandomNumberGenerator) -> String {
    let count = Int.random(in: 4...14, using: &random)
    var text = (0..<count).map { _ in
      // Evenly over the logarithm of the rank: Zipf's law.
      words[min(words.count - 1, Int(exp(Double.random(in: 0..<log(Double(words.count)), using: &random))) - 1)]
    }
    if number % 100_000 == 500 { text.append(rareWord) }
    if number % 50_000 == 700 { text.append("今日の\(unspacedWord)です") }
    return text.joined(separator: " ")
  }
}
