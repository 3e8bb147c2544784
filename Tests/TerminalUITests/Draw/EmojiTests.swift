// EmojiTests.swift: names of emoji, and their widths as different terminals have them
import Testing

@testable import TerminalUI

@Suite struct EmojiTests {
  @Test func namesAreShortOnesUnicodesAndThoseWithATone() {
    for (name, emoji) in [
      ("+1", "👍"), ("tada", "🎉"), ("heart", "❤️"), ("face_with_monocle", "🧐"), ("+1_tone3", "👍🏽"), ("FIRE", "🔥"),
      ("technologist_tone1", "🧑🏻‍💻"), ("v_tone5", "✌🏿"), ("rainbow_flag", "🏳️‍🌈"),
    ] { #expect(EmojiNames.emoji(named: name) == emoji, "\(name)") }
    for name in ["", "nothing", "fire_tone2", "+1_tone6", "+1_tone0", "_tone1", "+1_tone-1"] {
      #expect(EmojiNames.emoji(named: name) == nil, "\(name)")
    }
    #expect(EmojiNames.expanded(":+1:") == "👍" && EmojiNames.expanded("+1") == "+1")
    #expect(EmojiNames.expanded(":nothing:") == ":nothing:" && EmojiNames.expanded("::") == "::")
  }

  @Test func aNameBecomesItsEmojiWithTheLastColonAndTabCompletes() {
    func typed(_ text: String) -> String {
      var interface = Fixtures.interface()
      _ = interface.type(text)
      return interface.screen.input.text
    }
    #expect(typed("well done :tada: :+1:") == "well done 🎉 👍" && typed("/react :eyes:") == "/react 👀")
    for text in ["at 10:100:", "std::x::", ":no such:", "a:+1:", ":nothing:", "http://x:80:"] {
      #expect(typed(text) == text)
    }
    var interface = Fixtures.interface()
    _ = interface.type("ok :+1:")
    _ = interface.handle(.stroke(.control("_")))
    #expect(interface.screen.input.text == "ok :+1:")
    // What was pasted is left as it is.
    interface.screen.input = InputLine()
    _ = interface.handle(.paste(":+1:"))
    #expect(interface.screen.input.text == ":+1:")
    interface.screen.input = InputLine()
    _ = interface.type("so :tad")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "so 🎉 ")
    interface.screen.input = InputLine()
    _ = interface.type("/react :thumbsd")
    _ = interface.press(.tab)
    #expect(interface.screen.input.text == "/react 👎 ")
  }

  /// Columns as tmux 3.3 gave them, and as newer terminals have them.
  @Test func sequencesAreAsWideAsTheTerminalSays() {
    let tmux: EmojiWidths? = {
      var question = EmojiWidths.Question()
      return [3, 5, 3, 3, 2, 2].compactMap { question.answered(column: $0) }.first
    }()
    #expect(tmux != nil)
    for (text, columns) in [
      ("👍🏽", 4), ("👨‍👩‍👧", 2), ("🏳️‍🌈", 1), ("🇩🇪", 2), ("1️⃣", 1), ("❤️", 1), ("👩🏽‍💻", 4), ("👨‍👩‍👧‍👦", 2),
      ("👩🏽‍❤️‍💋‍👨🏿", 6), ("🤷🏻‍♀️", 4), ("👁️‍🗨️", 1), ("❤️‍🔥", 1), ("🏴‍☠️", 2),
    ] {
      let scalars = Character(text).unicodeScalars
      let sequence = String.UnicodeScalarView(scalars)
      #expect(ClusterWidth.columns(ofSequence: sequence, as: tmux ?? .standard) == columns, "\(text)")
      #expect(ClusterWidth.columns(ofSequence: sequence, as: .standard) == 2, "\(text)")
    }
    func found(_ columns: [Int]) -> EmojiWidths? {
      var question = EmojiWidths.Question()
      return columns.compactMap { question.answered(column: $0) }.first
    }
    #expect(found([3, 3, 3, 3, 3, 3]) == .standard)
    #expect(found([3, 5, 7, 5, 2, 2]) == EmojiWidths(rawValue: 4 | 8 | 16))
    // A terminal without emoji, one that answers half, and answers that nobody asked for.
    #expect(found([2, 3, 9, 9, 9, 9]) == nil && found([3, 3]) == nil && found([2, 2, 2, 2, 2, 2, 3, 3]) == nil)
  }

  @Test func anAnswerIsNoKey() {
    var decoder = KeyDecoder()
    #expect(decoder.decode(Array("\u{1B}[2;5R".utf8)) == [.cursor(row: 2, column: 5)])
    #expect(decoder.decode(Array("\u{1B}[1;5R".utf8)) == [.key(.function(3), .control)])
    var interface = Fixtures.interface()
    let before = interface.screen
    #expect(interface.handle(.cursor(row: 9, column: 9)).isEmpty && interface.screen == before)
  }
}
