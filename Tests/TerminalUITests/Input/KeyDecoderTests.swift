// KeyDecoderTests.swift: bytes to key events, in one piece and byte by byte.
import TestSupport
import Testing

@testable import TerminalUI

@Suite struct KeyDecoderTests {
  @Test(
    arguments: [
      ("a", [.key(.character("a"))]), ("é日", [.key(.character("é")), .key(.character("日"))]),
      ("\r", [.key(.enter)]), ("\n", [.stroke(.control("j"))]), ("\t", [.key(.tab)]), ("\u{7F}", [.key(.backspace)]),
      ("\u{01}\u{0B}\u{1A}", [.stroke(.control("a")), .stroke(.control("k")), .stroke(.control("z"))]),
      ("\u{1B}[A\u{1B}OB", [.key(.up), .key(.down)]),
      ("\u{1B}[H\u{1B}[4~\u{1B}[7~\u{1B}OF", [.key(.home), .key(.end), .key(.home), .key(.end)]),
      ("\u{1B}[5~\u{1B}[6~\u{1B}[3~", [.key(.pageUp), .key(.pageDown), .key(.delete)]),
      ("\u{1B}OP\u{1B}[18~\u{1B}[19~", [.key(.function(1)), .key(.function(7)), .key(.function(8))]),
      ("\u{1B}[[E", [.key(.function(5))]),
      ("\u{1B}a\u{1B}é\u{1B}1", [.stroke(.alt("a")), .stroke(.alt("é")), .stroke(.alt("1"))]),
      ("\u{1B}\r\u{1B}\u{7F}", [.key(.enter, .alt), .key(.backspace, .alt)]),
      ("\u{1B}[1;3A\u{1B}[1;5C\u{1B}[5;3~", [.key(.up, .alt), .key(.right, .control), .key(.pageUp, .alt)]),
      ("\u{1B}\u{1B}[B", [.key(.down, .alt)]), ("\u{1B}[Z", [.key(.tab, .shift)]),
      ("\u{1B}[<0;10;20m", []), ("\u{1B}OM", [.key(.enter)]), ("\u{1B}[99;99;99~x", [.key(.character("x"))]),
      ("\u{1B}]11;rgb:ffff/ffff/dddd\u{1B}\\x", [.background(.light), .key(.character("x"))]),
      ("\u{1B}]11;rgb:00/2b/36\u{07}\u{1B}[?62;22c", [.background(.dark)]),
      ("\u{1B}]11;rgba:f/f/f/f\u{07}", [.background(.light)]),
      ("\u{1B}]11;rgb:12345/0/0\u{07}y", [.key(.character("y"))]),
      ("\u{1B}]11;?\u{07}\u{1B}]4;1;rgb:0/0/0\u{07}\u{1B}]11;rgb:\u{07}z", [.key(.character("z"))]),
      ("\u{1B}]11;rgb:ff\u{1B}[A", [.key(.up)]), ("\u{1B}]x", [.stroke(.alt("]")), .key(.character("x"))]),
      ("\u{1B}[200~one\rtwo \u{1B}[A end\u{1B}[201~x", [.paste("one\rtwo \u{1B}[A end"), .key(.character("x"))]),
    ] as [(String, [KeyEvent])])
  func sequences(text: String, expected: [KeyEvent]) {
    var whole = KeyDecoder()
    #expect(whole.decode(text.utf8) == expected)
    var pieces = KeyDecoder()
    #expect(text.utf8.flatMap { pieces.decode([$0]) } == expected)
    #expect(!pieces.isWaiting)
  }

  @Test func escapeAloneIsAKeyAfterAPause() {
    var decoder = KeyDecoder()
    #expect(decoder.decode([0x1B]).isEmpty)
    #expect(decoder.isWaiting)
    #expect(decoder.flush() == [.key(.escape)])
    #expect(!decoder.isWaiting)
  }

  @Test func altBracketIsAKeyAfterAPause() {
    var decoder = KeyDecoder()
    #expect(decoder.decode("\u{1B}[".utf8).isEmpty)
    #expect(decoder.flush() == [.stroke(.alt("["))])
  }

  @Test func aBrokenOrEndlessAnswerIsNoTyping() {
    var decoder = KeyDecoder()
    decoder.awaitAnswer()
    #expect(decoder.delay == KeyDecoder.answerDelay)
    #expect(decoder.decode("\u{1B}]11;rgb:ff".utf8).isEmpty)
    #expect(decoder.flush().isEmpty)
    #expect(decoder.decode("ff/ffff/ffff\u{1B}\\hi".utf8) == [.key(.character("h")), .key(.character("i"))])
    #expect(decoder.decode("\u{1B}[?1;2c".utf8).isEmpty)
    #expect(decoder.delay == KeyDecoder.escapeDelay)
    #expect(decoder.decode(("\u{1B}]52;c;" + String(repeating: "a", count: 1000)).utf8).isEmpty)
    #expect(decoder.decode("\u{07}x".utf8) == [.key(.character("x"))])
    // Alt-] alone is a key.
    #expect(decoder.decode("\u{1B}]".utf8).isEmpty)
    #expect(decoder.flush() == [.stroke(.alt("]"))])
  }

  @Test func aPasteIsLimitedAndEndsAllTheSame() {
    var decoder = KeyDecoder()
    _ = decoder.decode("\u{1B}[200~".utf8)
    _ = decoder.decode([UInt8](repeating: 0x78, count: KeyDecoder.maximumPaste + 1000))
    let events = decoder.decode("\u{1B}[201~y".utf8)
    #expect(events.count == 2 && events.last == .key(.character("y")))
    guard case .paste(let text) = events.first else { return #expect(Bool(false), "no paste") }
    #expect(text.utf8.count == KeyDecoder.maximumPaste)
  }

  @Test func anyBytesAreTakenWithoutGrowing() {
    var decoder = KeyDecoder()
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<20_000 {
      // Mostly the bytes that begin something.
      let byte =
        [0x1B, 0x5B, 0x4F, 0x3B, 0x31, 0xC3, 0xF0, 0x80, UInt8.random(in: 0...255, using: &generator)]
        .randomElement(using: &generator) ?? 0
      _ = decoder.decode([byte])
    }
    _ = decoder.flush()
    #expect(!decoder.isWaiting)
  }
}
