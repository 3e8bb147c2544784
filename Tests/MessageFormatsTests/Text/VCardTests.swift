// VCardTests.swift: names and SIP addresses from vCards as address books write them
import Foundation
import MessageFormats
import Testing

@Suite struct VCards {
  private func cards(_ lines: String..., end: String = "\r\n") throws -> [VCard] {
    try VCard.cards(in: Data((lines.joined(separator: end) + end).utf8))
  }

  private func card(_ lines: String...) throws -> VCard {
    try #require(
      try VCard.cards(in: Data((["BEGIN:VCARD"] + lines + ["END:VCARD"]).joined(separator: "\r\n").utf8)).first)
  }

  @Test func aCardOfVersionFourHasItsNameAndItsAddressesThePreferredFirst() throws {
    let card = try card(
      "VERSION:4.0", "FN:Bob Builder", "N:Builder;Bob;;Mr;", "IMPP;PREF=2:sip:bob@example.org;transport=tls",
      "item1.IMPP;PREF=1;TYPE=work:sips:bob@Work.Example.org", "IMPP:xmpp:bob@example.org",
      "TEL;VALUE=uri:tel:+1-555", "TEL;VALUE=uri:sip:+1555@gateway.example.org", "IMPP:sip:bob@example.org")
    #expect(card.name == "Bob Builder")
    #expect(
      card.addresses.map(\.description) == [
        "sip:bob@work.example.org", "sip:bob@example.org", "sip:+1555@gateway.example.org",
      ])
  }

  @Test func aCardOfVersionThreeIsUnfoldedAndItsEscapesAreResolved() throws {
    let card = try card(
      "version:3.0", "fn:Müller\\, Jo", " rg\\; \\\\der \\nZweite", "impp;type=home,pref:sip:joe", "\t@example.org",
      "X-SIP:joe@sip.example.org", "X-SIP:sip:joe@example.org")
    #expect(card.name == "Müller, Jorg; \\der Zweite")
    #expect(card.addresses.map(\.description) == ["sip:joe@example.org", "sip:joe@sip.example.org"])
  }

  @Test func withoutAFullNameThePartsAreTheName() throws {
    #expect(try card("N:Builder;Bob;The;Mr;Jr", "IMPP:sip:b@h").name == "Mr Bob The Builder Jr")
    #expect(try card("N:;;;;", "IMPP:sip:b@h").name.isEmpty)
  }

  @Test func quotedPrintableAndOtherCharacterSetsAreRead() throws {
    let card = try card(
      "VERSION:2.1", "FN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:J=F6rg =", " M=FCller", "X-SIP:joerg@h")
    #expect(card.name == "Jörg Müller")
    #expect(
      try self.card("N;QUOTED-PRINTABLE;CHARSET=UTF-8:M=C3=BCller;J=C3=B6rg", "IMPP:sip:j@h").name == "Jörg Müller")
    // As old programs write it, without a word on it.
    let bare = Data("BEGIN:VCARD\nFN:J".utf8) + [0xF6] + Data("rg\nIMPP:sip:j@h\nEND:VCARD\n".utf8)
    #expect(try VCard.cards(in: bare) == [VCard(name: "Jörg", addresses: [#require(SIPURI("sip:j@h"))])])
    let wide = "\u{FEFF}BEGIN:VCARD\r\nFN:Jörg\r\nEND:VCARD\r\n".data(using: .utf16LittleEndian)
    #expect(try VCard.cards(in: #require(wide)).map(\.name) == ["Jörg"])
  }

  @Test func severalCardsAreReadWithAnyLineEnd() throws {
    for end in ["\r\n", "\n"] {
      let all = try cards(
        "BEGIN:VCARD", "FN:A", "END:VCARD", "", "begin:vcard", "FN:B", "PHOTO;ENCODING=b:AAAA", " AA==", "IMPP:sip:b@h",
        "END:VCARD", end: end)
      #expect(all.map(\.name) == ["A", "B"] && all[1].addresses.count == 1)
    }
  }

  @Test(arguments: [
    "", "FN:Bob\r\n", "BEGIN:VCARD\r\nFN:Bob\r\n", "BEGIN:VCARD\r\nBEGIN:VCARD\r\nEND:VCARD\r\nEND:VCARD\r\n",
    "END:VCARD\r\n", "BEGIN:VCARD\r\nEND:VCARD\r\nFN:x\r\n",
  ])
  func whatIsNoFileOfWholeCardsIsRefused(_ text: String) {
    #expect(throws: FormatError.self) { try VCard.cards(in: Data(text.utf8)) }
  }

  @Test func whatIsTooMuchIsRefusedOrPassedOver() throws {
    let many = "BEGIN:VCARD\n" + String(repeating: "NOTE:x\n", count: VCard.maximumLines + 1) + "END:VCARD\n"
    #expect(throws: FormatError.self) { try VCard.cards(in: Data(many.utf8)) }
    let pairs = String(repeating: "BEGIN:VCARD\nEND:VCARD\n", count: VCard.maximumCards + 1)
    #expect(throws: FormatError.self) { try VCard.cards(in: Data(pairs.utf8)) }
    let picture = String(repeating: " " + String(repeating: "A", count: 75) + "\r\n", count: 50_000)
    let card = "BEGIN:VCARD\r\nFN:B\r\nPHOTO:x\r\n" + picture + "IMPP:sip:b@h\r\nEND:VCARD\r\n"
    #expect(try VCard.cards(in: Data(card.utf8)).first?.addresses.count == 1)
    let addresses = (1...100).map { "IMPP:sip:b\($0)@h\n" }.joined()
    let read = try VCard.cards(in: Data(("BEGIN:VCARD\n" + addresses + "END:VCARD").utf8))
    #expect(read.first?.addresses.count == VCard.maximumAddresses)
  }
}
