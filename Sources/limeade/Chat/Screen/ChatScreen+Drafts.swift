// ChatScreen+Drafts.swift: what is typed in each room outlives the program.
import ChatCore
import Foundation
import TerminalUI

extension ChatScreen {
  /// The name of no room, in the record.
  private static let noRoom = ""

  /// Before the first room is opened.
  func restoreDrafts() async {
    for draft in drafts?.load() ?? [] {
      let room = draft.room == Self.noRoom ? nil : draft.room
      interface.restore(draft.text, about: draft.about.map { "m\($0)" }, in: room)
    }
    await recoverEditedText()
    await rememberLines(of: Self.noRoom)
  }

  /// The lines entered in a room, once it is opened: there may be a thousand rooms.
  func rememberLines(of room: String) async {
    guard remembered.insert(room).inserted, let lines = await drafts?.lines(of: room), !lines.isEmpty else { return }
    interface.remember(earlier: lines, in: room == Self.noRoom ? nil : room)
  }

  /// After each key, and before another room is opened: the open room's text as it stands.
  func noteDraft() {
    for line in interface.takeEntered() { remember(line.text, in: line.room) }
    guard let drafts else { return }
    let (input, room) = (interface.screen.input, interface.screen.openRoom ?? Self.noRoom)
    let about = input.subject.flatMap { Int64($0.dropFirst()) }
    drafts.note(Draft(room: room, text: input.text, about: input.text.isEmpty ? nil : about))
  }

  /// What was typed while no room was open is in the open one.
  func moveDraft() {
    noteDraft()
    drafts?.note(Draft(room: Self.noRoom, text: ""))
  }

  /// Where messages delete themselves, nothing of them stays behind.
  private func remember(_ line: String, in room: String?) {
    let summary = summaries.first { $0.room.address == room }
    guard summary?.room.lifetimeText == nil else { return }
    drafts?.entered(line, in: room ?? Self.noRoom)
  }

  /// What could not be sent is in the line again, or among the lines before where something else is being written.
  func giveBack(_ line: String, in room: String) {
    interface.restore(line, in: room)
    let input = interface.input(in: room)
    drafts?.note(Draft(room: room, text: input.text))
  }
}
