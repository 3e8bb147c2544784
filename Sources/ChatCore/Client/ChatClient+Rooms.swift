// ChatClient+Rooms.swift: what a user does with rooms.
import Foundation
import MessageFormats

extension ChatClient {
  /// Rooms, the last used first.
  public func rooms() async throws -> [RoomSummary] { try await store.rooms() }

  /// What a user's TO means: a SIP address is the one-to-one room with that person, anything else a known room
  /// (`RoomLookup`). Without a connection those that are known.
  /// - Throws: `ChatError.noRoomYet` when the server that would make the room is away.
  public func room(for target: String) async throws -> RoomSummary {
    switch try await store.target(target, for: account.address) {
    case .room(let room): return room
    case .person(let address): return try await room(withPerson: address)
    case .newcomer(let address, let known):
      do { return try await room(withPerson: address) } catch let error as ChatError where error.isRefusal {
        throw ChatError.nobodyCalled(target, address: address.description, known: known)
      } catch ChatError.noRoomYet {
        // Nothing here is called so, and nobody can be asked.
        throw ChatError.unknownRoom(target, known: known)
      }
    }
  }

  private func room(withPerson address: SIPURI) async throws -> RoomSummary {
    if let known = try await oneToOne.known(with: address) { return known }
    do { try await waitUntilConnected() } catch let error as ChatError where error.mayPass {
      throw ChatError.noRoomYet(person: address.description, cause: error.description)
    }
    return try await oneToOne.room(with: address)
  }

  /// Makes a room through the conference factory and waits for its first state.
  /// - Parameter lifetime: seconds that messages of all members live after being read; nil when each decides for its own.
  /// - Returns: the room with its members.
  public func createRoom(
    named subject: String, members: [SIPURI], encrypted: Bool = true, oneToOne: Bool = false, lifetime: Int? = nil
  ) async throws -> RoomSummary {
    try await entry.createRoom(
      named: subject, members: members, encrypted: encrypted, oneToOne: oneToOne, lifetime: lifetime)
  }

  /// The one-to-one room with `address`, made if absent: the one that the factory answers for.
  ///
  /// A room that somebody else made is taken for it only after the factory named the same one for the pair.
  public func oneToOneRoom(with address: SIPURI, encrypted: Bool = true) async throws -> RoomSummary {
    try await oneToOne.room(with: address, encrypted: encrypted)
  }

  /// Enters a room that a stranger made.
  public func accept(_ invitation: Invitation) async throws -> RoomSummary { try await entry.accept(invitation) }

  /// Makes somebody a member of a room that this account administers.
  @discardableResult
  public func invite(_ address: SIPURI, to room: String) async throws -> MembershipChange {
    try await administration.invite(address, to: room)
  }

  /// Takes a member out of a room that this account administers.
  @discardableResult
  public func remove(_ address: SIPURI, from room: String) async throws -> MembershipChange {
    try await administration.remove(address, from: room)
  }

  /// Makes a member an administrator, or an administrator an ordinary member.
  public func makeAdmin(_ address: SIPURI, in room: String, _ isAdmin: Bool = true) async throws {
    try await administration.makeAdmin(address, in: room, isAdmin)
  }

  /// Renames a room that this account administers.
  public func rename(_ room: String, to subject: String) async throws {
    try await administration.rename(room, to: subject)
  }

  /// Sets how many seconds messages of all members live after being read, in a room made with a lifetime that this
  /// account administers; 0 when they stay.
  public func setLifetime(of room: String, to seconds: Int) async throws {
    try await administration.setLifetime(room, to: seconds)
  }

  /// Leaves the room: un-SUBSCRIBE and BYE.
  public func leave(_ address: String) async throws { try await administration.leave(address) }

  /// Removes a room with its messages from this device. The focus is told, if it listens, for at most `limit`.
  public func forget(_ address: String, within limit: Duration = .seconds(5)) async throws {
    try await administration.forget(address, within: limit)
  }
}
