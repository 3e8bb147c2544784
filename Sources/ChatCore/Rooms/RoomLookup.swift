// RoomLookup.swift: what a TO or a ROOM means that somebody wrote: an address, or a room's name (RFC 3261 §19.1.4).
import Foundation
import GRDB
import MessageFormats

/// Anybody may invite this account into a room with a name of their choice. So what looks like an address is never
/// looked for among the names, and a name that several rooms fit is refused, unless the user has written to one of them
/// by it.
struct RoomLookup: Sendable {
  /// What a text can mean by its form alone.
  enum Wish: Sendable, Equatable {
    case address(SIPURI)
    /// With a scheme or an "@", but not whole: `sip:bo`, `bob@`. For rooms that are there only.
    case beginningOfAddress(String)
    case name(String)
    /// The whole name, not only its beginning: `name:Ops`.
    case wholeName(String)
  }

  /// Before a name: all of it, and a room that is called so.
  static let wholeNamePrefix = "name:"
  /// Schemes that name somebody who cannot be written to by SIP (RFC 3966, 3860, 3859, 5122, 6068).
  private static let foreignSchemes = ["tel:", "im:", "pres:", "xmpp:", "mailto:"]

  /// A scheme, in any case, or the form user@domain makes it an address, also with a display name.
  /// - Throws: `badInput` for what can be neither.
  static func wish(_ text: String) throws(ChatError) -> Wish {
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty else { throw .badInput("an empty name means no room and nobody") }
    if hasPrefix(text, wholeNamePrefix) {
      let name = String(text.dropFirst(wholeNamePrefix.count)).trimmingCharacters(in: .whitespaces)
      guard !name.isEmpty else { throw .badInput("'\(text)' has no name behind it") }
      return .wholeName(name)
    }
    if text.hasSuffix(">"), text.contains("<"), let address = NameAddress(text) { return .address(address.uri) }
    if hasPrefix(text, "sip:") || hasPrefix(text, "sips:") {
      guard let uri = SIPURI(text), uri.user != nil || !uri.parameters.isEmpty else { return .beginningOfAddress(text) }
      return .address(uri)
    }
    if let scheme = foreignSchemes.first(where: { hasPrefix(text, $0) }), !text.contains(where: \.isWhitespace) {
      throw .badInput("'\(text)' is not a SIP address, and a name does not begin with '\(scheme)' here")
    }
    guard isUserAtDomain(text) else { return .name(text) }
    return SIPURI("sip:" + text).map { .address($0) } ?? .beginningOfAddress("sip:" + text)
  }

  /// `bob@example.org`, also while its end is missing; a name such as "lunch @ noon" is none.
  private static func isUserAtDomain(_ text: String) -> Bool {
    guard let at = text.firstIndex(of: "@"), at != text.startIndex else { return false }
    return !text.contains(where: \.isWhitespace)
  }

  private static func hasPrefix(_ text: String, _ prefix: String) -> Bool {
    text.prefix(prefix.count).lowercased() == prefix
  }

  // MARK: Looking

  /// This account's own address.
  let account: SIPURI
  /// The last used first, without those that are only for notifications.
  let rooms: [RoomSummary]
  /// The room that the user meant by a name before, by `key(of:)`.
  let uses: [String: String]

