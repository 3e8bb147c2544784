// LadderDiagram.swift: a trace as a ladder: a column for each side, an arrow for each message
import Foundation
import MessageFormats
import SafeText

/// Gets to know the sides in a first reading, and draws in a second one.
public struct LadderDiagram: Sendable {
  /// Further sides share the last column.
  public static let maximumColumns = 8
  /// Of a column, in characters.
  private static let columnWidth = 18
  /// Requests whose response is waited for.
  private static let maximumPending = 10_000
  private static let others = "others"

  /// Accounts on this side, and servers on the other, as they appear.
  private var accounts: [String] = []
  private var servers: [String] = []
  /// Which account an HTTP answer is for.
  private var lastHTTPAccount: [String: String] = [:]
  private var pending: [String: Date] = [:]
  private var day = ""

  public init() {}

  /// To be called for each message that will be drawn.
  public mutating func learn(_ message: TracedMessage) {
    let (account, server) = sides(message)
    if !accounts.contains(account), accounts.count < Self.maximumColumns { accounts.append(account) }
    if !servers.contains(server), servers.count < Self.maximumColumns { servers.append(server) }
  }

  private var columns: [String] {
    let all = accounts + servers
    guard all.count > Self.maximumColumns else { return all }
    return Array(all.prefix(Self.maximumColumns - 1)) + [Self.others]
  }

  /// The account and the server of a message, whichever way it goes.
  private mutating func sides(_ message: TracedMessage) -> (account: String, server: String) {
    let server = message.peer
    if message.isSIP {
      let uri = message.localAddress
      return (uri.map { "\($0.user.map { "\($0)@" } ?? "")\($0.host)" } ?? "limeade", server)
    }
    if message.entry.direction == .sent {
      let text = message.headers["From"] ?? message.headers["X-Lime-user-identity"] ?? ""
      let uri = SIPURI(text) ?? NameAddress(text)?.uri
      let name = uri.map { "\($0.user.map { "\($0)@" } ?? "")\($0.host)" } ?? "limeade"
      if lastHTTPAccount.count < Self.maximumPending { lastHTTPAccount[message.entry.title] = name }
    }
    return (lastHTTPAccount[message.entry.title] ?? "limeade", server)
  }

  // MARK: Drawing

  /// Who stands where.
  public var heading: [String] {
    // `alice` above `example.org`, `192.0.2.1:5060` above `TCP`.
    let names = columns.map { name -> (String, String) in
      if let end = name.range(of: "://") { return (String(name[end.upperBound...]), String(name[..<end.lowerBound])) }
      let separator: Character = name.contains("@") ? "@" : " "
      let parts = name.split(separator: separator, maxSplits: 1).map(String.init)
      guard parts.count == 2 else { return (name, "") }
      return separator == "@" ? (parts[0], parts[1]) : (parts[1], parts[0])
    }
    func row(_ texts: [String]) -> String {
      let cells = texts.map { text in
        let text = Self.cut(text, Self.columnWidth - 1)
        return text + String(repeating: " ", count: Self.columnWidth - text.count)
      }
      var row = Self.printable(String(repeating: " ", count: 21) + cells.joined())
      while row.last == " " { row.removeLast() }
      return row
    }
    return [row(names.map(\.0)), row(names.map(\.1))]
  }

  /// - Parameter width: of the terminal, in characters, at which what does not fit goes on in the next row; nil leaves
  ///   one row for each message.
  public mutating func rows(_ message: TracedMessage, width: Int? = nil) -> [String] {
    let (account, server) = sides(message)
    let all = columns
    let here = all.firstIndex(of: account) ?? all.count - 1
    var there = all.firstIndex(of: server) ?? all.count - 1
    if there == here { there = max(0, all.count - 1) }
    let (source, target) = message.entry.direction == .sent ? (here, there) : (there, here)
    return rows(
      message.entry, ladder: Self.arrow(from: source, to: target, of: all.count), parts: parts(message), width)
  }

  /// A note stands beside the ladder.
  public mutating func rows(note entry: TraceEntry, width: Int? = nil) -> [String] {
    rows(entry, ladder: Self.poles(columns.count), parts: ["· \(entry.title)"], width)
  }

  private mutating func rows(_ entry: TraceEntry, ladder: String, parts: [String], _ width: Int?) -> [String] {
    let time = RFC3339.preciseString(from: entry.time)
    var result: [String] = []
    if time.prefix(10) != day {
      day = String(time.prefix(10))
      result.append("\(day) (UTC)")
    }
    let number = String(entry.line)
    let pad = String(repeating: " ", count: max(0, 7 - number.count))
    let start = "\(time.dropFirst(11).prefix(12))\(pad)\(number) "
    var text = ""
    var lead = start + ladder + "  "
    for part in parts {
      let next = text.isEmpty ? part : "\(text), \(part)"
      if let width, lead.count + next.count > width, !text.isEmpty {
        result.append(lead + text + ",")
        (lead, text) = (String(repeating: " ", count: 20) + Self.poles(columns.count) + "    ", part)
      } else {
        text = next
      }
    }
    result.append(lead + text)
    return result.map(Self.printable)
  }

