// CPIMMessageTests.swift: CPIM messages against RFC 3862 and the recorded traffic
import Foundation
import MessageFormats
import Testing

@Suite("CPIM message")
struct CPIMMessageTests {
  @Test("recorded messages are written again byte for byte", arguments: try Corpus.names(suffix: ".cpim"))
  func roundTrip(name: String) throws {
    let data = try Corpus.data(name)
    let message = try CPIMMessage(parsing: data)
    #expect(String(decoding: message.serialized, as: UTF8.self) == String(decoding: data, as: UTF8.self))
    try message.requireAddressesAndType()
  }

  @Test("the parts of a recorded reply")
  func reply() throws {
    let message = try CPIMMessage(parsing: Corpus.data("cpim-reply.cpim"))
    #expect(message.from?.uri == SIPURI("sip:bob@sip.example.org;gr=urn:uuid:9f692162-904d-00fc-bbce-875a101b6b76"))
    #expect(message.to?.uri.user == "chatroom-lPBhVdFIHRtW6fBT")
    #expect(message.dateTime == RFC3339.date(from: "2026-11-21T05:46:12Z"))
    #expect(message.messageID == "SayYvAUfOsP5")
    #expect(message.dispositionNotification == .usual)
    #expect(message.reply == .init(messageID: "8uL4SHuszakw", sender: SIPURI("sip:alice@sip.example.org")))
    #expect(message.contentType == .plainText)
    #expect(message.text == " a reply")
    #expect(message.contentHeaders.fields.map(\.name) == ["Content-Type"])
  }

  @Test("a message made here has the layout of the recorded one")
  func layout() throws {
    let recorded = try CPIMMessage(parsing: Corpus.data("cpim-reply.cpim"))
    var message = CPIMMessage(
      from: recorded.from?.uri, to: recorded.to?.uri, dateTime: recorded.dateTime, body: Data(" a reply".utf8))
    message.messageID = "SayYvAUfOsP5"
    message.reply = .init(messageID: "8uL4SHuszakw", sender: SIPURI("sip:alice@sip.example.org"))
    message.dispositionNotification = .usual
    #expect(message.serialized == (try Corpus.data("cpim-reply.cpim")))
    #expect(message == recorded)
  }

  @Test("headers are known by the namespace, not by the prefix")
  func namespaces() throws {
    let text =
      "From: <sip:a@h>\r\nNS: x <urn:ietf:params:imdn>\r\nx.message-id: one\r\n"
      + "NS: imdn <urn:other>\r\nimdn.Message-ID: two\r\nunknown.Thing: 3\r\nSubject:;lang=fr Objet\r\n\r\n"
      + "Content-type: text/plain\r\n\r\n"
    let message = try CPIMMessage(parsing: Data(text.utf8))
    #expect(message.messageID == "one")
    #expect(message.headers[1] == CPIMHeader(namespace: "urn:other", name: "Message-ID", value: "two"))
    #expect(message.headers[2] == CPIMHeader(namespace: nil, name: "unknown.Thing", value: "3"))
    #expect(message[header: "subject"] == "Objet")
    #expect(message.headers[3].parameters == [Parameter("lang", "fr")])
    // Written with the usual prefix for IMDN and one of its own for the other namespace.
    let again = try CPIMMessage(parsing: message.serialized)
    #expect(again.headers.map(\.namespace) == message.headers.map(\.namespace))
    #expect(again.headers.map(\.value) == message.headers.map(\.value))
    #expect(again.messageID == "one")
  }

  @Test("imdn and linphone prefixes are understood without an NS header")
  func undeclaredPrefix() throws {
    let text = "From: <sip:a@h>\nimdn.Message-ID: x\n\nContent-Type: a/b\n\nbody"
    let message = try CPIMMessage(parsing: Data(text.utf8))
    #expect(message.messageID == "x")
    #expect(message.text == "body")
  }

  @Test("escapes of RFC 3862 §2.3")
  func escapes() throws {
    let line = #"Subject: a\\b \"q\" \'s\' \t\n \u00e9 \uD83D\uDE00 \ud800x \u12"#
    let message = try CPIMMessage(parsing: Data((line + "\r\n\r\nContent-Type: text/plain\r\n\r\n").utf8))
    #expect(message[header: "Subject"] == "a\\b \"q\" 's' \t\n é 😀 ud800x u12")
    var other = CPIMMessage(from: nil, body: Data())
    other[header: "Subject"] = "line\r\nFrom: <sip:mallory@h>\u{1B}[2J\\"
    let again = try CPIMMessage(parsing: other.serialized)
    #expect(again.from == nil)
    #expect(again[header: "Subject"] == other[header: "Subject"])
    let written = String(decoding: other.serialized, as: UTF8.self)
    #expect(written.contains(#"Subject: line\r\nFrom: <sip:mallory@h>\u001B[2J\\"#))
  }

