// ChatQuietCommands.swift: /mute, /notify, /set, /block and the invitations of strangers in the chat's input line.
import AccountService
import ChatCore
import Foundation
import TerminalUI

extension ChatScreen {
  /// - Parameter line: the one of `RoomNoticeLines` that says what is so now.
  func set(_ wish: SetRoomNotices, line: Int) {
    order {
      _ = try await self.session.perform(wish)
      guard let now = try await self.store.summary(ofRoom: wish.room) else { return }
      self.update(now)
      self.note(RoomNoticeLines.all(now.room, await self.store.settled(self.account))[line], room: wish.room)
    }
  }

  func quiet(_ call: CommandCall) async {
    var words = call.arguments
    let isForAccount = call.name == "set" && words.first?.lowercased() == "account"
    if isForAccount { words.removeFirst() }
    guard isForAccount || openRoom != nil else { return complain("no room is open: /join ROOM") }
    let room = openRoom?.room
    do {
      switch call.name {
      case "mute": set(try checked(SetRoomNotices(room?.address ?? "", mute: words.first ?? "on")), line: 2)
      case "notify": set(try checked(SetRoomNotices(room?.address ?? "", notify: words.first)), line: 2)
      case _ where words.isEmpty: await showSettings()
      case _ where words.count == 2:
        let account = await store.settled(account)
        let now = isForAccount ? account.receipts : room?.receipts(in: account) ?? account.receipts
        let (receipts, typing) = try Self.setting(words[0].lowercased(), words[1].lowercased(), now)
        guard isForAccount else {
          return set(
            try checked(SetRoomNotices(room?.address ?? "", receipts: receipts, typing: typing)),
            line: typing == nil ? 0 : 1)
        }
        let wish = SetAccountNotices(receipts: receipts, typing: typing)
        order {
          _ = try await self.session.perform(wish)
          await self.showSettings()
        }
      default: complain("usage: /set [account] [NAME VALUE], as /set send-displayed off")
      }
    } catch { complain(ExitStatus.text(of: error)) }
  }

  private func checked(_ wish: SetRoomNotices) throws -> SetRoomNotices {
    try wish.check()
    return wish
  }

  /// What a name and "on", "off" or "account" mean, with the receipts as they are now.
  static func setting(
    _ name: String, _ value: String, _ now: ReceiptPolicy
  ) throws -> (receipts: String?, typing: String?) {
    switch (name, value) {
    case ("typing", _): return (nil, value)
    case ("receipts", _), ("send-displayed", "account"), ("send-delivered", "account"): return (value, nil)
    case ("send-displayed", "on"): return ("all", nil)
    case ("send-displayed", "off"): return (now == .none ? "none" : "delivered", nil)
    case ("send-delivered", "on"): return (now == .all ? "all" : "delivered", nil)
    case ("send-delivered", "off"): return ("none", nil)
    case ("send-displayed", _), ("send-delivered", _):
      throw ChatError.badInput("\(name) is on, off, or account, not '\(value)'")
    default: throw ChatError.badInput("no setting '\(name)': they are send-displayed, send-delivered, receipts, typing")
    }
  }

  private func showSettings() async {
    let account = await store.settled(account)
    var lines = [
      "for the account", "  receipts   \(account.receipts.rawValue)", "  typing     \(account.typing ? "on" : "off")",
    ]
    if let summary = openRoom {
      lines += ["", names.room(summary)] + RoomNoticeLines.all(summary.room, account).map { "  " + $0 }
    }
    show("Settings", lines)
  }

  // MARK: People

  func block(_ call: CommandCall) {
    guard let address = call.arguments.first else {
      return show("Blocked", blocked.isEmpty ? ["nobody is blocked"] : blocked.sorted())
    }
    let isBlocked = call.name == "block"
    order {
      let all =
        isBlocked
        ? try await self.session.perform(BlockAddress(address))
        : try await self.session.perform(UnblockAddress(address))
      self.blocked = Set(all)
      await self.reloadRooms()
      if let room = self.interface.screen.openRoom { await self.open(room) }
      self.note(
        isBlocked
          ? "nothing of \(address) is shown here, and it is told nothing: /unblock \(address)"
          : "what \(address) writes is shown")
    }
  }

  // MARK: Invitations

  /// At the start: what waited before.
  func tellInvitations() async {
    let waiting = ((try? await store.invitations()) ?? []).filter { !$0.isDeclined }
    guard let first = waiting.first else { return }
    let words = first.words(name: names.short)
    note(
      waiting.count == 1
        ? "you are invited to \(words): /accept or /decline" : "\(waiting.count) invitations wait: /invitations",
      level: .warning)
  }

  func showInvitations() async {
    let all = (try? await store.invitations()) ?? []
    let lines = all.map { invitation in
      (invitation.isDeclined ? "declined  " : "waits     ") + invitation.words(name: names.short)
        + "  \(invitation.room)"
    }
    show("Invitations", lines.isEmpty ? ["no invitation waits"] : lines)
  }

  func answerInvitation(_ call: CommandCall) {
    let room = call.arguments.first
    guard call.name == "accept" else {
      return order {
        let invitation = try await self.session.perform(DeclineInvitation(room))
        self.note("declined \(invitation.words(name: self.names.short)); nobody is told")
      }
    }
    let session = session
    inBackground {
      let summary = try await session.performBeside(AcceptInvitation(room))
      await self.reloadRooms()
      await self.open(summary.room.address)
      await self.paintSoon()
    }
  }
}
