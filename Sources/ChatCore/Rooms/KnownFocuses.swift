// KnownFocuses.swift: which conference servers may open rooms here: the account's own, not users (RFC 4579 §3.3).
import Foundation
import GRDB
import MessageFormats

/// What proves that the sender of an invitation, or of a message of an unknown room, is a conference server.
///
/// A proxy lets an account write its own address into From, with any URI parameters, and no other one. So the user part
/// and the domain tell a focus from an account; `gr` and `isfocus` prove nothing, as anybody can write them. The domain
/// is that of the account's conference factory, or one of `conference-domains`. In it a focus is
/// - one that the factory itself named in a 302: for `…;conf-id=…` its user part, else the user part's kind;
/// - before the factory has named any: `chatroom-…` with a `gr`, and `conference-focus` with a `conf-id`, the names
///   that Flexisip gives. Another user part with a `conf-id` is asked about at the factory.
struct KnownFocuses: Sendable, Equatable {
  enum Verdict: Equatable {
    case ours
    /// It may be: the factory has named no focus yet, or another one.
    case unproven
    case foreign
  }

  private static let roomPrefix = "chatroom-"
  private static let usualFocus = "conference-focus"
  /// More are not remembered: a factory has one or two.
  private static let maximum = 64

  /// In lower case.
  let domains: Set<String>
  /// The identities that the factory named.
  private(set) var named: Set<String>

  init(factory: SIPURI, domains: [String], named: Set<String> = []) {
    self.domains = Set(([factory.addressOfRecord.host] + domains).map { $0.lowercased() })
    self.named = named
  }

  /// - Parameter room: the address that an INVITE or a MESSAGE is from.
  func verdict(on room: SIPURI) -> Verdict {
    let address = room.addressOfRecord
    guard let user = address.user else { return .foreign }
    if let identity = Self.identity(room), named.contains(identity) { return .ours }
    guard domains.contains(address.host) else { return .foreign }
    if Self.isRoomName(user) { return room.gruu == nil ? .foreign : .ours }
    guard room[parameter: "conf-id"]?.isEmpty == false else { return .foreign }
    return named.isEmpty && user == Self.usualFocus ? .ours : .unproven
  }

  /// Remembers the focus of a room that the factory named.
  /// - Returns: whether it was not known.
  mutating func learn(_ room: SIPURI) -> Bool {
    guard named.count < Self.maximum, let identity = Self.identity(room) else { return false }
    return named.insert(identity).inserted
  }

  /// What all rooms of one focus have in common: its address, or the domain where rooms have names of their own.
  private static func identity(_ room: SIPURI) -> String? {
    var address = room.addressOfRecord
    guard let user = address.user else { return nil }
    if room[parameter: "conf-id"]?.isEmpty == false { return address.description }
    guard isRoomName(user), room.gruu != nil else { return nil }
    address.user = roomPrefix
    return address.description
  }

  private static func isRoomName(_ user: String) -> Bool { user.hasPrefix(roomPrefix) && user != roomPrefix }
}

extension KnownFocuses {
  init(_ db: Database, of account: AccountConfiguration) throws {
    let named = try Setting.focuses.read(db)?.split(separator: " ").map(String.init) ?? []
    self.init(factory: account.conferenceFactory, domains: account.conferenceDomains, named: Set(named))
  }

  func write(_ db: Database) throws { try Setting.focuses.write(db, named.sorted().joined(separator: " ")) }
}
