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
    // It may be older than what is on the screen.
    let selected = interface.screen.selected
    var chosen = interface.screen.messages.last { $0.id == selected }?.messageID
    if chosen == nil, let number = selected.flatMap({ Int64($0.dropFirst()) }) {
      chosen = try? await store.message(number: number)?.message.messageID
      guard chosen != nil else { return complain("the message that this was about is gone: Alt-p chooses another") }
    }
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
      default: self.forward(id, from: room, to: argument, call)
      }
      if call.name == "reply" || call.name == "react" { self.readAll(room) }
      if self.interface.screen.hasNewer { await self.open(room) }
      self.interface.screen.selected = nil
      self.interface.screen.scroll = .end
    }
  }

  /// A room that is made for it takes a while. What was encrypted goes into a room that is not when Enter is pressed
  /// once more.
  private func forward(_ id: String, from room: String, to target: String, _ call: CommandCall) {
    let (store, session) = (store, session)
    if let question, question.call == call, question.room == room, question.message == id {
      let wish = ForwardMessage(room: room, id: id, to: question.target, unencrypted: true)
      self.question = nil
      return inBackground { _ = try await session.performBeside(wish) }
    }
    inBackground {
      let known = try? await self.summary(named: target)
      let found = if let known { known } else { try await session.performBeside(OpenRoom(to: target)) }
      let message = try await store.message(room: room, messageID: id)?.message
      let source = try await store.summary(ofRoom: room)?.room
      if !found.room.isEncrypted, message?.isEncrypted == true || source?.isEncrypted == true {
        await self.ask(
          Question(call: call, room: room, message: id, target: found.room.address), of: found)
      } else {
        _ = try await session.performBeside(ForwardMessage(room: room, id: id, to: found.room.address))
      }
    }
  }

  /// Asks whether an encrypted message is to go into a plain room: the line is there again, to be entered once more.
  private func ask(_ question: Question, of target: RoomSummary) {
    let name = names.room(target)
    guard question.room == interface.screen.openRoom, interface.screen.input.isEmpty,
      let row = interface.screen.messages.first(where: { $0.messageID == question.message })
    else {
      return complain("\(name) is not encrypted: the message was not forwarded; /forward \(name) once more asks again")
    }
    interface.screen.input.replace(with: "/forward \(question.call.arguments.joined(separator: " "))")
    interface.mark(row.id)
    self.question = question
    interface.screen.status.error =
      "\(name.prefix(20)) is not encrypted: Enter again forwards it there"
    paintSoon()
  }

  /// What a second Enter confirms.
  struct Question: Equatable {
    var call: CommandCall
    var room: String
    var message: String
    var target: String
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
