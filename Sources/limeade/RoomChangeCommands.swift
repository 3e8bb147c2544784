// RoomChangeCommands.swift: limeade room invite|remove|admin|rename: what an administrator changes (RFC 4579 §5).
import AccountService
import ArgumentParser
import ChatCore
import Foundation
import MessageFormats

extension RoomCommand {
  struct Invite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Add people to a room.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "SIP addresses.") var addresses: [String]

    func run() async throws {
      _ = try await options.perform(InviteToRoom(room: room, members: try SIPAddressList.checked(addresses)))
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove people from a room.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "SIP addresses of members.") var addresses: [String]

    func run() async throws {
      _ = try await options.perform(RemoveFromRoom(room: room, members: try SIPAddressList.checked(addresses)))
    }
  }

  struct Admin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a member an administrator of a room, or take that right away.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "SIP address of a member.") var address: String
    @Flag(help: "Take the right away.") var revoke = false

    func run() async throws {
      _ = try await options.perform(
        MakeRoomAdmin(room: room, members: try SIPAddressList.checked([address]), revoke: revoke))
    }
  }

  struct Rename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give a room another name.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "The new name.") var name: String

    func run() async throws {
      _ = try await options.perform(RenameRoom(room: room, name: name))
    }
  }
}

/// Addresses of the command line: a mistake is found before anything is changed or anybody asked.
private enum SIPAddressList {
  static func checked(_ addresses: [String]) throws -> [String] {
    guard !addresses.isEmpty else { throw ValidationError("name at least one SIP address") }
    return try addresses.map { address in
      guard let uri = SIPURI(address) else { throw CommandFailure.badInput("'\(address)' is not a SIP address") }
      return uri.description
    }
  }
}
