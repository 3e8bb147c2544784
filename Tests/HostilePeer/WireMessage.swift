// WireMessage.swift: a SIP message as it is on the wire (RFC 3261 §7)
import Foundation

/// Header fields in their order and written form; folded ones are not put together.
public struct WireMessage: Sendable {
  public var startLine: String
  public var headers: [(name: String, value: String)]
  public var body: Data

  public init(startLine: String, headers: [(name: String, value: String)], body: Data = Data()) {
    (self.startLine, self.headers, self.body) = (startLine, headers, body)
  }

  /// Of a response; 0 for a request.
  public var status: Int { isRequest ? 0 : Int(startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
  public var isRequest: Bool { !startLine.hasPrefix("SIP/2.0") }
  /// Of a request or of the request that a response answers.
  public var method: String { (self["CSeq"]?.split(separator: " ").last).map(String.init) ?? "" }
  public var sequence: Int { (self["CSeq"]?.split(separator: " ").first).flatMap { Int($0) } ?? 0 }

  public func all(_ name: String) -> [String] {
    headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }

  /// The first field of that name. Setting puts the value in its place, or at the end.
  public subscript(name: String) -> String? {
    get { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
    set {
      guard let newValue else { return headers.removeAll { $0.name.lowercased() == name.lowercased() } }
      if let index = headers.firstIndex(where: { $0.name.lowercased() == name.lowercased() }) {
        headers[index].value = newValue
      } else {
        headers.append((name, newValue))
      }
    }
  }

  /// The URI of a name-addr field such as From.
  public func uri(_ name: String) -> String? { self[name].flatMap(Self.uri) }

  static func uri(_ field: String) -> String? {
    guard let start = field.firstIndex(of: "<"), let end = field[start...].firstIndex(of: ">") else {
      return field.split(separator: ";").first.map(String.init)
    }
    return String(field[field.index(after: start)..<end])
  }

  public func tag(_ name: String) -> String? {
    guard let field = self[name], let tail = field.components(separatedBy: ";tag=").dropFirst().first else {
      return nil
    }
    return tail.split(separator: ";").first.map(String.init)
  }

  /// As sent, with the right Content-Length.
  public var serialized: Data {
    var copy = self
    copy["Content-Length"] = String(body.count)
    let lines = [startLine] + copy.headers.map { "\($0.name): \($0.value)" }
    return Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
  }

  /// The answer to this request, with a To tag.
  public func answer(_ status: String, tag: String = "wire") -> String { answer(status, tag: tag, headers: "") }

  /// - Parameter headers: further lines, each ended by CRLF; without a Contact among them there is one of nobody.
  public func answer(_ status: String, tag: String, headers: String) -> String {
    let copied = self.headers.filter {
      ["via", "from", "call-id", "cseq", "record-route"].contains($0.name.lowercased())
    }.map { "\($0.name): \($0.value)\r\n" }.joined()
    let to = self["To"] ?? ""
    let tagged = to.contains("tag=") ? to : to + ";tag=\(tag)"
    let contact = headers.contains("Contact:") ? "" : "Contact: <sip:wire@127.0.0.1>\r\n"
    return "SIP/2.0 \(status)\r\n\(copied)To: \(tagged)\r\n\(contact)\(headers)Content-Length: 0\r\n\r\n"
  }

  /// Takes the first message off what was received, and the empty lines before it (RFC 5626 §3.5.1).
  public static func take(_ data: inout Data) -> WireMessage? {
    let lineEnd = Data("\r\n".utf8)
    while data.starts(with: lineEnd) { data = Data(data.dropFirst(lineEnd.count)) }
    guard let end = data.range(of: Data("\r\n\r\n".utf8)) else { return nil }
    var lines = String(decoding: data[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")[...]
    guard let startLine = lines.popFirst() else { return nil }
    let headers = lines.compactMap { line -> (name: String, value: String)? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (
        line[..<colon].trimmingCharacters(in: .whitespaces),
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      )
    }
    let length =
      headers.first { ["content-length", "l"].contains($0.name.lowercased()) }.flatMap { Int($0.value) } ?? 0
    guard data.distance(from: end.upperBound, to: data.endIndex) >= length else { return nil }
    let bodyEnd = data.index(end.upperBound, offsetBy: length)
    let message = WireMessage(startLine: startLine, headers: headers, body: Data(data[end.upperBound..<bodyEnd]))
    data = Data(data[bodyEnd...])
    return message
  }
}