  /// How a name is compared: case does not count, nor what a reader does not see.
  static func key(of name: String) -> String {
    let seen = name.unicodeScalars.filter { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format: scalar.properties.isWhitespace
      default: true
      }
    }
    let words = String(String.UnicodeScalarView(seen)).split(whereSeparator: \.isWhitespace)
    return words.joined(separator: " ").lowercased()
  }

  /// - Returns: a room that is known, else one that was left.
  /// - Throws: `unknownRoom`, `ambiguousRoom` with the choices, or `badInput` for one's own address.
  func room(_ text: String) throws(ChatError) -> RoomSummary {
    switch try Self.wish(text) {
    case .address(let uri):
      if let room = room(at: uri) { return room }
      try refuseOwn(uri)
      return try only(of: chats { SIPAddress.isSame($0, uri) }, text)
    case .beginningOfAddress(let beginning):
      let wanted = beginning.lowercased()
      return try only(of: chats { $0.description.lowercased().hasPrefix(wanted) }, text)
    case .wholeName(let name):
      let wanted = Self.key(of: name)
      let matches = rooms.filter { self.key(of: $0) == wanted }
      let used = matches.filter { $0.room.address == uses[wanted] && $0.room.state != .left }
      return try only(of: used.isEmpty ? matches : used, text)
    case .name(let name): return try room(named: name)
    }
  }

  /// The room that has this address.
  func room(at uri: SIPURI) -> RoomSummary? {
    let written = uri.description
    if let room = rooms.first(where: { $0.room.address == written }) { return room }
    // What has neither may be somebody's address, and so may the address be that a hostile server gave a room, but for
    // the parameters that a key leaves out.
    guard uri.gruu != nil || uri.has(parameter: "conf-id") else { return nil }
    let key = uri.conferenceKey
    return rooms.first { $0.room.key == key }
  }

  /// - Throws: `badInput` when it is this account's own address: nobody writes to themselves, and it is in every room.
  func refuseOwn(_ uri: SIPURI) throws(ChatError) {
    guard !SIPAddress.isSame(uri, account) else {
      throw .badInput("\(uri) is this account's own address: name somebody else, or a room")
    }
  }

  private func room(named name: String) throws(ChatError) -> RoomSummary {
    let wanted = Self.key(of: name)
    let matches = rooms.filter { key(of: $0)?.hasPrefix(wanted) == true }
    guard let used = uses[wanted], let known = rooms.first(where: { $0.room.address == used }) else {
      // The whole name of rooms that were left means one of these, not another that only begins so.
      let whole = matches.filter { key(of: $0) == wanted }
      let isOver = !whole.isEmpty && whole.allSatisfy { $0.room.state == .left }
      return try only(of: isOver ? whole : matches, name)
    }
    let open = matches.filter { $0.room.state != .left }
    // A stranger's room cannot take the name over, also not after the one that had it was renamed or ended.
    guard open.contains(known) || open.isEmpty else { throw ambiguous(name, open + [known]) }
    return known
  }

  /// One room that is open, else one that was left.
  private func only(of matches: [RoomSummary], _ text: String) throws(ChatError) -> RoomSummary {
    let open = matches.filter { $0.room.state != .left }
    let choice = open.isEmpty ? matches : open
    guard let first = choice.first else {
      throw .unknownRoom(text, known: rooms.filter { $0.room.state != .left }.map(name))
    }
    guard choice.count == 1 else { throw ambiguous(text, choice) }
    return first
  }

  private func ambiguous(_ text: String, _ choice: [RoomSummary]) -> ChatError {
    .ambiguousRoom(
      text,
      candidates: choice.map { summary in
        let members = summary.participants.map(\.address).filter { !SIPAddress.isSame($0, account) }
        let state = summary.room.state == .left ? "left, " : ""
        let people = members.isEmpty ? "members not known yet" : "with \(NameList.text(members))"
        return "\(name(of: summary)) (\(state)\(people): \(summary.room.address))"
      })
  }

  private func name(of summary: RoomSummary) -> String { summary.displayName(for: account) }

  /// nil for a room that only its own or its member's address means: one-to-one rooms, and those whose name looks like
  /// an address, which was chosen to be taken for one.
  private func key(of summary: RoomSummary) -> String? {
    guard !summary.room.isOneToOne, let wish = try? Self.wish(summary.room.subject), case .name(let name) = wish else {
      return nil
    }
    return Self.key(of: name)
  }

  /// The one-to-one rooms with somebody; those that are confirmed, if there are any.
  private func chats(_ isMeant: (SIPURI) -> Bool) -> [RoomSummary] {
    let all = rooms.filter { summary in
      summary.room.isOneToOne
        && summary.participants.contains { member in
          guard let uri = SIPURI(member.address), !SIPAddress.isSame(uri, account) else { return false }
          return isMeant(uri)
        }
    }
    // Anybody may say that a room is the one with somebody; the factory of this account says so of one.
    let confirmed = all.filter { $0.room.isConfirmed && $0.room.state != .left }
    return confirmed.isEmpty ? all : confirmed
  }

  // MARK: Names to offer

  /// What means exactly one of the rooms when it is written as a ROOM: its name or the other's address, else its own.
  /// - Parameter isGood: whether a name can be offered.
  func words(where isGood: (String) -> Bool) -> [String] {
    let open = rooms.filter { $0.room.state != .left }
    let keys = open.compactMap { key(of: $0) }.sorted()
    let people = Dictionary(open.filter(\.room.isOneToOne).map { (name(of: $0), 1) }, uniquingKeysWith: +)
    return rooms.map { summary in
      let name = name(of: summary)
      let isMeant: Bool
      if summary.room.state == .left {
        isMeant = false
      } else if let key = key(of: summary) {
        // The names that begin with this one follow it.
        let next = keys.firstIndexOfSorted(notBelow: key) + 1
        isMeant = uses[key].map { $0 == summary.room.address } ?? (next == keys.count || !keys[next].hasPrefix(key))
      } else {
        isMeant = summary.room.isOneToOne && people[name] == 1 && SIPURI(name)?.user != nil
      }
      return isMeant && isGood(name) ? name : summary.room.address
    }
  }
}

