// RoomChangeCommands.swift: limeade room invite|remove|admin|rename: what an administrator changes (RFC 4579 §5).
import ArgumentParser
import ChatCore
import Foundation
import MessageFormats

extension RoomCommand {
  struct Invite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Add people to a room.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.") var room: String
    @Argument(help: "SIP addresses.") var addresses: [String]

    func run() async throws {
      try await options.changeRoom(room, addresses) { try await $0.invite($1, to: $2) }
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove people from a room.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.") var room: String
    @Argument(help: "SIP addresses of members.") var addresses: [String]

    func run() async throws {
      try await options.changeRoom(room, addresses) { try await $0.remove($1, from: $2) }
    }
  }

  struct Admin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a member an administrator of a room, or take that right away.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.") var room: String
    @Argument(help: "SIP address of a member.") var address: String
    @Flag(help: "Take the right away.") var revoke = false

    func run() async throws {
      let isAdmin = !revoke
      try await options.changeRoom(room, [address]) { try await $0.makeAdmin($1, in: $2, isAdmin) }
    }
  }

  struct Rename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give a room another name.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.") var room: String
    @Argument(help: "The new name.") var name: String

    func run() async throws {
      try await options.withClient { client in
        let summary = try await client.store.room(named: room, for: client.account.address)
        try await client.rename(summary.room.address, to: name)
      }
    }
  }
}

extension GlobalOptions {
  /// Carries out `change` for each address in the room that `name` means. A refusal ends it with its reason.
  fileprivate func changeRoom(
    _ name: String, _ addresses: [String], _ change: (ChatClient, SIPURI, String) async throws -> Void
  ) async throws {
    let members = try addresses.map { address in
      guard let uri = SIPURI(address) else { throw CommandFailure.badInput("'\(address)' is not a SIP address") }
      return uri
    }
    guard !members.isEmpty else { throw ValidationError("name at least one SIP address") }
    try await withClient { client in
      let room = try await client.store.room(named: name, for: client.account.address).room.address
      for member in members { try await change(client, member, room) }
    }
  }
}
