// XMLLimitTests.swift: hostile XML is refused by every parser that reads XML
import Foundation
import MessageFormats
import Testing

@Suite("XML limits")
struct XMLLimitTests {
  /// Reads a document as typing indication: the smallest vocabulary.
  private func parse(_ text: String) throws -> IsComposing { try IsComposing(parsing: Data(text.utf8)) }

  private func document(_ inner: String, prolog: String = "") -> String {
    "\(prolog)<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>active</state>\(inner)</isComposing>"
  }

  @Test("the document that the faults below are added to is fine")
  func baseline() throws {
    #expect(try parse(document("")).isActive)
    #expect(try parse("\u{FEFF}<?xml version='1.0' encoding='ISO-8859-1'?>\n" + document("<x>ü</x>")).isActive)
    #expect(try parse(document("<!-- comment --><x><![CDATA[<&?>]]></x>")).isActive)
  }

  @Test(
    "document types and entities are refused",
    arguments: [
      "<!DOCTYPE isComposing>", "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]>",
      "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>", "<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'>",
    ])
  func documentType(prolog: String) {
    for prefix in ["", "<?xml version=\"1.0\"?>\n", "<!-- -->"] {
      #expect(throws: FormatError.self) { try parse(document("", prolog: prefix + prolog)) }
    }
  }

  @Test(
    "processing instructions count for nothing: an empty one crashes Foundation's parser",
    arguments: ["<?x?>", "<?x y?>", "<?xml-stylesheet href='>'?>", "<?x <!DOCTYPE y> ?>"])
  func processingInstruction(text: String) throws {
    let documents = [
      text + document(""), "<?xml version='1.0'?>\n" + text + document(""), document(text), document("") + text,
      document("<y a='>'/>" + text), document("<!-- \(text) -->"), document("<y><![CDATA[\(text)]]></y>"),
    ]
    for document in documents { #expect(try parse(document).isActive, "\(document)") }
    for broken in [document("<y a=\(text)"), document("</y>" + text), "<![CDATA[\(text)]]>" + document("")] {
      #expect(throws: FormatError.self, "\(broken)") { try parse(broken) }
    }
  }

  @Test(
    "what is left open, or put together from what is taken out, is refused",
    arguments: [
      "<?x", "<!-- x", "<![CDATA[x", "<<?x?>!DOCTYPE y>", "<<?x?>?y?>", "<<!-- -->?y?>", "<<!-- -->!DOCTYPE y>",
      "<!<?x?>DOCTYPE y>", "<!<!-- -->-- -->", "<<![CDATA[?y?]]>>", "<!ENTITY y 'z'>", "<!ELEMENT y ANY>",
    ])
  func puttingTogether(text: String) {
    for document in [text + document(""), document(text), document("") + text] {
      #expect(throws: FormatError.self, "\(document)") { try parse(document) }
    }
  }

  @Test("CDATA is text, and so is markup in it")
  func characterData() throws {
    let info = try ConferenceInfo(
      parsing: Data(
        """
        <?xml version="1.0"?><?sheet x?><conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:r@h" \
        version="3"><conference-description><subject>A<!-- b --><![CDATA[ <&>;]]><?c?> &amp; D</subject>\
        </conference-description></conference-info>
        """.utf8))
    #expect(info.subject == "A <&>; & D")
    #expect(info.version == 3)
  }

  @Test("entities that are not declared, and malformed ends, are errors although the parser itself goes on")
  func malformed() {
    for inner in ["&unknown;", "<x>", "</x>", "<x a=1/>", "<x a='1' a='2'/>", "&#0;", "<p:x/>", "\u{1}", "<x", "]]>"] {
      #expect(throws: FormatError.self, "\(inner)") { try parse(document(inner)) }
    }
    for text in [document("") + document(""), document("") + "x", "x" + document("")] {
      #expect(throws: FormatError.self) { try parse(text) }
    }
  }

  @Test("other encodings cannot smuggle a document type past the check")
  func encodings() throws {
    let text = "<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE x>" + document("")
    for encoding in [String.Encoding.utf16LittleEndian, .utf16BigEndian, .utf16, .utf32] {
      let data = try #require(text.data(using: encoding))
      #expect(throws: FormatError.self) { try IsComposing(parsing: data) }
    }
    // "+ADw-" is "<" in UTF-7.
    let utf7 = "<?xml version='1.0' encoding='UTF-7'?>+ADw-!DOCTYPE x>" + document("")
    #expect(throws: FormatError.self) { try parse(utf7) }
    let latin = Data(document("").utf8) + Data([0xE9])
    #expect(throws: FormatError.self) { try IsComposing(parsing: latin) }
  }

  @Test("depth, number of elements and length are limited")
  func limits() {
    func nested(_ depth: Int) -> String {
      String(repeating: "<x>", count: depth) + String(repeating: "</x>", count: depth)
    }
    #expect(throws: Never.self) { try parse(document(nested(30))) }
    for depth in [40, 100_000] {
      #expect(throws: FormatError.tooLarge(format: "is-composing indication", limit: "32 levels of XML")) {
        try parse(document(nested(depth)))
      }
    }
    #expect(throws: FormatError.tooLarge(format: "is-composing indication", limit: "50000 XML elements")) {
      try parse(document(String(repeating: "<x/>", count: 60_000)))
    }
    for (count, isRefused) in [(64, false), (65, true), (200_000, true)] {
      let attributes = (0..<count).map { "a\($0)='>'" }.joined(separator: " ")
      let result = Result { try parse(document("<x \(attributes)/>")) }
      #expect((try? result.get()) == nil ? isRefused : !isRefused)
    }
    #expect(throws: FormatError.self) { try parse(document(String(repeating: "x", count: 3 << 20))) }
  }

  @Test("a wrong root or namespace is refused")
  func root() {
    #expect(throws: FormatError.self) { try parse("<isComposing><state>active</state></isComposing>") }
    #expect(throws: FormatError.self) { try parse("<isComposing xmlns='urn:x'><state>active</state></isComposing>") }
    #expect(throws: FormatError.self) { try parse("") }
  }
}
