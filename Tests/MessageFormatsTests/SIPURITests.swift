// SIPURITests.swift: SIP URIs against RFC 3261 §19.1 and the GRUUs of the recorded traffic
import Foundation
import MessageFormats
import Testing

@Suite("SIP URI")
struct SIPURITests {
  @Test(
    "what was read is written again unchanged",
    arguments: [
      "sip:alice@atlanta.com", "sips:alice@atlanta.com:5061;transport=tcp", "sip:atlanta.com;method=REGISTER",
      "sip:alice;day=tuesday@atlanta.com", "sip:+1-212-555-1212:1234@gateway.com", "sip:alice@192.0.2.4",
      "sip:atlanta.com;lr?to=alice%40atlanta.com", "sip:bob@[2001:db8::9:1]:5060;transport=tcp",
      "sip:chatroom-6YXJK~nKgif6QlzJ@sip.example.org;gr=3f91af95-6739-00ff-9e71-fe4a813c9c63",
      "sip:bob@sip.example.org;gr=urn:uuid:fc58a235-6513-0081-896e-c3798d291f3f",
      "sip:127.0.0.1:6064;transport=tcp;verified", "sip:a%20b@example.org",
    ])
  func roundTrip(text: String) throws {
    let uri = try #require(SIPURI(text))
    // RFC 3261 advises against passwords, so that one part is not kept.
    #expect(uri.description == text.replacingOccurrences(of: ":1234@", with: "@"))
    #expect(try JSONDecoder().decode(SIPURI.self, from: JSONEncoder().encode(uri)) == uri)
  }

  @Test("the parts of a GRUU")
  func parts() throws {
    let uri = try #require(SIPURI("sip:bob@sip.example.org:5070;gr=urn:uuid:fc58a235;text"))
    #expect(uri.user == "bob")
    #expect(uri.host == "sip.example.org")
    #expect(uri.port == 5070)
    #expect(uri.gruu == "urn:uuid:fc58a235")
    #expect(uri.has(parameter: "TEXT"))
    #expect(uri[parameter: "text"] == "")
    #expect(uri[parameter: "lr"] == nil)
    #expect(uri.withoutParameters.description == "sip:bob@sip.example.org:5070")
    #expect(uri.without(parameter: "Gr").description == "sip:bob@sip.example.org:5070;text")
    #expect(uri.with(parameter: "method", "BYE").description.hasSuffix(";text;method=BYE"))
  }

  @Test("equality follows RFC 3261 §19.1.4 in case and escapes, and counts every parameter")
  func equality() {
    #expect(SIPURI("sip:%61lice@atlanta.com;transport=TCP") == SIPURI("sip:alice@AtLanTa.CoM;Transport=tcp"))
    #expect(SIPURI("sip:a@h;x=1;y=2") == SIPURI("sip:a@h;y=2;x=1"))
    #expect(SIPURI("SIP:ALICE@AtLanTa.CoM") != SIPURI("sip:alice@atlanta.com"))
    #expect(SIPURI("sip:bob@biloxi.com") != SIPURI("sip:bob@biloxi.com:5060"))
    #expect(SIPURI("sip:bob@biloxi.com") != SIPURI("sips:bob@biloxi.com"))
    #expect(SIPURI("sip:bob@h;gr=a") != SIPURI("sip:bob@h;gr=A"))
    #expect(SIPURI("sip:bob@h;gr=a") != SIPURI("sip:bob@h"))
    #expect(Set([SIPURI("sip:a@H;x;y"), SIPURI("sip:a@h;y;x")]).count == 1)
  }

  @Test(
    "texts that are no SIP URI are refused",
    arguments: [
      "", "sip:", "sip:@host", "sip:a@", "http://example.org", "<sip:a@b>", "sip:a@b c", "sip:a@b\r\nX: y", "sip:a@b@c",
      "sip:a@h:99999", "sip:a@h:", "sip:a@h:5x", "sip:a@[::1", "sip:a@[xyz]", "sip:a%2@h", "sip:a%zz@h", "sip:a@h;=x",
      "sip:a@h\0", "sip:a\"@h", "sip:a@ho\u{202E}st",
    ])
  func refused(text: String) {
    #expect(SIPURI(text) == nil)
  }

