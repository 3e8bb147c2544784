// RoomChangeCommands.swift: limeade room invite|remove|admin|rename|ephemeral: what an administrator changes (RFC 4579 §5).
import AccountService
import ArgumentParser
import ChatCore
import Foundation

extension RoomCommand {
  struct Invite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add people to a room.",
      discussion: """
        It says who is in the room by it. Exit code 76 when none of them is, as nobody has a device that can take part.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "SIP addresses or contacts; another NAME means one of your own domain.") var addresses: [String]
    @OptionGroup var patience: Patience

    func run() async throws {
      Output.onlyReports = true
      let people = try People(
        addresses, try options.accountConfiguration(withPassword: false), try options.contactFile.read())
      people.noteOtherDomains()
      let wish = InviteToRoom(room: room, members: people.addresses)
      try await options.withAccount { session in
        let (changes, summary) = try await patience.wait(for: people, or: "whether anybody was invited is not known") {
          (try await session.perform(wish), try await session.perform(ShowRoom(room)).summary)
        }
        for change in changes {
          let address = change.address
          switch change.change {
          case .done: MemberLine.show(address, "invited", summary, json: options.json)
          case .already: Output.note("limeade: \(address) is in the room already")
          case .notSeen: Output.note("limeade: \(summary.whyMissing(address))\(people.doubt(of: address))")
          case .refused: Output.note("limeade: \(ExitStatus.line(change.why ?? address))")
          }
        }
        guard changes.contains(where: { [.done, .already].contains($0.change) }) else {
          throw CommandFailure(code: 76, text: "nobody was invited")
        }
      }
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove people from a room.",
      discussion: "It says who was removed. Exit code 76 when nobody was, as none of them was in the room.")

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "SIP addresses or contacts; another NAME means one of your own domain.") var addresses: [String]
    @OptionGroup var patience: Patience

    func run() async throws {
      Output.onlyReports = true
      let people = try People(
        addresses, try options.accountConfiguration(withPassword: false), try options.contactFile.read())
      let wish = RemoveFromRoom(room: room, members: people.addresses)
      try await options.withAccount { session in
        let (changes, summary) = try await patience.wait(for: people, or: "whether anybody was removed is not known") {
          (try await session.perform(wish), try await session.perform(ShowRoom(room)).summary)
        }
        for change in changes {
          let address = change.address
          switch change.change {
          case .done: MemberLine.show(address, "removed", summary, json: options.json)
          case .already: Output.note("limeade: \(address) is not in the room\(people.doubt(of: address))")
          case .notSeen: Output.note("limeade: \(address) is in the room still")
          case .refused: Output.note("limeade: \(ExitStatus.line(change.why ?? address))")
          }
        }
        guard changes.contains(where: { $0.change == .done }) else {
          throw CommandFailure(code: 76, text: "nobody was removed")
        }
      }
    }
  }

  struct Admin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a member an administrator of a room, or take that right away.")

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "SIP address of a member.") var address: String
    @Flag(help: "Take the right away.") var revoke = false
    @OptionGroup var patience: Patience

    func run() async throws {
      Output.onlyReports = true
      let people = try People(
        [address], try options.accountConfiguration(withPassword: false), try options.contactFile.read())
      let wish = MakeRoomAdmin(room: room, members: people.addresses, revoke: revoke)
      try await options.withAccount { session in
        _ = try await patience.wait(for: people, or: "whether the role was changed is not known") {
          try await session.perform(wish)
        }
      }
    }
  }

  struct Rename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give a room another name.")

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "The new name.") var name: String
    @OptionGroup var patience: Patience

    func run() async throws {
      Output.onlyReports = true
      let wish = RenameRoom(room: room, name: name)
      try await options.withAccount { session in
        _ = try await patience.wait(or: "whether it has the new name is not known") { try await session.perform(wish) }
      }
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
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "Seconds after being read; 0: messages stay.") var seconds: Int

    func run() async throws {
      Output.onlyReports = true
      _ = try await options.perform(SetRoomLifetime(room: room, seconds: seconds))
    }
  }
}

/// That somebody came or went by a command.
private enum MemberLine {
  static func show(_ address: String, _ change: String, _ room: RoomSummary, json: Bool) {
    Output.line(
      json
        ? JSONLine.string(["event": "member", "room": room.room.address, "address": address, "change": change])
        : "\(change) \(address)")
  }
}
