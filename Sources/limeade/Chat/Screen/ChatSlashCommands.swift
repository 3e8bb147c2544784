// ChatSlashCommands.swift: what the commands of the chat's input line do.
import AccountService
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

enum ChatSlashCommands {
  static let table = CommandTable.standard
}

extension ChatScreen {
  func run(_ call: CommandCall) async {
    switch call.name {
    case "help":
      let command = call.arguments.first.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
      let commands = interface.commands.help(for: command)
      guard !commands.isEmpty else { return complain("no command /\(command ?? ""); /help lists them") }
      let all = command == nil
      show("Help", commands + (all ? [""] + interface.keymap.help + [""] + interface.screen.glyphs.legend : []))
    case "join": await join(call.arguments[0])
    case "create", "create-plain":
      create(
        named: call.arguments[0], addresses: Array(call.arguments.dropFirst()), isEncrypted: call.name == "create")
    case "mute", "notify", "set": await quiet(call)
    case "block", "unblock": block(call)
    case "invitations": await showInvitations()
    case "accept", "decline": answerInvitation(call)
    case "rooms": chooseRoom(call.arguments.first)
    case "info": await info()
    case "pin": await pin(call.arguments.first)
    case "verify": await verify(call.arguments.first)
    case "trust": order { try await self.change(.trust, device: call.arguments[0]) }
    case "admit": order { try await self.change(.admit, device: call.arguments[0]) }
    case "exclude": order { try await self.change(.exclude, device: call.arguments[0]) }
    case "distrust": order { try await self.change(.distrust, device: call.arguments[0]) }
    case "forget": order { try await self.change(.forget, device: call.arguments[0]) }
    case "resend": await resend()
    case "keys": await showKeys()
    case "errors":
      let lines = errors.lines
      show("Errors, the newest first", lines.isEmpty ? ["nothing went wrong since this program was started"] : lines)
    case "publish": publish()
    case "account": await showAccount()
    case "file": sendFiles([call.arguments[0]], text: call.arguments.dropFirst().joined(separator: " "))
    case "files": await showFiles()
    case "ephemeral": send(call.arguments[1], lifetime: Int(call.arguments[0]) ?? 0)
    case "send-trusted": send(call.arguments[0], requireTrust: true)
    case "save": await saveFile(call.arguments)
    case "picture": await showPicture(named: call.arguments.first)
    case "open": await open(number: call.arguments.first)
    case "copy": await copy(number: call.arguments.first)
    case "cancel": await cancelTransfers()
    case "export": export(to: call.arguments[0], as: call.arguments.last == "json" ? .json : .text)
    case "reply", "react", "edit", "retract", "forward": await runOnMessage(call)
    default: change(call)
    }
  }

  private func create(named name: String, addresses: [String], isEncrypted: Bool) {
    let session = session
    do {
      let members = try addresses.map(address)
      let wish = CreateRoom(name: name, members: members, plain: !isEncrypted)
      inBackground {
        let room = try await self.during("making the room \(name)…") { try await session.performBeside(wish) }
        await self.reloadRooms()
        await self.open(room.room.address)
        await self.noteMissing(members, in: room)
        await self.paintSoon()
      }
    } catch { complain(ExitStatus.text(of: error)) }
  }

  /// Commands that change the open room.
  private func change(_ call: CommandCall) {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let session = session
    do {
      switch call.name {
      case "leave": inBackground { _ = try await session.performBeside(LeaveRoom(room)) }
      case "rename":
        let wish = RenameRoom(room: room, name: call.arguments.joined(separator: " "))
        inBackground { _ = try await session.performBeside(wish) }
      case "room-ephemeral":
        guard let seconds = Int(call.arguments[0]) else {
          return complain("'\(call.arguments[0])' is no number of seconds")
        }
        let wish = SetRoomLifetime(room: room, seconds: seconds)
        inBackground { _ = try await session.performBeside(wish) }
      case "receipts", "typing":
        let isTyping = call.name == "typing"
        let wish = SetRoomNotices(
          room, receipts: isTyping ? nil : call.arguments[0], typing: isTyping ? call.arguments[0] : nil)
        try wish.check()
        set(wish, line: isTyping ? 1 : 0)
      case "invite":
        let members = try call.arguments.map(address)
        let (store, wish) = (store, InviteToRoom(room: room, members: members))
        inBackground {
          let changes = try await session.performBeside(wish)
          if let now = try await store.summary(ofRoom: room) { await self.noteMissing(members, in: now) }
          await self.noteRefusals(changes, room: room)
          await self.paintSoon()
        }
      case "remove":
        let wish = RemoveFromRoom(room: room, members: try call.arguments.map(address))
        inBackground {
          let changes = try await session.performBeside(wish)
          await self.noteRefusals(changes, room: room)
          for change in changes where change.change == .already {
            await self.note("\(change.address) is not in the room", level: .warning, room: room)
          }
        }
      case "admin", "unadmin":
        let wish = MakeRoomAdmin(
          room: room, members: try call.arguments.map(address), revoke: call.name == "unadmin")
        inBackground { _ = try await session.performBeside(wish) }
      default: complain("no command /\(call.name)")
      }
    } catch { complain(ExitStatus.text(of: error)) }
  }

  /// Says who was invited and did not come in.
  private func noteMissing(_ members: [String], in summary: RoomSummary) {
    for address in summary.missing(of: members) {
      note(summary.whyMissing(address), level: .warning, room: summary.room.address)
    }
  }

