// RoomCommand.swift: limeade room create|list|show|leave|forget; what an administrator changes is in RoomChangeCommands.
import AccountService
import ArgumentParser
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

struct RoomCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "room", abstract: "Make, list, show, change and leave chat rooms.",
    subcommands: [
      Create.self, List.self, Show.self, Invite.self, Remove.self, Admin.self, Rename.self, Ephemeral.self, Set.self,
      Mute.self, Invitations.self, Accept.self, Decline.self, Leave.self, Forget.self,
    ])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a room through the conference factory and invite people.",
      discussion: """
        limeade room create "Lab team" sip:bob@sip.example.org carol

        Exit code 76 when nobody else is in the room: nobody has a device that can take part.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The room's name.") var name: String
    @Argument(help: "SIP addresses of the members, or contacts; another NAME means one of your own domain.")
    var addresses: [String]
    @Flag(help: "Without end-to-end encryption.") var plain = false
    @Option(
      help: ArgumentHelp(
        "Messages of all members are deleted this many seconds after being read; administrators change it.",
        valueName: "seconds"))
    var ephemeral: Int?
    @OptionGroup var patience: Patience

    func run() async throws {
      Output.onlyReports = true
      let account = try options.accountConfiguration(withPassword: false)
      let people = try People(addresses, account, try options.contactFile.read())
      people.noteOtherDomains()
      let wish = CreateRoom(name: name, members: people.addresses, plain: plain, ephemeral: ephemeral)
      try await options.withAccount { session in
        let room = try await patience.wait(for: people, or: "whether the room was made is not known") {
          try await session.perform(wish)
        }
        RoomPrinter.show(room, account: account, options)
        let missing = room.missing(of: people.withoutOwn)
        for address in missing { Output.note("limeade: \(room.whyMissing(address))\(people.doubt(of: address))") }
        guard missing.count < people.withoutOwn.count else {
          throw CommandFailure(
            code: 76, text: "nobody was invited: you are alone in the room, which 'limeade room invite' can change")
        }
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the rooms this account knows.")

    @OptionGroup var options: GlobalOptions
    @Flag(help: "Also rooms that were left.") var all = false

    func run() async throws {
      let account = try options.accountConfiguration(withPassword: false)
      let names = options.names(for: account)
      for room in try await options.perform(ListRooms()) where all || room.room.state != .left {
        let name = options.json ? room.displayName(for: account.address) : names.roomLine(room)
        if options.json {
          Output.line(JSONLine.string(room.jsonFields(name: name).merging(["event": "room"]) { $1 }))
        } else {
          let kind = room.room.isEncrypted ? "encrypted" : "plain"
          let unread = room.unread == 0 ? "" : ", \(room.unread) unread"
          Output.line(
            "\(SafeLine.text(name)) (\(kind), \(room.room.state.rawValue), \(room.participants.count) members\(unread))"
          )
        }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a room with its members and their devices.")

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String

    func run() async throws {
      var account = try options.accountConfiguration(withPassword: false)
      account = await (try options.store(for: account, exclusive: false)).settled(account)
      let shown = try await options.perform(ShowRoom(room))
      RoomPrinter.show(
        shown.summary, account: account, options, devices: shown.devices, trust: shown.trust)
    }
  }

  struct Leave: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Leave a room.")

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @OptionGroup var patience: Patience

    func run() async throws {
      Output.onlyReports = true
      let account = try options.accountConfiguration(withPassword: false)
      let wish = LeaveRoom(room)
      let summary = try await options.withAccount { session in
        try await patience.wait(or: "whether the room was left is not known") { try await session.perform(wish) }
      }
      if options.json {
        Output.line(JSONLine.string(["event": "room", "room": summary.room.address, "state": "left"]))
      } else {
        Output.line("left \(SafeLine.text(options.names(for: account).roomLine(summary)))")
      }
    }
  }
}

/// What a room is told, as `room show`, `room set` and /info say it.
enum RoomNoticeLines {
  static func all(_ room: Room, _ account: AccountConfiguration) -> [String] {
    let (receipts, typing) = (room.receipts(in: account).rawValue, room.typing(in: account) ? "on" : "off")
    return [
      "receipts   \(receipts)\(room.receipts == nil ? "" : ", for this room")",
      "typing     \(typing)\(room.typing == nil ? "" : ", for this room")",
      quiet(room),
    ]
  }

  /// What of the room is announced.
  static func quiet(_ room: Room) -> String {
    let level = room.notify.map { "\($0.rawValue), for this room" } ?? "as [ui] says"
    guard room.isMuted(), let end = room.mutedUntil else { return "announced  \(level)" }
    return "announced  none" + (end == MuteTime.unlimited ? "" : " until \(Clock().stamp(of: end))") + ": muted"
  }
}

extension RoomCommand {
  struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a room with its messages from this device.",
      discussion: """
        The room is left first, if its server answers within five seconds. 'limeade history ROOM --output FILE' saves the \
        messages before.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String

    func run() async throws {
      let account = try options.accountConfiguration(withPassword: false)
      let summary = try await options.perform(ForgetRoom(room))
      if options.json {
        Output.line(JSONLine.string(["event": "room", "room": summary.room.address, "state": "forgotten"]))
      } else {
        Output.line("forgot \(SafeLine.text(options.names(for: account).roomLine(summary)))")
      }
    }
  }
}

