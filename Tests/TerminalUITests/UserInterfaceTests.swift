// UserInterfaceTests.swift: key events in, changed screen and intents out.
import Testing

@testable import TerminalUI

@Suite struct UserInterfaceTests {
  @Test func enterSendsToTheOpenRoomAndEmptiesTheLine() {
    var interface = Fixtures.interface()
    #expect(interface.type("hi") == [.composing(true, room: "lab"), .composing(true, room: "lab")])
    #expect(interface.press(.enter) == [.sendMessage("hi", room: "lab"), .readAll(room: "lab")])
    #expect(interface.screen.input.isEmpty)
    #expect(interface.press(.enter).isEmpty)
  }

  @Test func altEnterAndPastesMakeSeveralLinesOfOneMessage() {
    var interface = Fixtures.interface()
    _ = interface.type("a")
    _ = interface.press(.enter, .alt)
    _ = interface.handle(.paste("b\nc"))
    #expect(interface.press(.enter) == [.sendMessage("a\nb\nc", room: "lab"), .readAll(room: "lab")])
  }

  @Test func commandsAreIntentsAndDoubleSlashesText() {
    var interface = Fixtures.interface()
    #expect(interface.type("/join Ops").isEmpty)
    #expect(interface.press(.enter) == [.command(CommandCall(name: "join", arguments: ["Ops"]))])
    _ = interface.type("//etc")
    #expect(interface.press(.enter) == [.sendMessage("/etc", room: "lab"), .readAll(room: "lab")])
    _ = interface.type("/quit")
    #expect(interface.press(.enter) == [.quit])
  }

  @Test func aWrongCommandStaysInTheLineWithItsError() {
    var interface = Fixtures.interface()
    _ = interface.type("/nonsense")
    #expect(interface.press(.enter).isEmpty)
    #expect(interface.screen.status.error == "no command /nonsense; /help lists them, //nonsense sends it as text")
    #expect(interface.screen.input.text == "/nonsense")
    _ = interface.press(.left)
    #expect(interface.screen.status.error == nil)
  }

  @Test func withoutARoomNothingIsSentAndNothingLost() {
    var interface = Fixtures.interface()
    interface.closeRoom()
    _ = interface.type("hello")
    #expect(interface.press(.enter).isEmpty)
    #expect(interface.screen.input.text == "hello")
    #expect(interface.screen.status.error != nil)
  }

  @Test func deletingTheTextEndsComposing() {
    var interface = Fixtures.interface()
    _ = interface.type("a")
    #expect(interface.press(.backspace) == [.composing(false, room: "lab")])
    #expect(interface.press(.backspace).isEmpty)
  }

  @Test func roomsAreOpenedByNumberAndNeighbourhood() {
    var interface = Fixtures.interface()
    #expect(interface.handle(.stroke(.alt("2"))) == [.openRoom("ops")])
    #expect(interface.handle(.stroke(.alt("9"))).isEmpty)
    #expect(interface.handle(.stroke(.alt("1"))).isEmpty)
    #expect(interface.press(.down, .alt) == [.openRoom("ops")])
    #expect(interface.press(.up, .alt) == [.openRoom("test")])
  }

  @Test func altJAndTwoDigitsOpenARoom() {
    var interface = Fixtures.interface()
    interface.screen.rooms = (1...60).map { RoomRow(id: "\($0)", number: $0, name: "Room \($0)") }
    func number(_ digits: String) -> [Intent] {
      _ = interface.handle(.stroke(.alt("j")))
      return interface.type(digits)
    }
    #expect(number("42") == [.openRoom("42")] && interface.screen.input.isEmpty)
    #expect(number("07") == [.openRoom("7")])
    #expect(number("7").isEmpty && interface.grid.lines[22].contains("room number: 7_"))
    #expect(interface.press(.enter) == [.openRoom("7")])
    #expect(number("99").isEmpty && interface.screen.status.error == "no room has the number 99")
    // Another key ends it and counts.
    _ = number("4x")
    #expect(interface.screen.input.text == "x" && interface.screen.roomNumber == nil)
    _ = number("4")
    _ = interface.press(.escape)
    #expect(interface.screen.roomNumber == nil && interface.type("2").count == 1)
    interface.screen.rooms.append(RoomRow(id: "120", number: 120, name: "Room 120"))
    #expect(number("12").isEmpty && interface.type("0") == [.openRoom("120")])
  }

