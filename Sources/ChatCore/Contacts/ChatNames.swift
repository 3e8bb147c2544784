// ChatNames.swift: people and rooms by the names that the user knows them by.
import Foundation
import MessageFormats

/// A contact's name, else the user part of an address of the account's own domain, else the whole address.
public struct ChatNames: Sendable {
  /// The account's own address.
  public let account: SIPURI
  /// The user's address book.
  public let contacts: Contacts

  public init(account: SIPURI, contacts: Contacts = Contacts()) {
    (self.account, self.contacts) = (account, contacts)
  }

  /// For a screen: as short as it is clear.
  public func short(_ address: String) -> String {
    if let name = contacts.name(of: address) { return name }
    guard let uri = SIPURI(address), let user = uri.user else { return address }
    // Somebody called as a contact is shown by the whole address.
    guard uri.host.lowercased() == account.host.lowercased(), contacts.addresses(named: user).isEmpty else {
      return "\(user)@\(uri.host)"
    }
    return user
  }

  /// For a line of text: a contact's name, else the address as it is.
  public func line(_ address: String) -> String { contacts.name(of: address) ?? address }

  /// Where it counts who it is: the address, and a contact's name behind it.
  public func full(_ address: String) -> String {
    contacts.name(of: address).map { "\(address) (\($0))" } ?? address
  }

  /// For a screen: a group's name, or the others of a one-to-one room.
  public func room(_ summary: RoomSummary) -> String {
    name(of: summary, person: short) { $0.isEmpty ? "(room)" : $0.joined(separator: ", ") }
  }

  /// For a line of text, as `RoomSummary.displayName` but for contacts.
  public func roomLine(_ summary: RoomSummary) -> String {
    name(of: summary, person: line) { $0.isEmpty ? summary.room.subject : $0.joined(separator: ", ") }
  }

  private func name(
    of summary: RoomSummary, person: (String) -> String, people: ([String]) -> String
  ) -> String {
    guard summary.room.isOneToOne || summary.room.subject.isEmpty else { return summary.displayName(for: account) }
    return people(summary.participants.map(\.address).filter { $0 != account.description }.map(person))
  }
}

extension AccountStore {
  /// The names that an account's user knows people and rooms by. A book that cannot be read names nobody.
  public func names(for account: SIPURI) -> ChatNames {
    ChatNames(account: account, contacts: (try? contacts.read()) ?? Contacts())
  }

  /// Somebody's address as a user writes it: a contact's name, an address, or a name alone of the account's domain.
  /// - Throws: `badInput` for what is none; `ambiguousRoom` for a name of several addresses.
  public func person(_ text: String, for account: SIPURI) throws -> SIPURI {
    try Self.person(text, domain: account.host, contacts: try contacts.read())
  }

  /// See `person(_:for:)`.
  public static func person(_ text: String, domain: String, contacts: Contacts) throws(ChatError) -> SIPURI {
    if let wish = try? RoomLookup.wish(text), case .name(let name) = wish {
      let addresses = contacts.addresses(named: name)
      if addresses.count > 1 {
        throw .ambiguousRoom(name, candidates: addresses.map(\.description))
      }
      if let address = addresses.first { return address }
    }
    return try SIPAddress.checked(text, domain: domain)
  }
}
