// DNSMessage.swift: the answers of a name server (RFC 1035 §4, SRV: RFC 2782, NAPTR: RFC 3403)
import Foundation

enum DNSType: Int {
  case a = 1
  case aaaa = 28
  case srv = 33
  case naptr = 35
}

struct SRVRecord: Hashable, Sendable {
  var priority: Int
  var weight: Int
  var port: Int
  /// Empty when the service is not there.
  var target: String
}

struct NAPTRRecord: Hashable, Sendable {
  var order: Int
  var preference: Int
  var flags: String
  var service: String
  var replacement: String
}

/// Reads the records of one type from the answer section; whatever is wrong ends the list.
struct DNSMessage {
  /// More records are not read.
  private static let maximumRecords = 64
  /// Longer names are refused (RFC 1035 §2.3.4), as is a name of more pointers.
  private static let maximumName = 255
  private static let maximumPointers = 16

  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var services: [SRVRecord] {
    records(.srv).compactMap { data in
      guard data.count >= 7, let name = name(at: data.lowerBound + 6)?.text,
        let priority = number(at: data.lowerBound), let weight = number(at: data.lowerBound + 2),
        let port = number(at: data.lowerBound + 4)
      else { return nil }
      return SRVRecord(priority: priority, weight: weight, port: port, target: name)
    }
  }

  var authorityPointers: [NAPTRRecord] {
    records(.naptr).compactMap { data in
      guard let order = number(at: data.lowerBound), let preference = number(at: data.lowerBound + 2),
        let flags = text(at: data.lowerBound + 4), let service = text(at: flags.end),
        let expression = text(at: service.end), let replacement = name(at: expression.end)
      else { return nil }
      return NAPTRRecord(
        order: order, preference: preference, flags: flags.text.lowercased(), service: service.text.uppercased(),
        replacement: replacement.text)
    }
  }

  /// Numeric addresses of A or AAAA records.
  func addresses(_ type: DNSType) -> [String] {
    let (family, length) = type == .a ? (AF_INET, 4) : (AF_INET6, 16)
    return records(type).compactMap { data in
      guard data.count == length else { return nil }
      var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      guard inet_ntop(family, Array(bytes[data]), &text, socklen_t(text.count)) != nil else { return nil }
      return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  // MARK: Reading

  private func records(_ type: DNSType) -> [Range<Int>] {
    guard let questions = number(at: 4), let answers = number(at: 6) else { return [] }
    var position = 12
    for _ in 0..<min(questions, Self.maximumRecords) {
      guard let question = name(at: position) else { return [] }
      position = question.end + 4
    }
    var found: [Range<Int>] = []
    for _ in 0..<min(answers, Self.maximumRecords) {
      guard let owner = name(at: position), let kind = number(at: owner.end), let length = number(at: owner.end + 8),
        owner.end + 10 + length <= bytes.count
      else { break }
      position = owner.end + 10 + length
      if kind == type.rawValue { found.append(owner.end + 10..<position) }
    }
    return found
  }

  private func number(at position: Int) -> Int? {
    guard position >= 0, position + 1 < bytes.count else { return nil }
    return Int(bytes[position]) << 8 | Int(bytes[position + 1])
  }

  /// A character string: one byte of length, then as many bytes.
  private func text(at position: Int) -> (text: String, end: Int)? {
    guard position < bytes.count, position + 1 + Int(bytes[position]) <= bytes.count else { return nil }
    let end = position + 1 + Int(bytes[position])
    return (String(decoding: bytes[(position + 1)..<end], as: UTF8.self), end)
  }

  /// A name, which may end in a pointer to another place of the message; without the last dot.
  private func name(at start: Int) -> (text: String, end: Int)? {
    var labels: [String] = []
    var length = 0
    var position = start
    var end: Int?
    var pointers = 0
    while position < bytes.count {
      let size = Int(bytes[position])
      switch size {
      case 0: return (labels.joined(separator: "."), end ?? position + 1)
      case 1..<64:
        guard position + 1 + size <= bytes.count else { return nil }
        length += size + 1
        let label = bytes[(position + 1)..<(position + 1 + size)]
        // Letters, digits, hyphens and underscores: no name of a host or service has others.
        guard length <= Self.maximumName, label.allSatisfy(Self.isNameByte) else { return nil }
        labels.append(String(decoding: label, as: UTF8.self))
        position += 1 + size
      case 192...:
        guard let pointer = number(at: position), pointers < Self.maximumPointers else { return nil }
        end = end ?? position + 2
        position = pointer & 0x3FFF
        pointers += 1
      default: return nil
      }
    }
    return nil
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