  @Test func theTitleTellsTheRoomAndWhatIsUnread() {
    var interface = Fixtures.interface()
    #expect(interface.title == "(15) Lab team - limeade")
    interface.screen.rooms = []
    interface.screen.header.name = "x\u{1B}]2;y\u{07}\u{9C}" + String(repeating: "long ", count: 40)
    #expect(interface.title.hasPrefix("x\u{FFFD}]2;y\u{FFFD}\u{FFFD}long") && interface.title.count < 80)
    interface.closeRoom()
    #expect(interface.title == "limeade")
  }

  @Test func nextUnreadTakesWhatConcernsTheUserFirst() {
    var interface = Fixtures.interface()
    #expect(interface.handle(.stroke(.alt("a"))) == [.openRoom("carol")])
    interface.screen.rooms[2].unread = 0
    interface.screen.rooms[2].mentions = 0
    interface.screen.rooms[4].unread = 1
    #expect(interface.handle(.stroke(.alt("a"))) == [.openRoom("test")])
    interface.screen.rooms = []
    #expect(interface.handle(.stroke(.alt("a"))).isEmpty)
  }

  @Test func theSwitcherOpensWhatIsChosen() {
    var interface = Fixtures.interface()
    #expect(interface.handle(.stroke(.control("k"))).isEmpty)
    #expect(interface.type("o").isEmpty)
    #expect(interface.screen.input.isEmpty)
    _ = interface.press(.down)
    #expect(interface.press(.enter) == [.openRoom("carol")])
    #expect(interface.screen.switcher == nil)
    _ = interface.handle(.stroke(.alt("k")))
    _ = interface.press(.escape)
    #expect(interface.screen.switcher == nil)
  }

  @Test func controlKDeletesWhereThereIsText() {
    var interface = Fixtures.interface()
    _ = interface.type("ab")
    _ = interface.press(.left)
    _ = interface.handle(.stroke(.control("k")))
    #expect(interface.screen.input.text == "a" && interface.screen.switcher == nil)
  }

  @Test func eachRoomKeepsItsInputLine() {
    var interface = Fixtures.interface()
    _ = interface.type("for lab")
    interface.open("ops", header: RoomHeader(name: "Ops"), messages: [])
    #expect(interface.screen.input.isEmpty)
    _ = interface.type("for ops")
    interface.open("lab", header: RoomHeader(name: "Lab team"), messages: [])
    #expect(interface.screen.input.text == "for lab")
    interface.open("ops", header: RoomHeader(name: "Ops"), messages: [])
    #expect(interface.screen.input.text == "for ops")
  }

