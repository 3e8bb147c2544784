// MIMETests.swift: media types and multipart bodies against RFC 2045 and RFC 2046
import Foundation
import MessageFormats
import Testing

@Suite("Content type")
struct ContentTypeTests {
  @Test("type and parameter names have no case, quotes are taken away and put back where needed")
  func parsing() throws {
    let type = try #require(ContentType("Multipart/Encrypted ; Protocol=\"application/lime\"; boundary=--x"))
    #expect(type.mediaType == "multipart/encrypted")
    #expect(type[parameter: "protocol"] == "application/lime")
    #expect(type[parameter: "BOUNDARY"] == "--x")
    #expect(type.description == "multipart/encrypted;Protocol=\"application/lime\";boundary=--x")
    #expect(ContentType(type.description) == type)
    #expect(type.matches("multipart/ENCRYPTED") && type.isMultipart)
    #expect(ContentType("a/b;x=\"q\\\"\\\\\"")?[parameter: "x"] == "q\"\\")
    #expect(ContentType("text/plain;") == .plainText)
  }

  @Test(
    "what is no media type is refused",
    arguments: ["", "text", "/plain", "text/", "a/b/c", "te xt/plain", "a/b;=1", "a/b;x=\"open", "a/b x", "a/b;;"])
  func refused(text: String) {
    #expect(ContentType(text) == nil)
  }
}

@Suite("Multipart body")
struct MultipartBodyTests {
  private func parse(_ text: String, boundary: String = "b") throws -> [MIMEPart] {
    try MultipartBody(parsing: Data(text.utf8), boundary: boundary).parts
  }

  @Test("the simple example of RFC 2046 §5.1.1: preamble and epilogue are dropped, implicit headers, exact bodies")
  func example() throws {
    let parts = try parse(
      "This is the preamble.\r\n--simple boundary\r\n\r\nThis is implicitly typed.\r\nNo line end.\r\n"
        + "--simple boundary\r\nContent-type: text/plain; charset=us-ascii\r\n\r\nIt does end with a line end.\r\n\r\n"
        + "--simple boundary--\r\nThis is the epilogue.\r\n--simple boundary\r\n\r\nnot a part\r\n",
      boundary: "simple boundary")
    #expect(parts.count == 2)
    #expect(parts[0].headers.fields.isEmpty && parts[0].contentType == nil)
    #expect(String(decoding: parts[0].body, as: UTF8.self) == "This is implicitly typed.\r\nNo line end.")
    #expect(parts[1].contentType?.matches("text/plain") == true)
    #expect(String(decoding: parts[1].body, as: UTF8.self) == "It does end with a line end.\r\n")
  }

  @Test("bare line feeds, blanks after the boundary, folded headers and empty parts")
  func lenient() throws {
    let parts = try parse("--b  \nX: 1\n  2\nx: 3\n\nbody\n--b\n--b\n\n--b\nY: z\n\n--b--")
    #expect(parts.map(\.body) == [Data("body".utf8), Data(), Data(), Data()])
    #expect(parts[0].headers["x"] == "1 2")
    #expect(parts[0].headers.all("X") == ["1 2", "3"])
    #expect(parts[3].headers["y"] == "z")
  }

  @Test("a longer boundary is another boundary")
  func prefix() throws {
    let parts = try parse("--b\n\nx\n--bb\ny\n--b-\nz\n --b\n--b--\n")
    #expect(parts.map { String(decoding: $0.body, as: UTF8.self) } == ["x\n--bb\ny\n--b-\nz\n --b"])
  }

  @Test(
    "bodies without boundary, without end or with faulty headers are refused",
    arguments: ["", "text", "--b\n\nx", "--b\n\nx\n--b", "--b\nno colon\n\nx\n--b--", "--b\n: x\n\n--b--"])
  func refused(text: String) {
    #expect(throws: FormatError.self) { try parse(text) }
  }

  @Test("the boundary comes from a multipart Content-Type, and has a maximum length")
  func boundary() {
    #expect(MultipartBody.boundary(inContentType: "multipart/mixed; boundary=\"a b\"") == "a b")
    #expect(MultipartBody.boundary(inContentType: "text/plain; boundary=x") == nil)
    #expect(MultipartBody.boundary(inContentType: "multipart/mixed") == nil)
    #expect(MultipartBody.boundary(inContentType: "multipart/mixed; boundary=\"\"") == nil)
    let long = String(repeating: "x", count: MultipartBody.maximumBoundaryLength + 1)
    #expect(MultipartBody.boundary(inContentType: "multipart/mixed; boundary=\(long)") == nil)
    #expect(throws: FormatError.self) { try MultipartBody(parsing: Data(), contentType: "multipart/mixed") }
  }

  @Test("a boundary that a body holds is avoided")
  func avoided() throws {
    let hostile = Data("x\r\n--\(MultipartBody.usualBoundary)--\r\n\(MultipartBody.usualBoundary)1".utf8)
    let parts = [MIMEPart(body: hostile), MIMEPart(headers: [.init("A", "b")], body: Data([0, 255, 13, 10]))]
    let boundary = MultipartBody.boundary(avoidedBy: parts)
    #expect(boundary == MultipartBody.usualBoundary + "2")
    #expect(MultipartBody.boundary(avoidedBy: []) == MultipartBody.usualBoundary)
    let data = MultipartBody(parts).serialized(boundary: boundary)
    #expect(try MultipartBody(parsing: data, boundary: boundary).parts == parts)
  }

  @Test("header values cannot begin lines of their own")
  func injection() throws {
    let part = MIMEPart(headers: [.init("A\r\nB", "x\r\nC: y\r\n\r\nbody")], body: Data())
    let data = MultipartBody([part]).serialized(boundary: "b")
    let again = try MultipartBody(parsing: data, boundary: "b").parts
    #expect(again.map(\.headers.fields) == [[.init("AB", "x  C: y    body")]])
    #expect(again[0].body.isEmpty)
  }

  @Test("the number of parts is limited")
  func limit() {
    let text = String(repeating: "--b\n\n", count: MultipartBody.maximumParts + 1) + "--b--\n"
    #expect(throws: FormatError.tooLarge(format: "multipart body", limit: "\(MultipartBody.maximumParts) parts")) {
      try parse(text)
    }
  }
}
