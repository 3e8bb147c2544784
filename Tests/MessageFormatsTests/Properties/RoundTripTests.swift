// RoundTripTests.swift: values with random content are read as they were written
import Foundation
import MessageFormats
import TestSupport
import Testing

/// Random content with a weight on what the grammars use as marks.
private struct RandomContent {
  var generator: SeededGenerator

  private static let marks = Array("<>&\"'\\;:,=@%?/-. \t\r\n[]{}()|~\u{1B}\u{7F}\u{0}".unicodeScalars)
  private static let others = Array("aZ09éß漢字🎈\u{301}\u{202E}\u{200D}\u{FEFF}\u{85}\u{10FFFF}".unicodeScalars)

  mutating func text(_ maximum: Int = 20) -> String {
    var view = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...maximum, using: &generator) {
      let pool = Bool.random(using: &generator) ? Self.marks : Self.others
      view.append(pool.randomElement(using: &generator) ?? "x")
    }
    return String(view)
  }

  /// Without white space around it and without what XML 1.0 cannot carry.
  mutating func xmlText() -> String {
    let allowed = Set("\t\n\r".unicodeScalars)
    let scalars = ("a" + text() + "z").unicodeScalars.filter { $0.value >= 0x20 || allowed.contains($0) }
    return String(String.UnicodeScalarView(scalars))
  }

  mutating func word() -> String {
    let count = Int.random(in: 1...12, using: &generator)
    return String((0..<count).map { _ in "abcXYZ0129-~".randomElement(using: &generator) ?? "x" })
  }

  mutating func data(_ maximum: Int) -> Data {
    let count = Int.random(in: 0...maximum, using: &generator)
    return Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }

  mutating func uri() -> SIPURI {
    SIPURI(
      user: text() + "u", host: word() + ".org", port: Bool.random(using: &generator) ? nil : 5060,
      parameters: [Parameter("gr", word()), Parameter(word(), text())])
  }

  mutating func date() -> Date {
    Date(timeIntervalSince1970: Double(Int.random(in: 0...4_000_000_000, using: &generator)))
  }

  mutating func maybe<Value>(_ make: (inout RandomContent) -> Value) -> Value? {
    Bool.random(using: &generator) ? make(&self) : nil
  }
}

@Suite("Round trips")
struct RoundTripTests {
  private func repeatedly(_ body: (inout RandomContent) throws -> Void) rethrows {
    var content = RandomContent(generator: SeededGenerator(seed: 4))
    for _ in 0..<500 { try body(&content) }
  }

  @Test("URIs and addresses")
  func addresses() throws {
    repeatedly { content in
      let uri = content.uri()
      #expect(SIPURI(uri.description) == uri)
      #expect(SIPURI(uri.description)?.user == uri.user)
      let parameters = [Parameter("+" + content.word(), content.word() + "<,>"), Parameter(content.word())]
      let address = NameAddress(uri, displayName: content.word() + "\"\\, <x>;", parameters: parameters)
      #expect(NameAddress(address.description) == address)
      let two = "\(address), \(uri)"
      #expect(NameAddress.list(two).first == address)
    }
  }

  @Test("CPIM messages")
  func cpim() throws {
    try repeatedly { (content: inout RandomContent) throws in
      var message = CPIMMessage(
        from: content.uri(), to: content.maybe { $0.uri() }, dateTime: content.maybe { $0.date() },
        disposition: content.maybe { $0.word() }, body: content.data(200))
      message.messageID = content.text() + "x"
      message.forwardInfo = content.maybe { $0.text() + "x" }
      message.headers += [
        CPIMHeader(namespace: "urn:" + content.word(), name: content.word(), value: content.text()),
        CPIMHeader(namespace: nil, name: "Subject", value: content.text()),
      ]
      #expect(try CPIMMessage(parsing: message.serialized) == message)
    }
  }

  @Test("notifications and files")
  func xml() throws {
    try repeatedly { (content: inout RandomContent) throws in
      let code = Int.random(in: 100...699, using: &content.generator)
      let reason = IMDNMessage.Reason(code: code, text: content.xmlText())
      let imdn = IMDNMessage(messageID: content.xmlText(), dateTime: content.date(), kind: .failed(reason))
      #expect(try IMDNMessage(parsing: imdn.serialized) == imdn)
      let file = FileTransferInfo.File(
        url: content.xmlText().filter { !$0.isWhitespace },
        size: content.maybe { Int.random(in: 0...Int.max, using: &$0.generator) },
        name: content.maybe { $0.xmlText() }, contentType: content.maybe { $0.word() },
        until: content.maybe { $0.date() },
        key: content.maybe { $0.data(32) + [1] }, authTag: content.maybe { $0.data(15) + [1] })
      let info = FileTransferInfo(file)
      #expect(try FileTransferInfo(parsing: info.serialized) == info)
    }
  }

  @Test("rooms")
  func rooms() throws {
    try repeatedly { (content: inout RandomContent) throws in
      let users = (0..<Int.random(in: 0...4, using: &content.generator)).map { _ in
        ConferenceInfo.User(
          entity: content.uri(), state: .partial, displayText: content.maybe { $0.xmlText() },
          roles: content.maybe { [$0.word().lowercased()] },
          endpoints: [.init(entity: content.uri(), state: .deleted), .init(entity: content.uri())])
      }
      let info = ConferenceInfo(
        entity: content.uri(), state: .full, version: Int.random(in: 0...1000, using: &content.generator),
        subject: content.maybe { $0.xmlText() }, users: users)
      #expect(try ConferenceInfo(parsing: info.serialized) == info)
      let list = ResourceList(users.map(\.entity))
      #expect(try ResourceList(parsing: list.serialized) == list)
    }
  }

  @Test("envelopes and multipart bodies")
  func envelopes() throws {
    try repeatedly { (content: inout RandomContent) throws in
      let devices = (0..<Int.random(in: 0...4, using: &content.generator)).map { _ in
        (content.uri().description, content.data(100))
      }
      let envelope = LimeEnvelope(
        sender: content.uri(), messageID: content.maybe { $0.word() },
        deviceParts: Dictionary(devices, uniquingKeysWith: { first, _ in first }),
        cipherMessage: content.maybe { $0.data(300) }, contentEncoding: nil)
      let written = envelope.serialized
      #expect(try LimeEnvelope(parsing: written.body, contentType: written.contentType) == envelope)
      let parts = devices.map { MIMEPart(headers: [.init("X", "y")], body: $0.1 + Data("\r\n--".utf8)) }
      let boundary = MultipartBody.boundary(avoidedBy: parts)
      let body = MultipartBody(parts).serialized(boundary: boundary)
      #expect(try MultipartBody(parsing: body, boundary: boundary).parts == parts)
    }
  }
}