  /// When all are refused, that is an error and told as one.
  private func noteRefusals(_ changes: [MemberChange], room: String) {
    for change in changes { if let why = change.why { note(why, level: .warning, room: room) } }
  }

  func show(_ title: String, _ lines: [String]) {
    interface.screen.page = TextPage(title: title, lines: lines)
  }

  private func info() async {
    guard let summary = openRoom else { return complain("no room is open: /join ROOM") }
    let room = summary.room
    let trust =
      (try? await store.trust(room: room.address, curve: account.curve))
      ?? RoomTrust(isEncrypted: room.isEncrypted, devices: [])
    var lines = [
      "room        \(names.room(summary))", "address     \(room.address)", "security    \(trust.level.words)",
    ]
    if let lifetime = room.lifetimeText { lines.append("messages    \(lifetime)") }
    lines +=
      RoomNoticeLines.all(room, await store.settled(account)).map {
        $0.replacing("  ", with: "   ", maxReplacements: 1)
      } + [""]
    for member in interface.screen.members {
      lines.append("member      \(member.id)\(member.isAdmin ? ", administrator" : "")")
      for device in member.devices { lines.append("  device    \(device.id), \(device.trust.words)") }
    }
    show("Room", await messageInfo(room.address) + lines)
  }

  /// Who has the chosen message, else the newest, and which device it is from.
  private func messageInfo(_ room: String) async -> [String] {
    let entry: MessageWithDeliveries?
    if let chosen = chosenNumber {
      entry = try? await store.message(number: chosen)
    } else {
      entry = try? await store.history(HistoryRequest(room: room, limit: 1)).last
    }
    guard let entry else { return [] }
    let message = entry.message
    var lines = [
      "message     \(message.messageID), \(Clock().stamp(of: message.time)), from \(names.short(message.sender))"
    ]
    if let device = message.senderDevice { lines.append("  device    \(device)") }
    if message.isStranger { lines.append("  WARNING   that is no member's device: anybody may have written this") }
    if let claimed = message.claimedTime { lines.append("  its clock \(Clock().stamp(of: claimed))") }
    if let original = message.original { lines.append("  before    \(original)") }
    if message.isOriginalMissing { lines.append("  before    not here: only its author says that there was something") }
    if let lifetime = message.lifetimeText {
      let end = message.expiresAt.map { ": at \(Clock().stamp(of: $0))" } ?? ""
      lines.append("  lifetime  \(lifetime)\(end)")
    }
    for delivery in entry.deliveries {
      let words = [delivery.state.rawValue, delivery.time.map { Clock().stamp(of: $0) }, delivery.reason].compactMap(
        \.self)
      lines.append(
        "  \(names.short(delivery.participant).padding(toLength: 9, withPad: " ", startingAt: 0)) "
          + words.joined(separator: ", "))
    }
    return lines + [""]
  }

  /// Sends the newest message that failed once more, as a new one.
  private func resend() async {
    guard openRoom != nil else { return complain("no room is open: /join ROOM") }
    let failed = interface.screen.messages.last { row in
      if case .failed = row.delivery { row.isOwn } else { false }
    }
    guard let failed else { return complain("no message of this room has failed; what waits is sent by itself") }
    guard let number = failed.position?.id, let message = try? await store.message(number: number)?.message
    else { return complain("the message is gone") }
    let (session, again) = (session, ResendMessage(room: message.room, id: message.messageID))
    guard message.files.isEmpty else {
      // A large file takes a while to be copied and encrypted.
      return inBackground {
        await self.addOwn(try await session.performBeside(again))
        await self.paintSoon()
      }
    }
    order { await self.addOwn(try await session.perform(again)) }
  }

  /// What `limeade send` does with its options.
  private func send(_ text: String, lifetime: Int? = nil, requireTrust: Bool = false) {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let (session, message) = (
      session,
      SendText(
        to: room, text: text, requireTrust: requireTrust, ephemeral: lifetime, waits: true)
    )
    order { await self.addOwn(try await session.perform(message)) }
  }

  private func showFiles() async {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let files = await recentEntries(of: room).flatMap { entry in
      let head = "\(Clock().stamp(of: entry.message.time))  \(names.short(entry.message.sender))  "
      return transfers.lines(of: entry.message).map { head + $0 }
    }
    show("Files, the newest first", files.isEmpty ? ["this room has no files"] : files.reversed())
  }

  private func showKeys() async {
    await attempt {
      guard let keys = try await self.store.keys(curve: self.account.curve) else { throw ChatError.noKeys }
      self.show("Keys", KeysCommand.Show.lines(keys, self.names.contacts))
    }
  }

  private func publish() {
    inBackground {
      let update = try await self.session.performBeside(PublishKeys())
      for line in KeysCommand.Publish.lines(update) { await self.note(line) }
      await self.paintSoon()
    }
  }

  private func showAccount() async {
    await attempt {
      let rows = AccountCommand.Show.rows(
        self.account, device: try await self.store.deviceID(), data: self.store.directory)
      self.show(
        "Account", rows.map { name, value in name.padding(toLength: 20, withPad: " ", startingAt: 0) + (value ?? "-") })
    }
  }

  /// A contact, or `bob` of the account's own domain.
  private func address(_ text: String) throws -> String {
    try store.person(text, for: account.address).description
  }
}
