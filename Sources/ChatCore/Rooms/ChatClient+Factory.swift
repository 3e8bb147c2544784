// ChatClient+Factory.swift: what the conference factory is asked for: rooms, and which one is the one with a person.
import Foundation
import GRDB
import MessageFormats
import SIPAgent

/// An INVITE to the factory, and the one to the room that it names (RFC 4579 §5.4, RFC 5366; protocol/chat.md).
struct FactoryRequest: Sendable {
  /// The name of a one-to-one room is not shown; Linphone sends this one.
  nonisolated static let oneToOneSubject = "dummy subject"

  var subject: String
  var members: [SIPURI]
  var isEncrypted: Bool
  var isOneToOne = false

  nonisolated static func oneToOne(with member: SIPURI, isEncrypted: Bool) -> FactoryRequest {
    FactoryRequest(subject: oneToOneSubject, members: [member], isEncrypted: isEncrypted, isOneToOne: true)
  }

  /// Addresses of record: with a `gr`, or a host in capitals, Flexisip takes a pair for another one.
  var body: Data { ResourceList(members.map(\.addressOfRecord)).serialized }

  var headers: [SIPHeader] {
    [
      SIPHeader("Subject", subject), SIPHeader("Require", "recipient-list-invite"),
      SIPHeader("Content-Disposition", "recipient-list"),
    ] + (isEncrypted ? [SIPHeader("End-To-End-Encrypted", "true")] : [])
      + (isOneToOne ? [SIPHeader("One-To-One-Chat-Room", "true")] : [])
  }
}

extension ChatClient {
  func invite(_ target: SIPURI, _ request: FactoryRequest) async throws -> InviteResult {
    guard let agent = ownDevice.agent else { throw ChatError.notConnected }
    do {
      return try await agent.invite(
        target, headers: request.headers, contentType: ContentType.resourceLists.description, body: request.body)
    } catch { throw ChatError(from: error, during: "INVITE \(target)") }
  }

  /// The address that the factory gives the room. For a one-to-one room it is always the same for the pair and the kind
  /// of encryption, whoever asks and however often. Nobody is invited by it.
  func askFactory(_ request: FactoryRequest) async throws -> SIPURI {
    let factory = account.conferenceFactory
    switch try await invite(factory, request) {
    case .moved(let contact):
      let uri = contact.uri
      if roomOrigins.focuses.learn(uri) {
        let focuses = roomOrigins.focuses
        try await store.database.write { try focuses.write($0) }
      }
      return uri
    case .established(let dialog):
      try? await ownDevice.agent?.bye(dialog.id)
      throw ChatError.factoryDidNotRedirect(factory: factory.description, status: 200)
    }
  }

  // MARK: One-to-one rooms

  /// The one-to-one room with `address`, made if absent: the one that the factory answers for.
  ///
  /// A room that somebody else made is taken for it only after the factory named the same one for the pair.
  public func oneToOneRoom(with address: SIPURI, encrypted: Bool = true) async throws -> RoomSummary {
    let (address, own) = (address.addressOfRecord, account.address.description)
    if address == account.address { throw ChatError.badInput("\(address) is this account itself") }
    let confirmed = try await store.database.read { db in
      try RoomQueries.oneToOne(db, with: address.description, of: own, encrypted: encrypted)
        .flatMap { try RoomQueries.summary(db, $0.address) }
    }
    if let confirmed { return confirmed }
    if encrypted, !keyServer.isThere { throw ChatError.noKeyServer }
    let request = FactoryRequest.oneToOne(with: address, isEncrypted: encrypted)
    let named = try await askFactory(request)
    if let known = try await markConfirmed(named, with: address.description, encrypted: encrypted) { return known }
    let room = try await enter(named, request)
    let others = Set(room.participants.map(\.address)).subtracting([own, address.description])
    guard others.isEmpty else { throw ChatError.notTheOneToOneRoom(address.description) }
    return room
  }

  /// Before anything is sent to a one-to-one room: asks the factory once whether it is the one of its two members.
  /// - Throws: `ChatError.notTheOneToOneRoom` when it is not; it is then shown as any other room.
  func confirmOneToOne(_ room: Room) async throws {
    guard room.isOneToOne else { return }
    let own = account.address.description
    let others = try await store.database.read { db in
      try RoomQueries.participants(db, room: room.address).map(\.address).filter { $0 != own }
    }
    guard room.version > 0 else { throw ChatError.noStateFromFocus(room: room.address) }
    let isOurs: Bool
    if others.count == 1, let other = SIPURI(others[0]) {
      let named = try await askFactory(.oneToOne(with: other, isEncrypted: room.isEncrypted))
      let known = try await markConfirmed(named, with: others[0], encrypted: room.isEncrypted)
      isOurs = known?.room.address == room.address
    } else {
      isOurs = false
    }
    guard !isOurs else { return }
    try await store.database.write { db in
      try db.execute(sql: "UPDATE room SET isOneToOne = 0 WHERE address = ?", arguments: [room.address])
    }
    await reportRoom(room.address)
    let error = ChatError.notTheOneToOneRoom(others.joined(separator: ", "))
    hub.send(.security(room: room.address, device: nil, text: error.description))
    throw error
  }

  /// Marks the room that the factory named as the one of the pair, if it is one that we are in.
  private func markConfirmed(_ named: SIPURI, with member: String, encrypted: Bool) async throws -> RoomSummary? {
    let own = account.address.description
    return try await store.database.write { db in
      guard var room = try Room.find(db, named), room.state == .active, room.isEncrypted == encrypted,
        Set(try RoomQueries.participants(db, room: room.address).map(\.address)).subtracting([own]) == [member]
      else { return nil }
      (room.isOneToOne, room.isConfirmed) = (true, true)
      try room.update(db)
      return try RoomQueries.summary(db, room.address)
    }
  }
}
