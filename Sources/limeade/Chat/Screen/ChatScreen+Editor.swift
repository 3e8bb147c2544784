// ChatScreen+Editor.swift: the input line in the user's editor.
import ChatCore
import Foundation
import TerminalUI

extension ChatScreen {
  /// Ctrl-x Ctrl-e. What the editor has written comes back into the line of the room, and is not sent.
  func editInProgram() {
    guard editing == nil else { return }
    guard let text = drafts?.editedText(in: store) else {
      return complain("no editor without a place for its file: see the error at the start")
    }
    guard let command = EditorProgram.command(ProcessInfo.processInfo.environment) else {
      return complain("there is no editor: set VISUAL or EDITOR")
    }
    guard command.isThere else {
      return complain("there is no program \(command.name), which VISUAL or EDITOR names; the line is as it was")
    }
    let (before, room) = (interface.screen.input.text, interface.screen.openRoom)
    do { try text.write(before, room: room ?? "") } catch { return complain(ExitStatus.text(of: error)) }
    let program = EditorProgram(command)
    editor = program
    editing = Task {
      var outcome = EditorProgram.Outcome.ended(status: 0)
      if let lines {
        await lines.terminal.lend { outcome = await program.run(on: text.file.path) }
      } else {
        await terminal.lend { outcome = await program.run(on: text.file.path) }
      }
      takeBack(text, instead: before, in: room, (command.name as NSString).lastPathComponent, outcome)
      text.wipe()
      (editor, editing) = (nil, nil)
      noteDraft()
      paintSoon()
    }
  }

  private func takeBack(
    _ file: EditedText, instead before: String, in room: String?, _ name: String,
    _ outcome: EditorProgram.Outcome
  ) {
    let text = file.read()
    switch outcome {
    case .notStarted(let reason):
      return complain("\(name) cannot be started: \(reason); the line is as it was")
    case .ended(0): break
    case .ended(let status):
      keep(text, instead: before, in: room)
      return complain("\(name) ended with exit code \(status): the line is as it was")
    case .killed(let signal):
      keep(text, instead: before, in: room)
      return complain("\(name) was ended by signal \(signal): the line is as it was")
    }
    guard let text else {
      return complain("what \(name) has left cannot be read, or is too large; the line is as it was")
    }
    guard text != before else { return }
    guard interface.write(text, in: room) else {
      let place = file.keep().map { "it is in \($0), which /file sends" } ?? "and it could not be kept"
      return complain("the text is longer than a line holds (\(InputLine.maximumLength) characters): \(place)")
    }
    interface.screen.status.hint = text.isEmpty ? nil : "the text is in the line: Enter sends it"
    if let room, room != interface.screen.openRoom { drafts?.note(Draft(room: room, text: text)) }
  }

  /// What an editor wrote that failed then is among the lines entered before.
  private func keep(_ text: String?, instead before: String, in room: String?) {
    guard let text, !text.isEmpty, text != before, text.count <= InputLine.maximumLength else { return }
    interface.remember(earlier: [text], in: room)
    drafts?.entered(text, in: room ?? "")
  }

  /// The program ends: the editor ends as well, and what it has saved is in the line.
  func endEditor() async {
    editor?.end()
    await editing?.value
  }

  /// What an editor had when the program was killed.
  func recoverEditedText() async {
    guard let file = drafts?.editedText(in: store), let room = file.room else { return }
    if let text = file.read(), !text.isEmpty, text.count <= InputLine.maximumLength {
      let line = interface.input(in: room).text
      if text != line {
        drafts?.entered(text, in: room)
        // On the disk before the file goes.
        await drafts?.finish()
      }
    }
    file.wipe()
  }
}
