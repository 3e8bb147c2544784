// TracedMessage.swift: what an entry of a trace is about: a SIP message (RFC 3261 §7), or one of the HTTP servers'
import Foundation
import MessageFormats

/// A message of a trace, read as far as it can be.
public struct TracedMessage: Hashable, Sendable {
  /// The first line, by its kind.
  public enum Start: Hashable, Sendable {
    case request(method: String, target: String)
    case response(status: Int, reason: String)
  }

  /// What the message was read from.
  public var entry: TraceEntry
  /// The request line or the status line.
  public var start: Start
  /// Whether it is SIP and not HTTP.
  public var isSIP: Bool
  /// Names in full, also of fields that were written short (RFC 3261 §7.3.3).
  public var headers: HeaderFields
  /// As it was before it was traced, if it could be shown; line ends are CRLF where Content-Length says so.
  public var body: Data
  /// What the trace has in place of a body that is no text, or the note that its end is missing.
  public var isBodyWhole: Bool

  /// nil for a note, and for what begins like no message.
  public init?(_ entry: TraceEntry) {
    guard entry.direction != nil, let first = entry.lines.first, first.utf8.count <= 16_384 else { return nil }
    let words = first.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard words.count >= 2 else { return nil }
    if words[0] == "SIP/2.0" || words[0] == "HTTP" {
      guard let status = Int(words[1]), (100..<700).contains(status), words[1].utf8.count == 3 else { return nil }
      start = .response(status: status, reason: words.count > 2 ? words[2] : "")
      isSIP = words[0] == "SIP/2.0"
    } else {
      guard words.count == 3, words[2] == "SIP/2.0" || words[2] == "HTTP", words[0].utf8.count <= 32,
        words[0].utf8.allSatisfy({ (0x41...0x5A).contains($0) })
      else { return nil }
      start = .request(method: words[0], target: words[1])
      isSIP = words[2] == "SIP/2.0"
    }
    self.entry = entry
    let end = entry.lines.firstIndex(of: "") ?? entry.lines.count
    headers = HeaderFields(
      entry.lines[1..<max(1, end)].prefix(HeaderFields.maximumFields).compactMap { line in
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let name = line[..<colon].trimmingCharacters(in: .whitespaces)
        return HeaderFields.Field(
          Self.fullNames[name.lowercased()] ?? name,
          line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
      })
    let lines = entry.lines.dropFirst(end + 1)
    (body, isBodyWhole) = Self.body(lines, length: headers["Content-Length"].flatMap { Int($0) })
    if entry.isCut { isBodyWhole = false }
  }

  private static let fullNames = [
    "v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "c": "Content-Type", "l": "Content-Length",
    "e": "Content-Encoding", "s": "Subject", "k": "Supported", "o": "Event", "r": "Refer-To", "u": "Allow-Events",
    "b": "Referred-By",
  ]

  /// Texts are traced line by line. Of the two ways to put them together the one counts that has the length that the
  /// message gave; `\x0a` is how a line end that was not split at is shown.
  private static func body(_ lines: ArraySlice<String>, length: Int?) -> (body: Data, isWhole: Bool) {
    guard let last = lines.last else { return (Data(), true) }
    if lines.count == 1, last.hasPrefix("("), last.hasSuffix(" bytes)") { return (Data(), false) }
    var lines = lines.map { line in
      line.hasPrefix("\\x3d====") ? "=" + line.dropFirst(4) : line
    }
    let isCut = last.hasPrefix("(") && last.hasSuffix(" bytes more)")
    if isCut { lines.removeLast() }
    let pieces = lines.map { $0.contains("\\x0a") ? $0.replacingOccurrences(of: "\\x0a", with: "\r\n") : $0 }
    let short = Data(pieces.joined(separator: "\n").utf8)
    if short.count == length { return (short, !isCut) }
    return (Data(pieces.joined(separator: "\r\n").utf8), !isCut)
  }

  // MARK: Whose it is

  /// What is remembered for later messages may not be longer, in bytes.
  private static let maximumName = 512

  /// nil also when it is longer than any that a program makes.
  public var callID: String? {
    headers["Call-ID"].flatMap { $0.utf8.count <= Self.maximumName ? $0 : nil }
  }

  /// Of the request, also in its response.
  public var method: String {
    switch start {
    case .request(let method, _): method
    case .response:
      headers["CSeq"]?.split(whereSeparator: { $0 == " " || $0 == "\t" }).last.map(String.init) ?? ""
    }
  }

  /// The author of the request, also in its response; nil when the field is missing or cannot be read.
  public var from: SIPURI? { headers["From"].flatMap { NameAddress($0)?.uri } }
  /// Whom the request is for; nil when the field is missing or cannot be read.
  public var to: SIPURI? { headers["To"].flatMap { NameAddress($0)?.uri } }

  /// The same for a request and its responses.
  var transaction: String? {
    guard isSIP, let via = headers["Via"], let branch = via.range(of: "branch=") else { return nil }
    let value = via[branch.upperBound...].prefix { $0 != ";" && $0 != "," }
    guard value.utf8.count + method.utf8.count <= Self.maximumName else { return nil }
    return "\(value) \(method)"
  }

  /// The account on this side: a request's author when it was sent, and whom it is for when it was received.
  var localAddress: SIPURI? {
    let isRequest = if case .request = start { true } else { false }
    return isRequest == (entry.direction == .sent) ? from : to
  }

  /// `TCP 192.0.2.1:5060`, `http://192.0.2.1:80`: without notes behind it, and without the path of a URL.
  public var peer: String {
    if isSIP { return entry.title.split(separator: " ").prefix(2).joined(separator: " ") }
    guard let scheme = entry.title.range(of: "://") else { return entry.title }
    let host = entry.title[scheme.upperBound...].prefix { $0 != "/" && $0 != " " }
    return "\(entry.title[..<scheme.upperBound])\(host)"
  }

  /// Every SIP address that the head names, for a filter.
  var addresses: [SIPURI] {
    var found = [from, to].compactMap { $0 }
    if case .request(_, let target) = start, let uri = SIPURI(target) { found.append(uri) }
    for name in ["Contact", "Refer-To"] { found += headers.all(name).flatMap(NameAddress.list).map(\.uri) }
    return found
  }
}