  @Test func tabCompletesNamesCommandsAndAddresses() {
    var interface = Fixtures.interface()
    _ = interface.type("bo")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "Bob: ")
    _ = interface.type("ask ca")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "Bob: ask Carol ")
    _ = interface.handle(.stroke(.control("c")))
    _ = interface.type("/inv")
    _ = interface.press(.tab)
    interface.completionWords = ["sip:dave@sip.example.org"]
    _ = interface.type("da")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "/invite sip:dave@sip.example.org ")
    _ = interface.handle(.stroke(.control("c")))
    interface.completeArgument = { command, _, word in command == "file" && word == "tr" ? ["trace.pcap"] : [] }
    _ = interface.type("/file tr")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "/file trace.pcap")
  }

  @Test func tabCompletesARoomOfSeveralWordsAndADevice() {
    var interface = Fixtures.interface()
    func completed(_ text: String) -> String {
      _ = interface.handle(.stroke(.control("c")))
      _ = interface.type(text)
      _ = interface.press(.tab)
      return interface.screen.input.text
    }
    #expect(completed("/join Lab te") == "/join \"Lab team\" ")
    #expect(completed("/forward kamailio t") == "/forward \"Kamailio test\" ")
    #expect(completed("/join \"Lab te") == "/join \"Lab team\" ")
    // In other commands a word is a word.
    #expect(completed("/invite Lab te") == "/invite Lab te")
    let device = Fixtures.members[1].devices[1].id
    #expect(completed("/trust f60718") == "/trust \(device) ")
    #expect(completed("/trust ") == "/trust \(Fixtures.members[1].devices[0].id) ")
    #expect(completed("thanks @ca") == "thanks @Carol ")
  }

  @Test func aRoomsNameNeedsNoQuotationMarks() {
    var interface = Fixtures.interface()
    for line in ["/join Lab team", "/join \"Lab team\"", "/JOIN  Lab  team "] {
      _ = interface.type(line)
      #expect(interface.press(.enter) == [.command(CommandCall(name: "join", arguments: ["Lab team"]))])
    }
    _ = interface.type("/join")
    #expect(interface.press(.enter).isEmpty)
    #expect(interface.screen.status.error == "usage: /join ROOM")
  }

  @Test func whatIsWrittenBecomesAnAnswerByAKey() {
    var interface = Fixtures.interface()
    _ = interface.type("at 9:30")
    _ = interface.handle(.stroke(.alt("r")))
    _ = interface.handle(.stroke(.alt("r")))
    #expect(interface.screen.input.text == "/reply at 9:30")
    #expect(interface.press(.enter) == [.command(CommandCall(name: "reply", arguments: ["at 9:30"]))])
    #expect(interface.handle(.stroke(.alt("i"))) == [.command(CommandCall(name: "info"))])
    // A line half written stays when a key runs a command.
    _ = interface.type("half")
    #expect(interface.handle(.stroke(.alt("o"))) == [.command(CommandCall(name: "save"))])
    #expect(interface.screen.input.text == "half")
  }

  @Test func aPasteThatIsTooLongIsNotCutWithoutAWord() {
    var interface = Fixtures.interface()
    _ = interface.handle(.paste(String(repeating: "x", count: InputLine.maximumLength + 10)))
    #expect(interface.screen.status.error?.hasPrefix("10 characters left out") == true)
    _ = interface.press(.backspace)
    #expect(interface.screen.status.error == nil)
  }

  @Test func panesAreToggledForTheScreensWidth() {
    var wide = Fixtures.interface()
    _ = wide.press(.function(7))
    #expect(ScreenLayout(wide.screen, size: wide.size).rooms == nil)
    _ = wide.press(.function(7))
    #expect(ScreenLayout(wide.screen, size: wide.size).rooms != nil)
    _ = wide.press(.function(8))
    #expect(ScreenLayout(wide.screen, size: wide.size).members != nil)

    var narrow = Fixtures.interface(columns: 40, rows: 12)
    #expect(narrow.showsNewest)
    _ = narrow.press(.function(7))
    #expect(ScreenLayout(narrow.screen, size: narrow.size).messages == nil && !narrow.showsNewest)
    _ = narrow.press(.function(7))
    #expect(narrow.showsNewest)
    _ = narrow.handle(.resize(ScreenSize(columns: 80, rows: 24)))
    #expect(ScreenLayout(narrow.screen, size: narrow.size).rooms != nil)
  }

  @Test func theTerminalsEventsAreIntents() {
    var interface = Fixtures.interface()
    #expect(interface.handle(.terminate) == [.quit])
    #expect(interface.handle(.suspend) == [.suspend])
    #expect(interface.handle(.stroke(.control("z"))) == [.suspend])
    #expect(interface.handle(.resumed) == [.redraw])
    #expect(interface.handle(.stroke(.control("l"))) == [.redraw])
    #expect(interface.handle(.stroke(.control("d"))) == [.quit])
    #expect(interface.handle(.resize(ScreenSize(columns: 50, rows: 20))).isEmpty)
    #expect(interface.grid.size == ScreenSize(columns: 50, rows: 20))
  }

  @Test func controlDDoesNotQuitWhileThereIsText() {
    var interface = Fixtures.interface()
    _ = interface.type("a")
    #expect(interface.handle(.stroke(.control("d"))).isEmpty)
    #expect(interface.screen.input.text == "a")
  }

  @Test func whatIsOnTheScreenIsWhatIsSeen() {
    var interface = UserInterface(size: ScreenSize(columns: 80, rows: 24))
    let messages = (0..<100).map { Fixtures.message("m\($0)", 9, $0 / 60, "bob", "text \($0)") }
    interface.open("lab", header: RoomHeader(), messages: messages)
    let seen = interface.visibleMessages.map(\.id)
    #expect(seen.last == "m99" && (10..<24).contains(seen.count))
    for id in seen {
      let text = "text \(id.dropFirst())"
      #expect(interface.grid.lines.contains { $0.contains(text) })
    }
    _ = interface.perform(.scrollPageUp)
    #expect(!interface.visibleMessages.contains { $0.id == "m99" })
    interface.screen.page = TextPage(title: "Help", lines: ["covers it"])
    #expect(interface.visibleMessages.isEmpty)
  }

  @Test func aStrangersMessageSaysSo() {
    var interface = UserInterface(size: ScreenSize(columns: 80, rows: 10))
    interface.open(
      "lab", header: RoomHeader(),
      messages: [Fixtures.message("m1", 9, 0, "bob", "I am bob", encryption: .stranger)])
    #expect(interface.grid.lines.contains { $0.contains("[not from a member] I am bob") })
  }
}

