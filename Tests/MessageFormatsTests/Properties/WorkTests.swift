// WorkTests.swift: the time to read a body grows with its length, not with the square of it
import Foundation
import MessageFormats
import Testing

/// A body that is laborious to read, in a form that a quadratic reader would need hours for.
struct LaboriousBody: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var read: @Sendable () -> Void

  private static let length = 2 << 20

  private static func repeated(_ text: String) -> Data {
    Data(String(repeating: text, count: length / text.utf8.count).utf8)
  }

  private static func xml(_ root: String, _ namespace: String, _ inner: Data) -> Data {
    Data("<\(root) xmlns='\(namespace)'>".utf8) + inner.prefix(length - 200) + Data("</\(root)>".utf8)
  }

  static let all: [LaboriousBody] = [
    LaboriousBody(testDescription: "CPIM, one long text") {
      let message = CPIMMessage(from: nil, body: repeated("text\r\n"))
      _ = try? CPIMMessage(parsing: Data("From: <sip:a@h>\r\n\r\n".utf8) + message.serialized).text
    },
    LaboriousBody(testDescription: "multipart, lines that begin like the boundary") {
      _ = try? MultipartBody(parsing: repeated("--" + String(repeating: "-", count: 68) + "\n"), boundary: "--x")
    },
    LaboriousBody(testDescription: "multipart, lines of one byte") {
      _ = try? MultipartBody(parsing: Data("--b\n\n".utf8) + repeated("-\n"), boundary: "b")
    },
    LaboriousBody(testDescription: "envelope, large cipher message") {
      let envelope = LimeEnvelope(
        sender: SIPURI(user: "a", host: "h"), messageID: nil, deviceParts: [:], cipherMessage: Data(count: length))
      let written = envelope.serialized
      _ = try? LimeEnvelope(parsing: written.body, contentType: written.contentType)
    },
    LaboriousBody(testDescription: "XML, comments that do not end") {
      _ = try? IsComposing(parsing: xml("isComposing", "urn:ietf:params:xml:ns:im-iscomposing", repeated("<!--")))
    },
    LaboriousBody(testDescription: "XML, character references") {
      _ = try? IsComposing(parsing: xml("isComposing", "urn:ietf:params:xml:ns:im-iscomposing", repeated("&amp;")))
    },
    LaboriousBody(testDescription: "XML, text in many pieces") {
      _ = try? IsComposing(parsing: xml("isComposing", "urn:ietf:params:xml:ns:im-iscomposing", repeated("x<!---->")))
    },
    LaboriousBody(testDescription: "a conference of the largest size, applied again and again") {
      let users = (0..<ConferenceInfo.maximumUsers).map { number in
        let address = SIPURI(user: "u\(number)", host: "h")
        let devices = (0..<4).map { ConferenceInfo.Endpoint(entity: address.with(parameter: "gr", "\($0)")) }
        return ConferenceInfo.User(entity: address, endpoints: devices)
      }
      let info = ConferenceInfo(entity: SIPURI(user: "r", host: "h"), state: .full, version: 1, users: users)
      var state = ConferenceState(entity: info.entity)
      for _ in 0..<3 { _ = (try? ConferenceInfo(parsing: info.serialized)).map { state.apply($0) } }
    },
    LaboriousBody(testDescription: "addresses, quotes that do not end") {
      for text in ["\"", ",", "<", "\\\"", "<sip:a@h>,", ";", "a;:<"] {
        _ = NameAddress.list(String(repeating: text, count: NameAddress.maximumLength / text.utf8.count))
      }
    },
  ]
}

@Suite("Work")
struct WorkTests {
  @Test("two megabytes are read in seconds even by an unoptimized build", arguments: LaboriousBody.all)
  func bounded(body: LaboriousBody) {
    #expect(ContinuousClock().measure { body.read() } < .seconds(30))
  }
}
