// RoomChangeCommands.swift: limeade room invite|remove|admin|rename|ephemeral: what an administrator changes (RFC 4579 §5).
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
      Output.onlyReports = true
      let members = try Create.checked(addresses, try options.accountConfiguration(withPassword: false))
      let summary = try await options.withAccount { session in
        _ = try await session.perform(InviteToRoom(room: room, members: members))
        return try await session.perform(ShowRoom(room)).summary
      }
      Create.noteMissing(members, in: summary)
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove people from a room.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "SIP addresses of members.") var addresses: [String]

    func run() async throws {
      Output.onlyReports = true
      let members = try Create.checked(addresses, try options.accountConfiguration(withPassword: false))
      _ = try await options.perform(RemoveFromRoom(room: room, members: members))
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
      Output.onlyReports = true
      let members = try Create.checked([address], try options.accountConfiguration(withPassword: false))
      _ = try await options.perform(MakeRoomAdmin(room: room, members: members, revoke: revoke))
    }
  }

  struct Rename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give a room another name.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "The new name.") var name: String

    func run() async throws {
      Output.onlyReports = true
      _ = try await options.perform(RenameRoom(room: room, name: name))
    }
  }
  struct Ephemeral: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have the messages of all members deleted some time after being read.",
      discussion: """
        limeade room ephemeral Ops 3600

        For administrators of a room that was made with 'room create --ephemeral' (Flexisip from 2.5 on).
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "Seconds after being read; 0: messages stay.") var seconds: Int

    func run() async throws {
      Output.onlyReports = true
      _ = try await options.perform(SetRoomLifetime(room: room, seconds: seconds))
    }
  }
}
