// SIPFramer.swift: where the messages of a SIP stream begin and end (RFC 3261 §18.3, RFC 5626 §3.5.1)
import Foundation
import MessageFormats

/// Cuts a stream into keepalives, heads and pieces of bodies. What it does not understand it passes on as it is, from
/// then on without cutting: the parsers behind it decide about that.
struct SIPFramer {
  enum Piece: Equatable {
    /// CRLFs between messages.
    case keepalive([UInt8])
    /// Start line and header fields of one message, with the empty line at their end. So many bytes of body follow.
    case head([UInt8], bodyLength: Int)
    /// Bytes of a body, or of a stream that is not SIP.
    case body([UInt8])
  }

  /// A longer head, in bytes, is passed on uncut.
  static let maximumHead = 256 << 10

  private var head: [UInt8] = []
  private var bodyLeft = 0
  private var isOpaque = false

  /// Whether a new message may start here.
  var isBetweenMessages: Bool { head.isEmpty && bodyLeft == 0 && !isOpaque }

  mutating func cut(_ bytes: [UInt8]) -> [Piece] {
    var pieces: [Piece] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      if isOpaque {
        pieces.append(.body(Array(rest)))
        break
      }
      if bodyLeft > 0 {
        let piece = rest.prefix(bodyLeft)
        pieces.append(.body(Array(piece)))
        bodyLeft -= piece.count
        rest = rest.dropFirst(piece.count)
        continue
      }
      if head.isEmpty {
        let blank = rest.prefix { $0 == 13 || $0 == 10 }
        if !blank.isEmpty {
          pieces.append(.keepalive(Array(blank)))
          rest = rest.dropFirst(blank.count)
          continue
        }
      }
      rest = takeHead(rest, &pieces)
    }
    return pieces
  }

  /// Adds to the head, which begins with the first of these bytes if it is empty.
  /// - Returns: the bytes after the head.
  private mutating func takeHead(_ bytes: ArraySlice<UInt8>, _ pieces: inout [Piece]) -> ArraySlice<UInt8> {
    let known = head.count
    head += bytes
    // The empty line may have begun in what was there before.
    guard let end = ByteSearch.position(of: [13, 10, 13, 10], in: head, from: max(0, known - 3)) else {
      if head.count > Self.maximumHead { giveUp(&pieces) }
      return []
    }
    let length = end + 4
    let rest = bytes.dropFirst(length - known)
    head.removeLast(head.count - length)
    head = Self.unfolded(head)
    guard let body = Self.contentLength(of: head) else {
      giveUp(&pieces)
      return rest
    }
    pieces.append(.head(head, bodyLength: body))
    head = []
    bodyLeft = body
    return rest
  }

  private mutating func giveUp(_ pieces: inout [Piece]) {
    isOpaque = true
    pieces.append(.body(head))
    head = []
  }

  /// RFC 3261 §7.3.1: a line that begins with a blank goes on with the one before; it becomes one line.
  private static func unfolded(_ head: [UInt8]) -> [UInt8] {
    var lines: [UInt8] = []
    var start = 0
    while let end = ByteSearch.position(of: [13, 10], in: head, from: start), end + 2 < head.count {
      lines += head[start..<end]
      let isFolded = end > start && (head[end + 2] == 32 || head[end + 2] == 9)
      lines += isFolded ? [32] : [13, 10]
      start = end + 2
    }
    return lines + head[start...]
  }

  /// 0 without the field, nil when it is no number, or there are two.
  private static func contentLength(of head: [UInt8]) -> Int? {
    var start = 0
    var found: Int?
    while start < head.count {
      let end = ByteSearch.position(of: [10], in: head, from: start) ?? head.count
      let line = head[start..<end]
      start = end + 1
      // The field has one of two names, so most lines need no string.
      guard let first = line.first(where: { $0 != 32 && $0 != 9 }), first | 0x20 == 0x63 || first | 0x20 == 0x6C,
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
      else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self).trimmingCharacters(in: .whitespaces).lowercased()
      guard name == "content-length" || name == "l" else { continue }
      let value = String(decoding: line[(colon + 1)...], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      guard value.utf8.allSatisfy({ (48...57).contains($0) }), let length = Int(value), found == nil else { return nil }
      found = length
    }
    return found ?? 0
  }
}

/// Puts the transport that is really used, and our address, into the topmost Via (RFC 3261 §18.1.1), in place of the
/// loopback connection that Sofia knows of.
struct ViaRewriter {
  /// `TLS` or `TCP`
  var transport: String
  /// `192.0.2.1:5070`
  var sentBy: String

  private static let sofiaVia = Array("\r\nVia: SIP/2.0/TCP ".utf8)
  private static let response = Array("SIP/2.0 ".utf8)

  /// What Sofia sends: a request gets our Via, a response the transport that the sender's Via had.
  func outgoing(_ head: [UInt8]) -> [UInt8] {
    guard let found = ByteSearch.position(of: Self.sofiaVia, in: head) else { return head }
    let host = found + Self.sofiaVia.count
    if head.starts(with: Self.response) {
      return Array(head[..<found]) + Array("\r\nVia: SIP/2.0/\(transport) ".utf8) + Array(head[host...])
    }
    let ends = [UInt8(ascii: ";"), UInt8(ascii: ","), 13]
    let end = head[host...].firstIndex { ends.contains($0) } ?? head.endIndex
    return Array(head[..<found]) + Array("\r\nVia: SIP/2.0/\(transport) \(sentBy)".utf8) + Array(head[end...])
  }

  /// What Sofia receives: it drops requests whose Via does not name the transport over which they come.
  func incoming(_ head: [UInt8]) -> [UInt8] {
    guard transport != "TCP", !head.starts(with: Self.response), let place = Self.transportOfFirstVia(head),
      String(decoding: head[place], as: UTF8.self).uppercased() == transport
    else { return head }
    return Array(head[..<place.lowerBound]) + Array("TCP".utf8) + Array(head[place.upperBound...])
  }

  /// The `TLS` in `Via: SIP/2.0/TLS …`, whatever the case and the blanks; also of the short form `v:`.
  private static func transportOfFirstVia(_ head: [UInt8]) -> Range<Int>? {
    for line in head.split(separator: 10) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self).trimmingCharacters(in: .whitespaces).lowercased()
      guard name == "via" || name == "v" else { continue }
      let slashes = line[colon...].indices.filter { line[$0] == UInt8(ascii: "/") }
      guard slashes.count >= 2 else { return nil }
      let isBlank: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
      guard let start = line[(slashes[1] + 1)...].firstIndex(where: { !isBlank($0) }),
        let end = line[start...].firstIndex(where: isBlank)
      else { return nil }
      return start..<end
    }
    return nil
  }
}