  @Test(
    "the content ends with the body, whatever Content-Length says",
    arguments: ["4", "0", "9", "99", "-1", "x", "18446744073709551616"])
  func contentLength(length: String) throws {
    let data = Data("From: <sip:a@h>\r\n\r\nContent-Length: \(length)\r\nContent-Type: a/b\r\n\r\ntext tail".utf8)
    #expect(try CPIMMessage(parsing: data).text == "text tail")
    // Counted in characters, of which some take two bytes.
    let accents = Data("From: <sip:a@h>\r\n\r\nContent-Length: 17\r\n\r\nnaïve été à Orléans".utf8)
    #expect(try CPIMMessage(parsing: accents).text == "naïve été à Orléans")
  }

  @Test("an author without brackets keeps the GRUU")
  func bareAddress() throws {
    let message = try CPIMMessage(parsing: Data("From: sip:a@h;gr=1\nTo: Bob <sip:b@h;gr=2>\n\n\n".utf8))
    #expect(message.from?.uri.gruu == "1")
    #expect(message.to?.uri.gruu == "2")
    #expect(message.to?.displayName == "Bob")
  }

  @Test("typed headers of newer clients")
  func typedHeaders() throws {
    var message = CPIMMessage(
      from: SIPURI("sip:a@h;gr=1"), to: SIPURI("sip:r@h"), disposition: "Reaction", body: Data("👍".utf8))
    message.inReplyTo = "id1"
    message.replaces = "id2"
    message.retracts = "id3"
    message.forwardInfo = "Anonymous"
    message.ephemeralLifetime = 86_400
    let again = try CPIMMessage(parsing: message.serialized)
    #expect(again == message)
    #expect(again.isReaction)
    #expect(again[header: "linphone.Ephemeral-Time"] == "86400")
    #expect(again[header: "linphone.Ephemeral-Life-Time"] == "86400")
    #expect(again.text == "👍")
    message.ephemeralLifetime = nil
    message.inReplyTo = nil
    #expect(message.ephemeralLifetime == nil && !message.isReaction)
  }

  @Test("either ephemeral header is read, and absurd times are not")
  func ephemeral() throws {
    var message = CPIMMessage(from: nil, body: Data())
    message[header: "linphone.Ephemeral-Time"] = "60"
    #expect(message.ephemeralLifetime == 60)
    message[header: "linphone.Ephemeral-Life-Time"] = "99999999999999999999999"
    #expect(message.ephemeralLifetime == nil)
  }

  @Test("the time of unread messages is read as liblinphone 5.5 writes it, and told to those before it as they know it")
  func unread() throws {
    var message = CPIMMessage(from: nil, body: Data())
    message[header: "linphone.Ephemeral-Not-Read-Life-Time"] = "5"
    #expect(message.ephemeralUnreadLifetime == nil)
    message[header: "linphone.Ephemeral-Life-Time"] = "0"
    #expect(message.ephemeralUnreadLifetime == 5 && message.ephemeralLifetime == 0)

    var own = CPIMMessage(from: nil, body: Data())
    own.ephemeralLifetime = nil
    own.ephemeralUnreadLifetime = 5
    #expect(own[header: "linphone.Ephemeral-Life-Time"] == "0" && own[header: "linphone.Ephemeral-Time"] == "5")
    own.ephemeralLifetime = 60
    own.ephemeralUnreadLifetime = 5
    #expect(own[header: "linphone.Ephemeral-Life-Time"] == "60" && own[header: "linphone.Ephemeral-Time"] == "60")
  }

  @Test("missing From, To and Content-Type are told apart")
  func required() throws {
    let texts = [
      ("To: <sip:a@h>", "From"), ("From: <sip:a@h>", "To"), ("From: <sip:a@h>\r\nTo: <sip:b@h>", "Content-Type"),
    ]
    for (headers, field) in texts {
      let message = try CPIMMessage(parsing: Data("\(headers)\r\n\r\nX: y\r\n\r\n".utf8))
      #expect(throws: FormatError.missing(format: "CPIM message", field: field)) {
        try message.requireAddressesAndType()
      }
    }
  }

  @Test(
    "what is no CPIM is refused",
    arguments: ["", "\r\n\r\n", "hello", " folded: x\r\n\r\n", "a b: c\r\n", ": x\r\n"])
  func malformed(text: String) {
    #expect(throws: FormatError.self) { try CPIMMessage(parsing: Data(text.utf8)) }
  }

  @Test("sizes are limited")
  func limits() {
    let many = String(repeating: "X: y\r\n", count: HeaderFields.maximumFields + 1)
    let long = "X: " + String(repeating: "y", count: HeaderFields.maximumBlockLength) + "\r\nZ: z\r\n"
    for text in [many, long] {
      #expect(throws: FormatError.self) { try CPIMMessage(parsing: Data(text.utf8)) }
    }
    #expect(throws: FormatError.self) { try CPIMMessage(parsing: Data(count: CPIMMessage.maximumLength + 1)) }
  }

  @Test("text stays intact, whatever it holds")
  func unicode() throws {
    let text = "שלום 👩‍👩‍👧‍👦 e\u{301}\r\n\r\nFrom: x\r\n\u{0}"
    let message = CPIMMessage(from: SIPURI("sip:a@h"), to: SIPURI("sip:b@h"), body: Data(text.utf8))
    #expect(Array(try CPIMMessage(parsing: message.serialized).text.utf8) == Array(text.utf8))
  }
}
