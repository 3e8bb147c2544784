// NameListTests.swift: names in errors, and addresses as people type them
import Testing

@testable import ChatCore

@Suite struct NameLists {
  @Test func anErrorNamesTheNearestRoomsAndNotAThousand() {
    let rooms = (1...300).map { "Room \($0)" } + ["Lab team"]
    let text = ChatError.unknownRoom("team", known: rooms).description
    #expect(text.hasPrefix("no room is called 'team'; ") && text.contains("there are: Lab team, Room 1, "))
    #expect(text.hasSuffix("Room 7 and 293 more"))
    #expect(ChatError.ambiguousRoom("r", candidates: rooms).description.contains(" and 293 more; write more of it"))
    // One more costs no more words than to say that there is one more.
    #expect(NameList.text((1...9).map(String.init)) == "1, 2, 3, 4, 5, 6, 7, 8, 9")
  }

  @Test(arguments: [
    ("bob", "sip:bob@example.org"), ("bob@other.org", "sip:bob@other.org"),
    ("bob@other.org:5070", "sip:bob@other.org:5070"), ("sips:bob@other.org", "sips:bob@other.org"),
    ("mailto:bob@other.org", nil), ("a b", nil), ("", nil), ("bob:x", nil),
  ])
  func addressesAreReadAsTyped(text: String, expected: String?) {
    #expect(SIPAddress.parse(text, domain: "example.org")?.description == expected)
  }
}
