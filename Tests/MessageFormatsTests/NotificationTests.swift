// NotificationTests.swift: IMDN and typing indications against RFC 5438, RFC 3994 and the recorded traffic
import Foundation
import MessageFormats
import Testing

@Suite("IMDN")
struct IMDNMessageTests {
  @Test(
    "recorded notifications are read, and written again byte for byte",
    arguments: [("cpim-delivered.cpim", IMDNMessage.Kind.delivered), ("cpim-displayed.cpim", .displayed)])
  func recorded(name: String, kind: IMDNMessage.Kind) throws {
    let cpim = try CPIMMessage(parsing: Corpus.data(name))
    #expect(cpim.contentDisposition == "notification")
    let imdn = try IMDNMessage(parsing: cpim.body)
    #expect(imdn.messageID == "8uL4SHuszakw")
    #expect(imdn.dateTime == RFC3339.date(from: "2026-11-21T05:46:07Z"))
    #expect(imdn.kind == kind)
    #expect(imdn.serialized == cpim.body)
  }

  @Test("several notifications in one message, as recorded")
  func several() throws {
    let cpim = try CPIMMessage(parsing: Corpus.data("cpim-several-imdn.cpim"))
    let type = try #require(cpim.contentType)
    let all = try IMDNMessage.all(inContentType: type.description, body: cpim.body)
    #expect(all.map(\.messageID) == ["wXTMhScAe4jv", "k7bD0-vSqdy~"])
    #expect(try IMDNMessage.all(inContentType: "message/imdn+xml", body: all[0].serialized) == [all[0]])
    #expect(throws: FormatError.self) { try IMDNMessage.all(inContentType: "text/plain", body: cpim.body) }
  }

  @Test("one unreadable notification does not hide the others")
  func oneBad() throws {
    let good = IMDNMessage(messageID: "x", dateTime: nil, kind: .displayed)
    let headers: HeaderFields = [.init("content-type", "MESSAGE/imdn+xml")]
    let parts = [Data("<broken".utf8), good.serialized].map { MIMEPart(headers: headers, body: $0) }
    let body = MultipartBody(parts).serialized(boundary: "b")
    #expect(try IMDNMessage.all(inContentType: "multipart/mixed; boundary=\"b\"", body: body).map(\.messageID) == ["x"])
  }

  @Test("a message that could not be decrypted")
  func failed() throws {
    let imdn = IMDNMessage(messageID: "id", dateTime: Date(timeIntervalSince1970: 0), kind: .failed(.notAcceptable))
    #expect(
      String(decoding: imdn.serialized, as: UTF8.self) == """
        <?xml version="1.0" encoding="UTF-8" standalone="no" ?><imdn xmlns="urn:ietf:params:xml:ns:imdn" \
        xmlns:imdn="http://www.linphone.org/xsds/imdn.xsd"><message-id>id</message-id>\
        <datetime>1970-01-01T00:00:00Z</datetime><delivery-notification><status><failed/>\
        <imdn:reason code="488">NotAcceptable</imdn:reason></status></delivery-notification></imdn>
        """)
    #expect(try IMDNMessage(parsing: imdn.serialized) == imdn)
    #expect(imdn.reasonCode == 488)
  }

  @Test("other prefixes, unknown elements and all kinds are understood")
  func kinds() throws {
    let text = """
      <i:imdn xmlns:i="urn:ietf:params:xml:ns:imdn" xmlns:l="http://www.linphone.org/xsds/imdn.xsd"><x/>
        <i:message-id> a </i:message-id><i:datetime>2026-11-21T06:46:07.5+01:00</i:datetime>
        <i:subject>s</i:subject><i:display-notification><i:status><i:error/><l:reason code="99999">t</l:reason>
        </i:status></i:display-notification></i:imdn>
      """
    let imdn = try IMDNMessage(parsing: Data(text.utf8))
    #expect(imdn.messageID == "a")
    #expect(imdn.dateTime == Date(timeIntervalSince1970: 1_795_239_967.5))
    #expect(imdn.notification == .display)
    #expect(imdn.kind == .error(.init(code: 0, text: "t")))
    let kinds: [IMDNMessage.Kind] = [
      .delivered, .displayed, .processed, .stored, .failed(nil), .forbidden, .error(.init(code: 500, text: "<&\">")),
    ]
    for kind in kinds {
      let imdn = IMDNMessage(messageID: "m<&>", dateTime: Date(timeIntervalSince1970: 1), kind: kind)
      #expect(try IMDNMessage(parsing: imdn.serialized) == imdn)
    }
  }

  @Test(
    "incomplete and foreign documents are refused",
    arguments: [
      "", "<imdn/>", "<imdn xmlns='urn:ietf:params:xml:ns:imdn'/>", "<x xmlns='urn:ietf:params:xml:ns:imdn'/>",
      "<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>a</message-id></imdn>",
      "<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>a</message-id>"
        + "<delivery-notification><status><what/></status></delivery-notification></imdn>",
      "<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>a</message-id>"
        + "<delivery-notification><status><delivered/></status></delivery-notification>",
    ])
  func refused(text: String) {
    #expect(throws: FormatError.self) { try IMDNMessage(parsing: Data(text.utf8)) }
  }
}

@Suite("Typing")
struct IsComposingTests {
  @Test("a recorded indication is read, and written again byte for byte")
  func recorded() throws {
    let cpim = try CPIMMessage(parsing: Corpus.data("cpim-composing.cpim"))
    #expect(cpim.contentType == .isComposing)
    let composing = try IsComposing(parsing: cpim.body)
    #expect(composing == IsComposing(isActive: true, refresh: 60))
    #expect(composing.serialized == cpim.body)
  }

  @Test("unknown states are idle, absurd refreshes are cut, a missing state is an error")
  func variants() throws {
    func parse(_ inner: String) throws -> IsComposing {
      let text = "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'>\(inner)</isComposing>"
      return try IsComposing(parsing: Data(text.utf8))
    }
    #expect(try parse("<state>thinking</state>") == IsComposing(isActive: false))
    #expect(try parse("<state>active</state><refresh>999999</refresh>").refresh == IsComposing.maximumRefresh)
    #expect(try parse("<state>active</state><refresh>-1</refresh>").refresh == nil)
    #expect(throws: FormatError.self) { try parse("<refresh>1</refresh>") }
    #expect(try IsComposing(parsing: IsComposing(isActive: false).serialized) == IsComposing(isActive: false))
  }
}