extension [String] {
  /// Of a sorted array.
  fileprivate func firstIndexOfSorted(notBelow wanted: String) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension SIPAddress {
  /// Whether both are addresses of one person.
  public static func isSame(_ left: SIPURI, _ right: SIPURI) -> Bool { left.addressOfRecord == right.addressOfRecord }

  static func isSame(_ left: String, _ right: SIPURI) -> Bool { SIPURI(left).map { isSame($0, right) } ?? false }
}

// MARK: - In the database

extension AccountStore {
  /// The room that a ROOM means: an address, somebody's address for the one-to-one room, or a name or its beginning
  /// that no other room fits. One that was left is found when no other is meant.
  public func room(named name: String, for account: SIPURI) async throws -> RoomSummary {
    // An address is the usual case, and there may be a thousand rooms.
    if let exact = try await room(at: name) { return exact }
    return try await lookup(for: account).room(name)
  }

  /// What a TO means.
  enum Target: Sendable {
    case room(RoomSummary)
    /// Somebody's one-to-one room, which may have to be made.
    case person(SIPURI)
  }

  /// A name is remembered as meaning its room. What is no whole address is refused: messages are not for whoever comes
  /// nearest.
  func target(_ text: String, for account: SIPURI) async throws -> Target {
    if let exact = try await room(at: text) { return .room(exact) }
    let wish = try RoomLookup.wish(text)
    let lookup = try await lookup(for: account)
    switch wish {
    case .address(let uri):
      if let room = lookup.room(at: uri) { return .room(room) }
      try lookup.refuseOwn(uri)
      guard uri.gruu == nil, uri[parameter: "conf-id"] == nil, uri.user != nil else {
        throw ChatError.unknownRoom(text, known: [])
      }
      return .person(uri.addressOfRecord)
    case .beginningOfAddress:
      throw ChatError.badInput("'\(text)' is not a whole SIP address; write sip:NAME@DOMAIN")
    case .name, .wholeName:
      let room = try lookup.room(text)
      guard room.room.state != .left else { throw ChatError.notInRoom(room.displayName(for: account)) }
      try await noteUse(of: text, for: room.room.address)
      return .room(room)
    }
  }

  /// The room whose address is written so.
  private func room(at address: String) async throws -> RoomSummary? {
    guard let room = try await summary(ofRoom: address), room.room.address == address, !room.isForNotifications else {
      return nil
    }
    return room
  }

  func lookup(for account: SIPURI) async throws -> RoomLookup {
    try await database.read { db in
      RoomLookup(
        account: account, rooms: try RoomQueries.summaries(db, all: false), uses: try RoomNameUse.all(db))
    }
  }

  /// What a shell may offer for each room, see `RoomLookup.words`.
  /// - Parameter left: also rooms that were left.
  public func roomWords(
    for account: SIPURI, left: Bool, where isGood: @Sendable (String) -> Bool
  ) async throws -> [String] {
    var lookup = try await lookup(for: account)
    if !left {
      lookup = RoomLookup(
        account: account, rooms: lookup.rooms.filter { $0.room.state != .left }, uses: lookup.uses)
    }
    return lookup.words(where: isGood)
  }

  /// From now on the user means this room by this name, whatever others call theirs. Nothing for an address.
  public func noteUse(of text: String, for room: String) async throws {
    let name: String
    switch try? RoomLookup.wish(text) {
    case .name(let text), .wholeName(let text): name = text
    default: return
    }
    let key = RoomLookup.key(of: name)
    // Each message of a script comes by here: only what is new is written.
    let known = try await database.read { try RoomNameUse.room(meantBy: key, $0) }
    guard known != room else { return }
    try await database.write { try RoomNameUse.put($0, key: key, room: room) }
  }

  /// The user gave the room up, and its names with it.
  public func forgetNames(of room: String) async throws {
    try await database.write { try $0.execute(sql: "DELETE FROM roomNameUse WHERE room = ?", arguments: [room]) }
  }
}

/// The room that the user wrote to by a name.
enum RoomNameUse {
  static func register(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("chat room names 1") { db in
      try db.create(table: "roomNameUse") { table in
        table.primaryKey("name", .text)
        table.column("room", .text).notNull().indexed().references("room", onDelete: .cascade, onUpdate: .cascade)
      }
    }
  }

  static func all(_ db: Database) throws -> [String: String] {
    Dictionary(
      try Row.fetchAll(db, sql: "SELECT name, room FROM roomNameUse").map { ($0[0] as String, $0[1] as String) }
    ) { first, _ in first }
  }

  static func room(meantBy key: String, _ db: Database) throws -> String? {
    try String.fetchOne(db.cachedStatement(sql: "SELECT room FROM roomNameUse WHERE name = ?"), arguments: [key])
  }

  static func put(_ db: Database, key: String, room: String) throws {
    try db.execute(
      sql: "INSERT OR REPLACE INTO roomNameUse (name, room) SELECT ?, address FROM room WHERE address = ?",
      arguments: [key, room])
  }
}
