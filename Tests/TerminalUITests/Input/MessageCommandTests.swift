// MessageCommandTests.swift: editing the last message, what a command is about, Esc, and taking changes back.
import Testing

@testable import TerminalUI

@Suite struct MessageCommandTests {
  /// Two texts of one's own, an answer between them.
  private func interface(rows: Int = 24) -> UserInterface {
    var interface = Fixtures.interface(rows: rows)
    for index in interface.screen.messages.indices where interface.screen.messages[index].kind == .text {
      let message = interface.screen.messages[index]
      interface.screen.messages[index].messageID = "id" + message.id
      if message.isOwn { interface.screen.messages[index].editableText = message.text }
    }
    // The newest own one has failed.
    interface.screen.messages[6].editableText = nil
    var other = Fixtures.message("8", 9, 24, "alice", "one\ntwo", delivery: .sent)
    (other.messageID, other.editableText) = ("id8", "one\ntwo")
    interface.screen.messages.append(other)
    return interface
  }

  @Test func upOnAnEmptyLineEditsTheLastTextAndTheOneBeforeIt() {
    var interface = interface()
    _ = interface.press(.up)
    #expect(interface.screen.input.text == "/edit one\ntwo" && interface.screen.input.subject == "8")
    // Of several lines the first is reached before the message before.
    _ = interface.press(.up)
    #expect(interface.screen.input.text == "/edit one\ntwo")
    _ = interface.press(.up)
    #expect(interface.screen.input.text == "/edit 2.5, two processes with redis" && interface.screen.selected == "5")
    _ = interface.press(.up)
    #expect(interface.screen.input.subject == "5")
    _ = interface.press(.down)
    #expect(interface.screen.input.subject == "8")
    _ = interface.press(.down)
    #expect(interface.screen.input.isEmpty && interface.screen.selected == nil)
    _ = interface.press(.up)
    _ = interface.type("!")
    _ = interface.press(.enter)
    #expect(interface.screen.selected == "8" && interface.screen.input.isEmpty)
  }

  @Test func anEditThatChangesNothingIsNotSentAndSaysSo() {
    var interface = interface()
    let unchanged = "nothing was changed: the message stays as it is"
    _ = interface.press(.up)
    #expect(interface.press(.enter).isEmpty)
    #expect(interface.screen.input.isEmpty && interface.screen.selected == nil)
    #expect(interface.screen.status.hint == unchanged)
    // Written out, for a chosen message too.
    interface.screen.selected = "5"
    _ = interface.type("/edit 2.5, two processes with redis")
    #expect(interface.press(.enter).isEmpty && interface.screen.status.hint == unchanged)
    _ = interface.type("/edit 2.5, two processes with redis")
    #expect(!interface.press(.enter).isEmpty && interface.screen.selected == "8")
  }

  @Test func enteredLinesAreReachedFromAnEmptyLineToo() {
    var interface = interface()
    for line in ["first", "second"] {
      _ = interface.type(line)
      _ = interface.press(.enter)
    }
    _ = interface.press(.up, .control)
    #expect(interface.screen.input.text == "second")
    _ = interface.press(.up)
    #expect(interface.screen.input.text == "first")
    _ = interface.handle(.stroke(.control("n")))
    _ = interface.press(.down, .control)
    #expect(interface.screen.input.isEmpty)
    // With nothing to edit, Up has them as well.
    interface.screen.messages = []
    _ = interface.press(.up)
    #expect(interface.screen.input.text == "second")
  }

  @Test func whatACommandIsAboutStaysAndStandsAboveTheInput() {
    var interface = interface()
    _ = interface.handle(.stroke(.alt("r")))
    _ = interface.type("yes")
    func line() -> String { interface.grid.text(inRow: 22) }
    #expect(line() == " answering bob: no session: a new one was asked for  Esc ends it")
    #expect(interface.grid.text(inRow: 21).contains("[E2EE]") && interface.grid.text(inRow: 23).hasSuffix("/reply yes"))
    var next = Fixtures.message("9", 9, 30, "carol", "something else")
    next.messageID = "id9"
    interface.screen.messages.append(next)
    _ = interface.type("!")
    #expect(line().hasPrefix(" answering bob: no session"))
    // Choosing another changes it.
    _ = interface.handle(.stroke(.alt("p")))
    #expect(line().hasPrefix(" answering carol: something else"))
    #expect(interface.press(.enter) == [.command(CommandCall(name: "reply", arguments: ["yes!"]))])
    #expect(interface.screen.selected == "9")
    for (command, words) in [
      ("/react", "reacting to carol: something else"), ("/retract", "deleting for everyone: one / two"),
      ("/forward", "forwarding carol: something else"), ("/edit", "editing: one / two"),
    ] {
      interface.screen.selected = nil
      interface.screen.input = InputLine()
      _ = interface.type(command)
      #expect(line().hasPrefix(" " + words), "\(line())")
    }
    // An own message is said to be that; an older one than is loaded too.
    interface.screen.selected = "5"
    interface.screen.input = InputLine()
    _ = interface.type("/forward x")
    #expect(line().hasPrefix(" forwarding your message: 2.5"))
    interface.screen.input.subject = "m1"
    #expect(line().hasPrefix(" forwarding an older message"))
  }

  @Test func escEndsAnAnswerAnEditAndTheChoiceAndNothingIsLost() {
    var interface = interface()
    _ = interface.handle(.stroke(.alt("r")))
    _ = interface.type("half an answer")
    _ = interface.press(.escape)
    #expect(interface.screen.input.text == "half an answer" && interface.screen.subjectWords == nil)
    _ = interface.handle(.stroke(.control("c")))
    _ = interface.handle(.stroke(.alt("p")))
    #expect(interface.screen.selected == "8")
    _ = interface.press(.escape)
    #expect(interface.screen.selected == nil)
    _ = interface.press(.up)
    _ = interface.type(" more")
    _ = interface.press(.escape)
    #expect(interface.screen.input.isEmpty && interface.screen.selected == nil)
    _ = interface.handle(.stroke(.control("_")))
    #expect(interface.screen.input.text == "/edit one\ntwo more")
    #expect(interface.screen.input.subject == "8")
  }

  @Test func changesAreTakenBackWordByWordAndMadeAgain() {
    var interface = Fixtures.interface()
    _ = interface.type("one two")
    _ = interface.handle(.paste(" pasted"))
    _ = interface.handle(.stroke(.control("u")))
    func undo() -> String {
      _ = interface.handle(.stroke(.control("_")))
      return interface.screen.input.text
    }
    func redo() -> String {
      _ = interface.handle(.stroke(.alt("_")))
      return interface.screen.input.text
    }
    #expect(undo() == "one two pasted" && undo() == "one two" && undo() == "one " && undo() == "" && undo() == "")
    #expect(redo() == "one " && redo() == "one two" && redo() == "one two pasted" && redo() == "" && redo() == "")
    #expect(undo() == "one two pasted")
    _ = interface.type("!")
    #expect(redo() == "one two pasted!")
    // What was sent is not to be there again by an accident.
    _ = interface.press(.enter)
    #expect(undo() == "")
  }

  @Test func aFewRowsKeepTheInput() {
    var interface = interface(rows: 7)
    _ = interface.handle(.stroke(.alt("r")))
    #expect(
      interface.grid.text(inRow: 6).hasSuffix("/reply") && !interface.grid.lines.contains { $0.contains("answering") })
  }
}
