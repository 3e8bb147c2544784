// Contacts.swift: the user's address book: names of the user's own choice for people's addresses.
import Foundation
import MessageFormats
import SafeText

/// Names that the user gave people. None comes from the network, and none looks like an address.
public struct Contacts: Sendable, Equatable {
  /// One name with its addresses; most have one.
  public struct Contact: Sendable, Equatable {
    /// As it is shown.
    public var name: String
    /// Addresses of record; the first is the preferred one.
    public var addresses: [SIPURI]

    public init(name: String, addresses: [SIPURI]) {
      (self.name, self.addresses) = (name, addresses)
    }
  }

  /// More are not read.
  public static let maximumCount = 10_000
  /// Of one contact; more are not read.
  public static let maximumAddresses = 20
  /// Of a name, in bytes.
  public static let maximumNameLength = 200

  /// By name.
  public let all: [Contact]
  private let names: [String: String]
  private let people: [String: [SIPURI]]

  /// Also several under one name, and several names of one address.
  public init(_ contacts: [Contact] = []) {
    all = contacts.sorted { $0.name < $1.name }
    var names: [String: String] = [:]
    var people: [String: [SIPURI]] = [:]
    for contact in all {
      let key = RoomLookup.key(of: contact.name)
      for address in contact.addresses.map(\.addressOfRecord) {
        names[address.description] = names[address.description] ?? contact.name
        if people[key]?.contains(address) != true { people[key, default: []].append(address) }
      }
    }
    (self.names, self.people) = (names, people)
  }

  /// What the user calls somebody; nil for those who are not in the book.
  public func name(of address: String) -> String? {
    guard !names.isEmpty else { return nil }
    if let name = names[address] { return name }
    return SIPURI(address).flatMap { names[$0.addressOfRecord.description] }
  }

  /// How names are compared.
  public static func key(of name: String) -> String { RoomLookup.key(of: name) }

  /// The addresses under a name, whatever its case; several when it is not clear whose it is.
  public func addresses(named name: String) -> [SIPURI] { people[RoomLookup.key(of: name)] ?? [] }

  /// Those whose name begins with this.
  func addresses(beginning key: String) -> [SIPURI] {
    people.filter { $0.key.hasPrefix(key) }.flatMap(\.value).sorted { $0.description < $1.description }
  }

  /// - Throws: `badInput` for what can be no name: what looks like an address stands for that address only.
  public static func checkName(_ name: String) throws(ChatError) {
    let key = RoomLookup.key(of: name)
    guard !key.isEmpty, name.first?.isWhitespace == false, name.last?.isWhitespace == false else {
      throw .badInput("a contact's name is not empty, and does not begin or end with a blank")
    }
    guard name.utf8.count <= maximumNameLength else {
      throw .badInput("a contact's name has at most \(maximumNameLength) bytes")
    }
    guard name.unicodeScalars.allSatisfy({ ScalarTreatment(of: $0).isHarmless || $0 == "\u{200D}" }) else {
      throw .badInput("a contact's name has a character that cannot be shown")
    }
    guard let wish = try? RoomLookup.wish(name), case .name = wish else {
      throw .badInput("'\(name)' looks like an address, and is no name for a contact")
    }
  }
}

/// Where the address book is read; the user may change it at any time.
public struct ContactSource: Sendable {
  /// Throws when it is there and cannot be read: then no name is taken for a room's that may be a contact's.
  public let read: @Sendable () throws -> Contacts

  public init(_ read: @escaping @Sendable () throws -> Contacts) { self.read = read }

  /// No address book.
  public static let none = ContactSource { Contacts() }
}