  @Test("parts given by the program cannot break out of the URI")
  func escaping() throws {
    let uri = SIPURI(
      user: "a b@c\r\n", host: "h\r\n.org", port: 70_000,
      parameters: [Parameter("x", "1;y=2>"), Parameter("z", "%41")])
    #expect(uri.description == "sip:a%20b%40c%0D%0A@h.org;x=1%3By%3D2%3E;z=%41")
    #expect(SIPURI(uri.description) == uri)
    #expect(uri.user == "a b@c\r\n")
  }

  @Test("length and parameter count are limited")
  func limits() {
    #expect(SIPURI("sip:" + String(repeating: "a", count: SIPURI.maximumLength) + "@h") == nil)
    // Each of these takes three bytes, and nine with its escapes.
    #expect(SIPURI("sip:" + String(repeating: "\u{FFFD}", count: 1000) + "@h") == nil)
    #expect(SIPURI("sip:a@h" + String(repeating: ";x", count: SIPURI.maximumParameters)) != nil)
    #expect(SIPURI("sip:a@h" + String(repeating: ";x", count: SIPURI.maximumParameters + 1)) == nil)
  }
}

@Suite("Name and address")
struct NameAddressTests {
  @Test("a Contact of the recorded traffic keeps URI and header parameters apart")
  func contact() throws {
    let text =
      "<sip:bob@127.0.0.1:39336;transport=tcp>;+sip.instance=\"<urn:uuid:fc58a235>\";"
      + "+org.linphone.specs=\"groupchat/1.1,lime\";"
      + "pub-gruu=\"sip:bob@sip.example.org;gr=urn:uuid:fc58a235\";expires=600"
    let contact = try #require(NameAddress(text))
    #expect(contact.uri[parameter: "transport"] == "tcp")
    #expect(contact[parameter: "+sip.instance"] == "<urn:uuid:fc58a235>")
    #expect(contact[parameter: "pub-gruu"].flatMap(SIPURI.init)?.gruu == "urn:uuid:fc58a235")
    #expect(contact[parameter: "Expires"] == "600")
    #expect(contact.description == text)
  }

  @Test("without brackets the parameters belong to the header field")
  func addressSpec() throws {
    let address = try #require(NameAddress("sip:conference-factory@sip.example.org;tag=e539;+sip.instance=\"<u>\""))
    #expect(address.uri.parameters.isEmpty)
    #expect(address.tag == "e539")
    #expect(address[parameter: "+sip.instance"] == "<u>")
  }

  @Test("display names, quoted with escapes, bare, or absent")
  func displayNames() throws {
    #expect(NameAddress("\"Bob \\\"B\\\" <x>, Esq\" <sip:b@h>;tag=1")?.displayName == "Bob \"B\" <x>, Esq")
    #expect(NameAddress("Zoë Doe <sip:b@h>")?.displayName == "Zoë Doe")
    #expect(NameAddress(" <sip:b@h> ")?.displayName == nil)
    let hostile = NameAddress(try #require(SIPURI("sip:b@h")), displayName: "a\"\r\nX: y")
    #expect(hostile.description == "\"a\\\"  X: y\" <sip:b@h>")
    #expect(NameAddress(hostile.description)?.displayName == "a\"  X: y")
  }

  @Test("lists are split at commas outside quotes and brackets; what is no SIP address is left out")
  func lists() {
    let list = NameAddress.list("*, \"a,b\" <sip:a@h;x=1,2>;q=0.5, sip:c@h;s=\"x,y\", tel:123, <sip:d@h>")
    #expect(list.map(\.uri.user) == ["a", "c", "d"])
    #expect(NameAddress.list("").isEmpty)
    #expect(NameAddress.list("\"unclosed <sip:a@h>, <sip:b@h>").isEmpty)
  }
}
