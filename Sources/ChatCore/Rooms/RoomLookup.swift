// RoomLookup.swift: what a TO or a ROOM means that somebody wrote: an address, a contact, or a room's name (RFC 3261
// §19.1.4).
import Foundation
import GRDB
import MessageFormats

/// Anybody may invite this account into a room with a name of their choice. So what looks like an address is never
/// looked for among the names, a contact's name means that contact, and a name that several rooms fit is refused, unless
/// the user has written to one of them by it.
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
  /// The user's address book.
  var contacts = Contacts()

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
    case .name(let name):
      switch try meaning(of: name, isWhole: false) {
      case .room(let room): return room
      case .person(let address):
        let chats = chats { SIPAddress.isSame($0, address) }
        guard !chats.isEmpty else { throw .noRoomWith(names.short(address.description), address: address.description) }
        return try only(of: chats, text)
      case nil: throw unknown(name)
      }
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

  // MARK: Names

  /// What a name that is no address means.
  enum Meaning: Sendable {
    case room(RoomSummary)
    /// Somebody, with or without a room.
    case person(SIPURI)
  }

  /// The user's own choice comes first: a contact, then the room that was written to by the name. Else it is whoever, and
  /// whatever, is called so here.
  /// - Parameter isWhole: the beginning of a person's name does not do: what is sent is not for whoever comes nearest.
  /// - Returns: nil when nothing is called so.
  func meaning(of name: String, isWhole: Bool) throws(ChatError) -> Meaning? {
    let wanted = Self.key(of: name)
    let known = uses[wanted].flatMap { used in rooms.first { $0.room.address == used } }
    let entries = contacts.addresses(named: name)
    guard entries.isEmpty else {
      let other = known.flatMap { $0.room.isOneToOne || $0.room.state == .left ? nil : $0 }
      return try only(of: entries, other.map { [$0] } ?? [], name)
    }
    let groups = rooms.filter { key(of: $0)?.hasPrefix(wanted) == true }
    if let known {
      let open = groups.filter { $0.room.state != .left }
      // A stranger's room cannot take the name over, also not after the one that had it was renamed or ended.
      guard open.contains(known) || open.isEmpty else { throw ambiguous(name, open + [known]) }
      return .room(known)
    }
    let neighbours = neighbours { Self.key(of: $0) == wanted }
    if !neighbours.isEmpty {
      return try only(of: neighbours, groups.filter { $0.room.state != .left && key(of: $0) == wanted }, name)
    }
    let open = groups.filter { $0.room.state != .left }
    if !isWhole {
      let people = partners(beginning: wanted)
      if !people.isEmpty { return try only(of: people, open, name) }
    }
    guard !groups.isEmpty else { return nil }
    // The whole name of rooms that were left means one of these, not another that only begins so.
    let whole = groups.filter { key(of: $0) == wanted }
    let isOver = !whole.isEmpty && whole.allSatisfy { $0.room.state == .left }
    return .room(try only(of: isOver ? whole : groups, name))
  }

  var names: ChatNames { ChatNames(account: account, contacts: contacts) }

  /// People of the account's own domain who are in a room of it and whose user part fits. Their server says who they are.
  private func neighbours(_ fits: (String) -> Bool) -> [SIPURI] {
    // A thousand rooms have the same few people.
    let members = Set(rooms.lazy.flatMap(\.participants).map(\.address))
    let people = members.compactMap { address -> SIPURI? in
      guard let uri = SIPURI(address), let user = uri.user, uri.host.lowercased() == account.host.lowercased(),
        fits(user), !SIPAddress.isSame(uri, account)
      else { return nil }
      return uri.addressOfRecord
    }
    return Set(people).sorted { $0.description < $1.description }
  }

  /// People with a one-to-one room, and contacts, by the beginning of the name that is shown.
  private func partners(beginning wanted: String) -> [SIPURI] {
    let members = chats { Self.key(of: names.short($0.description)).hasPrefix(wanted) }
      .flatMap(\.participants).compactMap { SIPURI($0.address) }.filter { !SIPAddress.isSame($0, account) }
    var found: [SIPURI] = []
    for uri in members + contacts.addresses(beginning: wanted)
    where !found.contains(where: { SIPAddress.isSame($0, uri) }) {
      found.append(uri.addressOfRecord)
    }
    return found
  }

  /// The only one of them.
  private func only(of people: [SIPURI], _ rooms: [RoomSummary], _ text: String) throws(ChatError) -> Meaning {
    if people.count == 1, rooms.isEmpty, let person = people.first { return .person(person) }
    throw .ambiguousRoom(text, candidates: people.map(\.description) + candidates(rooms))
  }

  func unknown(_ text: String) -> ChatError { .unknownRoom(text, known: openNames) }

  var openNames: [String] { rooms.filter { $0.room.state != .left }.map(name) }

  /// Somebody of the account's domain whom nothing here is known of, if the name can be a user's.
  func newcomer(_ name: String) -> SIPURI? {
    let isPlain = name.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || "-_.+".utf8.contains(byte)
    }
    guard isPlain, let uri = SIPAddress.parse(name, domain: account.host), uri.user == name else { return nil }
    return uri.addressOfRecord
  }

  /// Whom a name may mean that a room's name only begins with: whoever makes a room "bob's party" is not to get what is
  /// written to bob.
  func possiblePerson(_ name: String, insteadOf room: RoomSummary) -> SIPURI? {
    let wanted = Self.key(of: name)
    guard key(of: room) != wanted, uses[wanted] != room.room.address, let person = newcomer(name),
      !SIPAddress.isSame(person, account)
    else { return nil }
    return person
  }

  func ambiguous(_ text: String, _ person: SIPURI, _ room: RoomSummary) -> ChatError {
    .ambiguousRoom(text, candidates: [person.description] + candidates([room]))
  }

  /// One room that is open, else one that was left.
  private func only(of matches: [RoomSummary], _ text: String) throws(ChatError) -> RoomSummary {
    let open = matches.filter { $0.room.state != .left }
    let choice = open.isEmpty ? matches : open
    guard let first = choice.first else { throw unknown(text) }
    guard choice.count == 1 else { throw ambiguous(text, choice) }
    return first
  }

  private func ambiguous(_ text: String, _ choice: [RoomSummary]) -> ChatError {
    .ambiguousRoom(text, candidates: candidates(choice))
  }

  private func candidates(_ choice: [RoomSummary]) -> [String] {
    choice.map { summary in
      let members = summary.participants.map(\.address).filter { !SIPAddress.isSame($0, account) }
      let state = summary.room.state == .left ? "left, " : ""
      let people = members.isEmpty ? "members not known yet" : "with \(NameList.text(members))"
      return "\(name(of: summary)) (\(state)\(people): \(summary.room.address))"
    }
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
    let taken = Set(neighbours { _ in true }.compactMap { $0.user.map(Self.key) })
    return rooms.map { summary in
      let name = name(of: summary)
      let isMeant: Bool
      if summary.room.state == .left {
        isMeant = false
      } else if let key = key(of: summary) {
        // The names that begin with this one follow it.
        let next = keys.firstIndexOfSorted(notBelow: key) + 1
        isMeant =
          contacts.addresses(named: key).isEmpty
          && (uses[key].map { $0 == summary.room.address }
            ?? (!taken.contains(key) && (next == keys.count || !keys[next].hasPrefix(key))))
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
  public enum Target: Sendable {
    case room(RoomSummary)
    /// Somebody's one-to-one room, which may have to be made.
    case person(SIPURI)
    /// The same of somebody of the account's domain whom nothing here is known of but the name that the user wrote.
    case newcomer(SIPURI, known: [String])
  }

  /// Whether there is an encrypted one-to-one room with somebody, in which the next text goes out at once.
  public func hasRoom(with address: SIPURI, for account: SIPURI) async throws -> Bool {
    let (other, own) = (address.addressOfRecord.description, account.description)
    return try await database.read { try RoomQueries.oneToOne($0, with: other, of: own, encrypted: true) != nil }
  }

  /// A name is remembered as meaning its room. What is no whole address is refused: messages are not for whoever comes
  /// nearest.
  public func target(_ text: String, for account: SIPURI) async throws -> Target {
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
    case .name(let name):
      switch try lookup.meaning(of: name, isWhole: true) {
      case .room(let room):
        if let person = lookup.possiblePerson(name, insteadOf: room), try await !isOfUser(room.room.address, account) {
          throw lookup.ambiguous(name, person, room)
        }
        return try await using(room, by: text, for: account)
      case .person(let address):
        try lookup.refuseOwn(address)
        return .person(address)
      case nil:
        guard let address = lookup.newcomer(name) else { throw lookup.unknown(name) }
        try lookup.refuseOwn(address)
        return .newcomer(address, known: lookup.openNames)
      }
    case .wholeName: return try await using(try lookup.room(text), by: text, for: account)
    }
  }

  /// Whether the user made the room, or has written in it.
  private func isOfUser(_ room: String, _ account: SIPURI) async throws -> Bool {
    let made = RoomEvent.Kind.made.rawValue
    return try await database.read { db in
      try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM roomEvent WHERE room = ?1 AND kind = ?2 AND "by" = ?3)
            OR EXISTS (SELECT 1 FROM message WHERE room = ?1 AND isOutgoing)
          """, arguments: [room, made, account.description]) ?? false
    }
  }

  private func using(_ room: RoomSummary, by text: String, for account: SIPURI) async throws -> Target {
    guard room.room.state != .left else { throw ChatError.notInRoom(room.displayName(for: account)) }
    try await noteUse(of: text, for: room.room.address)
    return .room(room)
  }

  /// The room whose address is written so.
  private func room(at address: String) async throws -> RoomSummary? {
    guard let room = try await summary(ofRoom: address), room.room.address == address, !room.isForNotifications else {
      return nil
    }
    return room
  }

  func lookup(for account: SIPURI) async throws -> RoomLookup {
    let contacts = try contacts.read()
    return try await database.read { db in
      RoomLookup(
        account: account, rooms: try RoomQueries.summaries(db, all: false), uses: try RoomNameUse.all(db),
        contacts: contacts)
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
        account: account, rooms: lookup.rooms.filter { $0.room.state != .left }, uses: lookup.uses,
        contacts: lookup.contacts)
    }
    let people = lookup.contacts.all.filter { lookup.contacts.addresses(named: $0.name).count == 1 }.map(\.name)
    return lookup.words(where: isGood) + people.filter(isGood)
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