@Suite struct CommandWordsTests {
  @Test(
    arguments: [
      ("/file ", ["/file"], 6), ("/file a", ["/file"], 6), ("/file my\\ fo", ["/file"], 6),
      ("/file \"my folder/x", ["/file"], 6), ("/save a\\ b \"c d\" e", ["/save", "a b", "c d"], 17), ("/fi", [], 0),
    ] as [(String, [String], Int)])
  func theWordBeingTypedIsFound(line: String, before: [String], start: Int) {
    #expect(CommandWords.open(in: line) == .init(before: before, start: start))
  }

  @Test(arguments: ["plain", "with blank", "q\"uote", "back\\slash", "a \"b\" \\c", "日 本", " lead"])
  func aWordMeansWhatItWasMadeOf(text: String) throws {
    for quoted in [false, true] {
      let word = CommandWords.word(for: text, quoted: quoted)
      #expect(try CommandWords.all(in: "x \(word) y"[...]) == ["x", text, "y"])
      #expect(CommandWords.resolved(word) == text)
    }
  }

  @Test func candidatesAreListedWhileTabWalksThroughThem() {
    var interface = Fixtures.interface()
    interface.completeArgument = { command, before, word in
      guard command == "file", before.isEmpty, CommandWords.resolved(word) == "my dir/" else { return [] }
      return ["a b.txt", "c\"d.txt", "deep"].map { CommandWords.word(for: "my dir/" + $0, quoted: true) + " " }
    }
    _ = interface.type("/file \"my dir/")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "/file \"my dir/a b.txt\" ")
    let status = interface.grid.lines[22]
    #expect(status == " 1/3  a b.txt  c\"d.txt  deep")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "/file \"my dir/c\\\"d.txt\" ")
    #expect(interface.press(.enter) == [.command(CommandCall(name: "file", arguments: ["my dir/c\"d.txt"]))])
  }

  @Test func saveCompletesTheNamesOfTheRoomsFiles() {
    var interface = Fixtures.interface()
    interface.screen.messages[1].files = ["old plan.pdf"]
    interface.screen.messages[2].files = ["photo.jpg", "plan.pdf"]
    _ = interface.type("/save PL")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "/save plan.pdf ")
    _ = interface.handle(.stroke(.control("c")))
    interface.screen.selected = "2"
    _ = interface.type("/save ")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "/save old\\ plan.pdf ")
  }
}
