// InvitationCommands.swift: limeade room invitations|accept|decline: rooms that strangers made (invitations = "ask").
import AccountService
import ArgumentParser
import ChatCore
import Foundation

extension RoomCommand {
  struct Invitations: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the rooms of strangers that wait for you.",
      discussion: """
        With invitations = "ask" in the account's configuration a room opens by itself only if it was made by somebody \
        whom you have written with. Until you accept another one, its server hears from you what it hears from a device \
        that is away.
        """)

    @OptionGroup var options: GlobalOptions
    @Flag(help: "Also those that were declined.") var all = false

    func run() async throws {
      for invitation in try await options.perform(ListInvitations()) where all || !invitation.isDeclined {
        guard !options.json else { return Output.line(JSONLine.string(invitation.jsonFields)) }
        let state = invitation.isDeclined ? " (declined)" : ""
        Output.line("\(SafeLine.text(invitation.words { $0 }))\(state)  \(invitation.room)")
      }
    }
  }

  struct Accept: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Enter a room that a stranger made.",
      discussion: "Also one that was declined before. Messages that were sent to it meanwhile come then.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The room's address, the beginning of its name, or who is in the chat; the only one without it.")
    var room: String?

    func run() async throws {
      Output.onlyReports = true
      let account = try options.accountConfiguration(withPassword: false)
      let wish = AcceptInvitation(room)
      let summary = try await options.withAccount { try await $0.perform(wish) }
      let name = summary.displayName(for: account.address)
      if options.json {
        Output.line(JSONLine.string(["event": "room"].merging(summary.jsonFields(name: name)) { $1 }))
      } else {
        Output.line("entered \(SafeLine.text(name))")
      }
    }
  }

  struct Decline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stay out of a room that a stranger made.",
      discussion: "Nobody is told. 'room accept' enters it later after all.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "As for accept.") var room: String?

    func run() async throws {
      let invitation = try await options.perform(DeclineInvitation(room))
      if options.json {
        Output.line(JSONLine.string(["event": "room", "room": invitation.room, "state": "declined"]))
      } else {
        Output.line("declined \(SafeLine.text(invitation.words { $0 }))")
      }
    }
  }

  struct Mute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Keep the chat from announcing a room.",
      discussion: """
        limeade room mute Ops --for 2h

        No bell and no notification; what is unread is counted. 'room set --notify' says for good what is announced.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A room's address or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Option(name: .customLong("for"), help: ArgumentHelp("How long: 30m, 2h, 1d, 1w.", valueName: "time"))
    var time: String?
    @Flag(help: "Announce it again.") var off = false

    func validate() throws {
      guard time == nil || !off else { throw ValidationError("--for and --off exclude each other") }
      do { try SetRoomNotices(room, mute: time).check() } catch { throw ValidationError(ExitStatus.text(of: error)) }
    }

    func run() async throws {
      let wish = SetRoomNotices(room, mute: off ? "off" : time ?? "on")
      let room = try await options.withAccount { session in
        _ = try await session.perform(wish)
        return try await session.perform(ShowRoom(wish.room)).summary.room
      }
      if options.json {
        var fields: [String: Any] = ["event": "room", "room": room.address, "muted": room.isMuted()]
        fields["mutedUntil"] = room.mutedUntil.map(JSONLine.time)
        Output.line(JSONLine.string(fields))
      } else {
        Output.line(RoomNoticeLines.quiet(room))
      }
    }
  }
}
