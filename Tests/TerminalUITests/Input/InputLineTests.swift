// InputLineTests.swift: editing, history, completion, and lines read as commands.
import Testing

@testable import TerminalUI

@Suite struct InputLineTests {
  /// "a|b" is the text "ab" with the cursor between.
  private func line(_ marked: String) -> InputLine {
    var line = InputLine(text: marked.filter { $0 != "|" })
    let after = marked.drop { $0 != "|" }.dropFirst().count
    for _ in 0..<after { line.apply(.backwardCharacter) }
    return line
  }

  private func marked(_ line: InputLine) -> String {
    line.text.prefix(line.cursor) + "|" + line.text.dropFirst(line.cursor)
  }

  @Test(
    arguments: [
      ("ab|", .insert("c"), "abc|"), ("a|b", .insert("x"), "ax|b"),
      ("e|x", .insert("\u{301}"), "e\u{301}|x"),
      ("ab|c", .deleteBackward, "a|c"), ("|c", .deleteBackward, "|c"),
      ("a👨‍👩‍👧|c", .deleteBackward, "a|c"),
      ("a|bc", .deleteForward, "a|c"), ("a|", .deleteForward, "a|"),
      ("one two|", .backwardWord, "one |two"), ("one |two", .backwardWord, "|one two"),
      ("|one two", .forwardWord, "one| two"), ("one| two", .forwardWord, "one two|"),
      ("one\ntw|o", .beginningOfLine, "one\n|two"), ("on|e\ntwo", .endOfLine, "one|\ntwo"),
      ("one| two", .killToEnd, "one|"), ("one|\ntwo", .killToEnd, "one|two"),
      ("one\ntwo th|ree", .killToBeginning, "one\n|ree"),
      ("one two|", .killWordBackward, "one |"), ("one two, |", .killWordBackward, "one |"),
      ("|one two", .killWordForward, "| two"),
      ("on|e\nlonger", .down, "one\nlo|nger"), ("one\nlon|ger", .up, "one|\nlonger"),
      ("one\nlonge|r", .up, "one|\nlonger"),
      ("abc|", .clear, "|"), ("a|b", .paste("1\r\n2\u{1B}[31m\t3"), "a1\n2[31m\t3|b"),
    ] as [(String, InputLine.Edit, String)])
  func edits(before: String, edit: InputLine.Edit, after: String) {
    #expect(marked(line(before).applying(edit)) == after)
  }

  @Test func yankReturnsWhatWasKilledLast() {
    var line = line("one two|")
    line.apply(.killWordBackward)
    line.apply(.beginningOfLine)
    line.apply(.yank)
    #expect(marked(line) == "two|one ")
  }

  @Test func historyComesBackAndTheDraftAfterIt() {
    var line = InputLine(history: ["first"])
    line.apply(.paste("second"))
    #expect(line.submit() == "second")
    line.apply(.paste("draft"))
    line.apply(.up)
    #expect(line.text == "second")
    line.apply(.up)
    line.apply(.up)
    #expect(line.text == "first")
    line.apply(.down)
    line.apply(.down)
    #expect(line.text == "draft")
    line.apply(.down)
    #expect(line.text == "draft")
  }

  @Test func historyKeepsNoRepetitionAndHasAnEnd() {
    var line = InputLine()
    for number in 0..<300 {
      for _ in 0..<2 {
        line.apply(.paste("\(number)"))
        _ = line.submit()
      }
    }
    #expect(line.history.count == InputLine.maximumHistory)
    #expect(line.history.last == "299" && line.history.first == "100")
  }

  @Test func aTextThatIsTooLongIsNotTaken() {
    var line = InputLine()
    line.apply(.paste(String(repeating: "x", count: InputLine.maximumLength + 10)))
    line.apply(.insert("y"))
    #expect(line.text.count == InputLine.maximumLength && !line.text.contains("y"))
  }

  @Test func completionGoesRoundItsCandidates() {
    var line = line("hi bo|!")
    let candidates = { (word: String, isFirst: Bool) -> [String] in
      word == "bo" && !isFirst ? ["bob ", "bonnie "] : []
    }
    line.complete(backwards: false, candidates: candidates)
    #expect(marked(line) == "hi bob |!")
    line.complete(backwards: false, candidates: candidates)
    #expect(marked(line) == "hi bonnie |!")
    line.complete(backwards: false, candidates: candidates)
    #expect(marked(line) == "hi bob |!")
    line.complete(backwards: true, candidates: candidates)
    #expect(marked(line) == "hi bonnie |!")
    line.apply(.insert("x"))
    line.complete(backwards: false, candidates: candidates)
    #expect(marked(line) == "hi bonnie x|!")
  }

  @Test(
    arguments: [
      ("hello", .message("hello")), ("//tmp is full", .message("/tmp is full")), (" /quit", .message(" /quit")),
      ("/quit", .command(CommandCall(name: "quit"))), ("/QUIT", .command(CommandCall(name: "quit"))),
      ("/join  Lab\\ team ", .command(CommandCall(name: "join", arguments: ["Lab team"]))),
      (
        "/create \"Lab team\" sip:bob@sip.example.org carol@sip.example.org",
        .command(
          CommandCall(name: "create", arguments: ["Lab team", "sip:bob@sip.example.org", "carol@sip.example.org"]))
      ),
      ("/reply  as \"I\"  said", .command(CommandCall(name: "reply", arguments: ["as \"I\"  said"]))),
      ("/ephemeral 60 it's  a secret", .command(CommandCall(name: "ephemeral", arguments: ["60", "it's  a secret"]))),
      ("/rename \"\"", .command(CommandCall(name: "rename", arguments: [""]))),
    ] as [(String, CommandTable.Line)])
  func linesAreReadAsMessagesAndCommands(line: String, expected: CommandTable.Line) throws {
    #expect(try CommandTable.standard.parse(line) == expected)
  }

  @Test(
    arguments: [
      ("/nonsense", .unknown(name: "nonsense")), ("/", .unknown(name: "")),
      ("/join", .wrongArguments(usage: "/join ROOM")), ("/quit now", .wrongArguments(usage: "/quit")),
      ("/ephemeral 60", .wrongArguments(usage: "/ephemeral SECONDS TEXT")),
      ("/rename \"x", .openQuote),
    ] as [(String, CommandTable.Failure)])
  func wrongCommandsAreRefused(line: String, expected: CommandTable.Failure) {
    #expect(throws: expected) { try CommandTable.standard.parse(line) }
  }

  @Test func helpHasALineForEachCommand() {
    let lines = CommandTable.standard.help()
    #expect(lines.count { $0.hasPrefix("/") } == CommandTable.standard.commands.count)
    // All explanations begin in one column; that of a long command is in the line below it.
    let long = lines.firstIndex(of: "/create-plain NAME ADDRESS...")
    #expect(long.map { lines[$0 + 1] } == String(repeating: " ", count: 26) + "create a group room without encryption")
    #expect(
      lines.contains(
        "/leave".padding(toLength: 26, withPad: " ", startingAt: 0)
          + "leave this room, asked for twice; what was written stays readable"))
    #expect(CommandTable.standard.help(for: "join") == ["/join ROOM  open a room, or start a chat with an address"])
  }
}
