// ChatMessageCommands.swift: /reply, /react, /edit, /retract and /forward in the chat's input line.
import AccountService
import ChatCore
import Foundation
import TerminalUI

extension ChatScreen {
  /// About the chosen message, else the newest that the command fits.
  func runOnMessage(_ call: CommandCall) async {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let author: MessageAuthor =
      switch call.name {
      case "edit", "retract": .own
      case "forward": .anyone
      default: .others
      }
    let chosen = interface.screen.messages.first { $0.id == interface.screen.selected }?.messageID
    let argument = call.arguments.first ?? ""
    let (store, session) = (store, session)
    if call.name == "forward", await isAsked(about: argument, command: "forward") { return }
    order {
      let id = try await store.messageID(chosen ?? "last", in: room, author)
      switch call.name {
      case "reply":
        await self.addOwn(try await session.perform(SendText(to: room, text: argument, replyTo: id, waits: true)))
      case "react": _ = try await session.perform(ReactToMessage(room: room, id: id, emoji: argument))
      case "edit": _ = try await session.perform(EditMessage(room: room, id: id, text: argument))
      case "retract": _ = try await session.perform(RetractMessage(room: room, id: id))
      default:
        // A room that is made for it takes a while.
        self.inBackground { _ = try await session.performBeside(ForwardMessage(room: room, id: id, to: argument)) }
      }
      if self.interface.screen.hasNewer { await self.open(room) }
      self.interface.screen.selected = nil
      self.interface.screen.scroll = .end
    }
  }

  /// A reaction, edit, retraction or expiry.
  func show(_ change: MessageChange) async {
    if let failure = change.failure { note("a change was not sent: \(failure)", level: .error, room: change.room) }
    await refreshRoom(change.room)
    guard change.room == interface.screen.openRoom else { return }
    if change.kind == .expired {
      interface.screen.messages.removeAll { $0.messageID == change.messageID && $0.senderID == change.sender }
    } else if interface.screen.messages.contains(where: { $0.messageID == change.messageID }) {
      await refresh(messageID: change.messageID, in: change.room)
    } else if let entry = try? await store.message(room: change.room, messageID: change.messageID) {
      // An edit of a message that was not here.
      await add(entry.message)
    }
  }
}