private enum RoomPrinter {
  /// - Parameter trust: nil where only the making of a room is reported.
  static func show(
    _ summary: RoomSummary, account: AccountConfiguration, _ options: GlobalOptions, devices: [Device] = [],
    trust: RoomTrust? = nil
  ) {
    let known = Dictionary((trust?.devices ?? []).map { ($0.device, $0) }) { first, _ in first }
    let names = options.names(for: account)
    if options.json {
      var fields = summary.jsonFields(name: summary.displayName(for: account.address))
      if !devices.isEmpty {
        fields["devices"] = devices.map { device -> [String: Any] in
          known[device.gruu]?.jsonFields ?? ["address": device.participant, "device": device.gruu]
        }
      }
      fields["event"] = "room"
      fields["security"] = trust?.level.rawValue
      fields["receipts"] = summary.room.receipts(in: account).rawValue
      fields["typing"] = summary.room.typing(in: account)
      fields["notify"] = summary.room.notify?.rawValue
      fields["mutedUntil"] = summary.room.isMuted() ? summary.room.mutedUntil.map(JSONLine.time) : nil
      Output.line(JSONLine.string(fields))
      return
    }
    Output.line(SafeLine.text(names.roomLine(summary)))
    Output.line("  address    \(summary.room.address)")
    Output.line("  encrypted  \(summary.room.isEncrypted ? "yes (LIME)" : "no")")
    if let trust, trust.isEncrypted {
      Output.line(
        "  security   \(trust.level.words) (\(trust.trustedCount) of \(trust.devices.count) devices trusted)")
    }
    Output.line("  state      \(summary.room.state.rawValue)")
    if let lifetime = summary.room.lifetimeText { Output.line("  ephemeral  messages are \(lifetime)") }
    for line in RoomNoticeLines.all(summary.room, account) { Output.line("  \(line)") }
    for member in summary.participants {
      Output.line("  member     \(names.full(member.address))\(member.isAdmin ? " (admin)" : "")")
      for device in devices where device.participant == member.address {
        Output.line("    device   \(device.gruu)\(mark(known[device.gruu], device, trust))")
      }
    }
  }

  private static func mark(_ known: DeviceTrust?, _ device: Device, _ trust: RoomTrust?) -> String {
    guard let trust, trust.isEncrypted else { return "" }
    guard let known else { return " (this device)" }
    return known.refusedFingerprint == nil
      ? " (\(known.words))" : " (\(known.words), ANOTHER IDENTITY KEY WAS OFFERED)"
  }
}