  private static func poles(_ count: Int) -> String {
    let gap = String(repeating: " ", count: columnWidth - 1)
    return (0..<max(1, count)).map { _ in "│" }.joined(separator: gap)
  }

  private static func arrow(from source: Int, to target: Int, of count: Int) -> String {
    guard count > 1, source != target else { return poles(count) }
    let (left, right) = (min(source, target), max(source, target))
    var result = ""
    for column in 0..<count {
      let isInside = column > left && column < right
      let pole = isInside ? "┼" : column == source ? (source < target ? "├" : "┤") : "│"
      result += pole
      guard column < count - 1 else { break }
      guard column >= left, column < right else {
        result += String(repeating: " ", count: columnWidth - 1)
        continue
      }
      var line = String(repeating: "─", count: columnWidth - 1)
      if source < target, column == right - 1 { line = line.dropLast() + "▶" }
      if source > target, column == left { line = "◀" + line.dropFirst() }
      result += line
    }
    return result
  }

  private static func cut(_ text: String, _ length: Int) -> String {
    text.count > length ? text.prefix(length - 1) + "…" : text
  }

  /// What came from a file is as strange as what came from the network.
  private static func printable(_ row: String) -> String {
    String(
      String.UnicodeScalarView(
        row.unicodeScalars.map { TraceText.isPrintable($0) ? $0 : "\u{FFFD}" }))
  }

  // MARK: What it says

  private mutating func parts(_ message: TracedMessage) -> [String] {
    var parts: [String]
    switch message.start {
    case .request(let method, let target):
      if let transaction = message.transaction, pending.count < Self.maximumPending {
        pending[transaction] = message.entry.time
      }
      parts = ["\(method) \(Self.cut(target, 200))"]
      for name in ["Subject", "Event", "Refer-To"] {
        if let value = message.headers[name] { parts.append("\(name) \(Self.cut(value, 200))") }
      }
      if method == "REGISTER", Self.expires(message) == "0" { parts.append("unregisters") }
    case .response(let status, let reason):
      parts = ["\(status) \(Self.cut(reason, 100))".trimmingCharacters(in: .whitespaces)]
      if message.isSIP { parts[0] += " (\(message.method))" }
      if let transaction = message.transaction, let sent = pending[transaction] {
        parts[0] += " after \(max(0, Int((message.entry.time.timeIntervalSince(sent) * 1000).rounded()))) ms"
        if status >= 200 { pending[transaction] = nil }
      }
      for name in ["Warning", "Reason", "Retry-After"] {
        if let value = message.headers[name] { parts.append("\(name) \(Self.cut(value, 200))") }
      }
      if (300..<400).contains(status), let value = message.headers["Contact"] { parts.append(Self.cut(value, 200)) }
    }
    return parts + TraceText.content(message)
  }

  private static func expires(_ message: TracedMessage) -> String? {
    let contact = message.headers["Contact"].flatMap(NameAddress.init)
    return contact?[parameter: "expires"] ?? message.headers["Expires"]
  }
}

/// A message's content in words.
enum TraceText {
  private static let maximumDevices = 6

  static func content(_ message: TracedMessage) -> [String] {
    guard let content = TracedContent(message) else {
      return message.isSIP || message.isBodyWhole ? [] : ["binary body"]
    }
    var parts: [String] = []
    if let devices = content.limeDevices {
      let names = devices.prefix(maximumDevices).map(shortDevice).joined(separator: " ")
      let more = devices.count > maximumDevices ? " and \(devices.count - maximumDevices) more" : ""
      parts.append("LIME for \(devices.count): \(names)\(more)")
      if let bytes = content.cipherBytes { parts.append("\(bytes) bytes encrypted") }
    } else if let type = content.cpimType {
      parts.append("CPIM \(type)")
    } else {
      parts.append(content.mediaType + (message.isBodyWhole ? "" : ", cut"))
    }
    parts += content.notifications
    if let state = content.roomState { parts.append(state) }
    if let from = content.from { parts.append("from \(shortDevice(from.description))") }
    if let id = content.messageID { parts.append("Message-ID \(id.prefix(100))") }
    return parts
  }

  /// `bob@example.org;gr=…38ab`: the last digits tell devices apart.
  private static func shortDevice(_ text: String) -> String {
    guard let uri = SIPURI(text) else { return String(text.prefix(60)) }
    let name = "\(uri.user.map { "\($0)@" } ?? "")\(uri.host)"
    return uri.gruu.map { "\(name);gr=…\($0.suffix(6))" } ?? name
  }

  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    ScalarTreatment(of: scalar).isHarmless
  }
}
