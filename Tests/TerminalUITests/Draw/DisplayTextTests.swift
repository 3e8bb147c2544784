// DisplayTextTests.swift: what is left of hostile text, and how text is broken into lines.
import Foundation
import TestSupport
import Testing

@testable import TerminalUI

@Suite struct DisplayTextTests {
  @Test(arguments: [
    ("plain", "plain"),
    ("\u{1B}[31mred", "\u{FFFD}[31mred"),
    ("a\u{0}b\u{7F}c\u{9B}d", "a\u{FFFD}b\u{FFFD}c\u{FFFD}d"),
    ("abc\u{202E}cod.exe", "abc\u{FFFD}cod.exe"),
    ("\u{2066}x\u{2069}", "\u{FFFD}x\u{FFFD}"),
    ("a\u{200E}b\u{200B}c\u{FEFF}d\u{AD}e", "abcde"),
    ("x\u{E0041}\u{E0042}y", "xy"),
    ("one\r\ntwo\nthree\u{2028}four\rfive\u{85}six", "one two three four five six"),
    ("\ttab", "    tab"),
    ("\u{301}alone", "\u{25CC}\u{301}alone"),
    ("日本 e\u{301} 👨‍👩‍👧 🇫🇷 ❤️", "日本 e\u{301} 👨‍👩‍👧 🇫🇷 ❤️"),
    ("نص عربي", "نص عربي"),
  ])
  func linesAreCleaned(text: String, expected: String) {
    #expect(DisplayText.line(text) == expected)
  }

  @Test func lineBreaksOfEveryKindBecomeOne() {
    #expect(DisplayText.lines("a\r\nb\rc\nd\u{2029}e\n\nf") == "a\nb\nc\nd\ne\n\nf")
  }

  @Test func stackedAccentsAreCut() {
    let tower = "a" + String(repeating: "\u{301}", count: 10_000)
    #expect(DisplayText.line(tower).unicodeScalars.count == DisplayText.maximumScalarsPerCluster)
  }

  @Test func noScalarPassesThatDrivesATerminal() {
    for value in UInt32(0)...0xFFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let cleaned = DisplayText.line("a\(Character(scalar))b").unicodeScalars
      #expect(!cleaned.contains { $0.properties.generalCategory == .control || $0.properties.isBidiControl })
    }
  }

  @Test func joinedLinesShowWhereTheyBroke() {
    #expect(DisplayText.joinedLines("a\r\nb\u{1B}c\n\nd\n") == "a / b\u{FFFD}c / d")
  }

  @Test func cleaningTwiceChangesNothing() {
    var generator = SeededGenerator(seed: 3)
    let letters = "ab e\u{301}日👍🏽👨‍👩‍👧🇫🇷נע"
    let controls = "\u{200D}\u{200E}\u{202E}\u{1B}\r\n\t\u{85}\u{E0041}\u{FE0F}"
    let scalars = Array((letters + controls).unicodeScalars)
    for _ in 0..<3_000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...24, using: &generator) {
        text.append(scalars[Int.random(in: scalars.indices, using: &generator)])
      }
      let line = DisplayText.line(String(text))
      #expect(DisplayText.line(line) == line)
      let lines = DisplayText.lines(String(text))
      #expect(DisplayText.lines(lines) == lines)
    }
  }

  @Test func muchTextIsCleanedInSeconds() {
    let text = String(repeating: "\u{1B}\r\n", count: 70_000)
    #expect(ContinuousClock().measure { _ = DisplayText.lines(text) } < .seconds(30))
  }

  @Test(arguments: [
    ("", 10, [""]),
    ("short", 10, ["short"]),
    ("break at the spaces", 9, ["break at", "the", "spaces"]),
    ("exactly10c next", 10, ["exactly10c", "next"]),
    ("a verylongwordindeed b", 8, ["a", "verylong", "wordinde", "ed b"]),
    ("日本語の文字", 5, ["日本", "語の", "文字"]),
    ("ab日本cd", 4, ["ab日", "本cd"]),
    ("one\n\ntwo", 10, ["one", "", "two"]),
    ("  indented", 20, ["  indented"]),
    ("a      b", 4, ["a", "b"]),
    ("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 4, ["👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧"]),
  ])
  func textIsWrapped(text: String, width: Int, expected: [String]) {
    #expect(TextWrap.lines(of: text, width: width) == expected)
  }

  @Test func noLineIsWiderThanAsked() {
    let text = "words and 日本語 and emoji 👍🏽👍🏽 and averyveryverylongword, e\u{301}nd"
    for width in 2...40 {
      for line in TextWrap.lines(of: text, width: width) { #expect(ClusterWidth.columns(of: line) <= width) }
      let letters = TextWrap.lines(of: text, width: width).joined().filter { $0 != " " }
      #expect(letters == text.filter { $0 != " " })
    }
  }

  @Test func theClockAgreesWithFoundationsCalendar() throws {
    let zone = try #require(TimeZone(identifier: "Europe/Paris"))
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    let clock = Clock(timeZone: zone)
    for step in -400..<1_200 {
      // Some 19 days and odd seconds apart, 1949 to 2032.
      let date = Date(timeIntervalSince1970: Double(step) * 1_650_007)
      let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute], from: date)
      let day = clock.day(of: date)
      #expect(day.year == parts.year && day.month == parts.month && day.day == parts.day)
      #expect(clock.time(of: date) == String(format: "%02d:%02d", parts.hour ?? 0, parts.minute ?? 0))
    }
    #expect(Clock(timeZone: Fixtures.utc).title(of: Fixtures.time(9, 0)) == "Sat 21 Nov 2026")
  }

  @Test func absurdDatesAreDrawn() {
    for seconds in [Double.infinity, -.infinity, .nan, 1e300, -1e300] {
      #expect(!Clock(timeZone: Fixtures.utc).stamp(of: Date(timeIntervalSince1970: seconds)).isEmpty)
    }
  }
}
