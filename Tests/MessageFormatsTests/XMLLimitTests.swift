// XMLLimitTests.swift: hostile XML is refused by every parser that reads XML
import Foundation
import Testing

import MessageFormats

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
    "processing instructions are refused everywhere: an empty one crashes Foundation's parser",
    arguments: ["<?x?>", "<?x y?>", "<?x"])
  func processingInstruction(text: String) {
    let documents = [
      text + document(""), document(text), document("") + text, document("<y a='>'/>" + text),
      document("<y\(text)/>"), document("<y a='\(text)'/>"), document("<!-- \(text) -->"), document("<y a=\(text)"),
      "<![CDATA[\(text)]]>" + document(""), document("") + "<![CDATA[\(text)]]>", document("</y>" + text),
    ]
    for document in documents { #expect(throws: FormatError.self) { try parse(document) } }
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
