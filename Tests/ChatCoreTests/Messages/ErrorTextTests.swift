// ErrorTextTests.swift: what a user is told when a server says no
import Foundation
import Testing

@testable import ChatCore

@Suite struct ErrorTexts {
  @Test(arguments: [
    302, 400, 401, 403, 404, 405, 406, 407, 408, 410, 413, 415, 416, 420, 423, 480, 481, 482, 483, 484, 486, 487, 488,
    489,
    491, 493, 500, 501, 502, 503, 504, 505, 513, 580, 600, 603, 604, 606, 699, 200,
  ])
  func anAnswerIsASentenceAndItsOwnWordsStandApart(_ status: Int) throws {
    for what in ["writing to Lab team", ChatError.making(roomWith: ["bob"])] {
      let text = ChatError.refused(what: what, status: status, reason: "Its Own Words").description
      #expect(text.hasSuffix(" [SIP \(status) Its Own Words]"), "\(text)")
      let sentence = RawAnswer.removed(from: text)
      #expect(
        !sentence.contains("\(status)") && !sentence.contains("Own Words") && !sentence.contains("[SIP"), "\(sentence)")
      #expect(sentence.count > 30 && !sentence.contains { "\r\n".contains($0) })
    }
  }

  @Test func whoHasNotSignedInIsNamed() {
    func text(_ people: String...) -> String {
      RawAnswer.removed(
        from: ChatError.refused(what: ChatError.making(roomWith: people), status: 488, reason: "x").description)
    }
    #expect(text("bob").hasPrefix("bob has not signed in yet") && text("bob").contains("no room can be made"))
    #expect(text("bob", "carol").hasPrefix("bob and carol have not signed in yet"))
  }

  @Test(arguments: ["a] b", "[SIP 200 OK]", "x [SIP 1", "\u{1B}[2J]", String(repeating: "[", count: 10_000), ""])
  func nothingOfAHostileAnswerStaysInTheSentence(_ reason: String) {
    let text = "head" + RawAnswer.mark(400, reason) + " and" + RawAnswer.mark(500, reason) + "."
    #expect(RawAnswer.removed(from: text) == "head and.")
    #expect(text.count < 600)
  }

  @Test func textsWithoutAnAnswerStayAsTheyAre() {
    for text in ["", "Lab team [SIP", "[SIP 3]", "a ] b"] { #expect(RawAnswer.removed(from: text) == text) }
  }
}
