// ContentCaseTests.swift: what other programs write into messages and notifications, sent to a client by hand
import ChatCore
import Foundation
import HostilePeer
import Lab
import MessageFormats
import TestSupport
import Testing

/// A plain room that Carol, who speaks SIP by hand, shares with Alice.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ContentCaseTests {
  private struct Table {
    let alice: ChatAccount
    let carol: HostilePeer
    let room: String

    /// Sends a CPIM message of these header lines and content; returns the SIP status.
    @discardableResult
    func send(_ id: String, _ contentHeaders: String, _ body: Data, headers: String = "") async throws -> Int {
      let head = """
        From: <\(carol.device)>\r
        To: <\(room)>\r
        DateTime: \(RFC3339.string(from: Date()))\r
        \(headers)NS: imdn <urn:ietf:params:imdn>\r
        imdn.Message-ID: \(id)\r
        imdn.Disposition-Notification: positive-delivery, negative-delivery, display\r
        \r
        \(contentHeaders)\r

        """.replacingOccurrences(of: "\r\n\n", with: "\r\n")
      return try await carol.message(room, Data(head.utf8) + body).status
    }

    /// All texts of the room, once the last one sent is there.
    func texts() async throws -> [String] {
      let id = MessageID.make()
      try await send(id, "Content-Type: text/plain\r\n", Data("last: \(id)".utf8))
      _ = try await alice.message("last: \(id)")
      return try await alice.client.store.history(room: room).map(\.message.text).filter { !$0.hasPrefix("last: ") }
    }
  }

  private func play(_ body: (Table) async throws -> Void) async throws {
    let lab = Lab(.example)
    let addresses = try await lab.start()
    let carol = try HostilePeer("carol", sip: addresses.sip)
    let alice = try ChatAccount(
      user: "alice", domain: addresses.domain, proxy: #require(SIPURI(addresses.sip)),
      factory: #require(SIPURI(addresses.factory)), keyServer: nil)
    try await carol.start()
    try await alice.start()
    let room = try await alice.client.createRoom(
      named: "Plain", members: [SIPURI(user: "carol", host: addresses.domain)], encrypted: false
    ).room.address
    _ = try await carol.invitation()
    try await alice.stored(room, "both devices", within: 20) { $0.deviceCount == 2 }
    try await body(Table(alice: alice, carol: carol, room: room))
    await alice.stop()
    await carol.stop()
    await lab.stop()
  }

  @Test func textsInOtherCharactersAndEncodingsAreRead() async throws {
    try await play { table in
      try await table.send("cs1", "Content-Type: text/plain;charset=windows-1252\r\n", Data([0x93, 0x35, 0x80, 0x94]))
      try await table.send(
        "cs2", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n",
        Data("caf=C3=A9 =3D ok".utf8))
      try await table.send(
        "cs3", "Content-Type: text/plain\r\nContent-Length: 19\r\n", Data("naïve été à Orléans".utf8))
      try await table.send(
        "cs4", "Content-Type: multipart/mixed;boundary=b\r\n",
        Data("--b\r\nContent-Type: text/plain;charset=koi8-r\r\n\r\n".utf8) + Data([0xF0, 0xD2])
          + Data("\r\n--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nw6k=".utf8)
          + Data("\r\n--b--\r\n".utf8))
      try await table.send("cs5", "Content-Type: text/plain;charset=klingon\r\n", Data([0xE9]))
      let texts = try await table.texts()
      let expected = [
        "\u{201C}5€\u{201D}", "café = ok", "naïve été à Orléans", "Пр\né", "[text/plain; charset=klingon, 1 bytes]",
      ]
      #expect(texts == expected)
    }
  }

  @Test func noticesThatCannotBeReadAreNoLineOfTheChat() async throws {
    try await play { table in
      let notice = "Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n"
      for (number, body) in ["", "junk", "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"/>"].enumerated() {
        #expect(try await table.send("bad\(number)", notice, Data(body.utf8)) == 200)
      }
      let parts = "--b\r\nContent-Type: message/imdn+xml\r\n\r\n?\r\n--b--\r\n"
      try await table.send("bad9", "Content-Type: multipart/mixed;boundary=b\r\n", Data(parts.utf8))
      #expect(try await table.texts() == [])
    }
  }

  @Test(arguments: ["forbidden", "error"])
  func whoDoesNotTellWhetherItReadAMessageHasNotLostIt(_ status: String) async throws {
    try await play { table in
      let sent = try await table.alice.client.send("did you read it?", to: table.room)
      let notice = """
        <?xml version="1.0"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>\(sent.messageID)</message-id>\
        <datetime>2026-11-30T11:00:00Z</datetime><display-notification><status><\(status)/></status>\
        </display-notification></imdn>
        """
      _ = try await table.carol.received("MESSAGE") {
        String(decoding: $0.body, as: UTF8.self).contains("did you read")
      }
      try await table.send(
        "n", "Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n", Data(notice.utf8))
      _ = try await table.texts()
      let stored = try await table.alice.client.store.history(room: table.room)
        .first { $0.message.messageID == sent.messageID }
      #expect(stored?.message.state == .sent)
      #expect(stored?.deliveries.contains { $0.state == .failed } == false)
      // A failed delivery is one all the same.
      let failed = notice.replacing("display-notification", with: "delivery-notification")
        .replacing("<\(status)/>", with: "<failed/>")
      try await table.send(
        "f", "Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n", Data(failed.utf8))
      _ = try await table.texts()
      let after = try await table.alice.client.store.history(room: table.room)
        .first { $0.message.messageID == sent.messageID }
      #expect(after?.deliveries.contains { $0.state == .failed } == true)
    }
  }

  @Test func aMessageThatRequiresWhatIsNotUnderstoodIsNotShownAsIfItWere() async throws {
    try await play { table in
      let type = "Content-Type: text/plain\r\n"
      try await table.send(
        "rq1", type, Data("only with the option".utf8), headers: "NS: v <urn:vital>\r\nRequire: v.Option\r\n")
      try await table.send("rq2", type, Data("as usual".utf8), headers: "Require: imdn.Message-ID\r\n")
      // Neither is what it would change.
      try await table.send(
        "rq3", type, Data("another text".utf8),
        headers: "NS: linphone <tag:linphone.org,2020:params:groupchat>\r\nlinphone.Replaces: rq2\r\nRequire: X\r\n")
      #expect(
        try await table.texts()
          == ["[a message that requires <urn:vital>.Option]", "as usual", "[a message that requires X]"])
      // Its sender is told that it did not get through.
      let came = try await table.carol.received("MESSAGE") { Self.notices($0).contains { $0.messageID == "rq3" } }
      #expect(Self.notices(came).first { $0.messageID == "rq3" }?.kind == .failed(.badExtension))
      let all = await table.carol.requests.flatMap(Self.notices)
      #expect(all.first { $0.messageID == "rq1" }?.reasonCode == 420)
      #expect(all.first { $0.messageID == "rq2" }?.kind == .delivered)
    }
  }

  private static func notices(_ message: WireMessage) -> [IMDNMessage] {
    guard let cpim = try? CPIMMessage(parsing: message.body), let type = cpim.contentType else { return [] }
    return (try? IMDNMessage.all(inContentType: type.description, body: cpim.body)) ?? []
  }

  @Test func aProcessingInstructionInTheStateOfARoomHindersNothing() async throws {
    let lab = Lab(.example)
    let addresses = try await lab.start()
    let server = try HostileServer(to: addresses.sip)
    let carol = try HostilePeer("carol", sip: addresses.sip)
    let alice = try ChatAccount(
      user: "alice", domain: addresses.domain, proxy: #require(SIPURI(server.address)),
      factory: #require(SIPURI(addresses.factory)), keyServer: nil)
    try await carol.start()
    try await alice.start()
    let room = try await alice.client.createRoom(
      named: "Before", members: [SIPURI(user: "carol", host: addresses.domain)], encrypted: false
    ).room.address
    let state = """
      <?xml version="1.0" encoding="UTF-8"?>
      <?sheet x?><?y?><conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="\(room)" state="full" \
      version="900"><conference-description><subject>After</subject></conference-description><users>\
      <user entity="\(alice.address)" state="full"><roles><entry>admin</entry></roles></user></users></conference-info>
      """
    #expect(try await server.notify("alice", room: room, body: Data(state.utf8)).status == 200)
    try await alice.stored(room, "the new name", within: 20) { $0.room.subject == "After" }
    await alice.stop()
    await carol.stop()
    server.stop()
    await lab.stop()
  }
}
