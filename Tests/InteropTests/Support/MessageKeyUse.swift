// MessageKeyUse.swift: which message keys were used, read out of recorded SIP (LIME §3.3; RFC 3261 §18.3)
import Foundation
import MessageFormats
import TestSupport

/// A reader of its own, so that a mistake in the program's cannot hide in it.
struct MessageKeyUse {
  /// What one message key is derived for: no two ciphertexts may have the same.
  struct Key: Hashable {
    var recipient: String
    /// The sender's ratchet public key, which stands for the sending chain.
    var chain: Data
    var number: UInt16
  }

  /// Ciphertexts by key.
  private(set) var ciphertexts: [Key: Set<Data>] = [:]
  /// Encrypted MESSAGEs that were read, without those that were sent again as they were (after a challenge).
  private(set) var messages = 0

  var usedTwice: [Key] { ciphertexts.filter { $0.value.count > 1 }.map(\.key) }

  /// Reads the requests of one connection; the last may be cut off, as its sender was killed.
  mutating func read(_ connection: Data) throws {
    var rest = connection
    while true {
      while rest.starts(with: [13, 10]) { rest = Data(rest.dropFirst(2)) }
      guard let end = rest.range(of: Data("\r\n\r\n".utf8)) else { return }
      let lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
      let length = Self.header("Content-Length", "l", in: lines).flatMap { Int($0) } ?? 0
      guard rest.distance(from: end.upperBound, to: rest.endIndex) >= length else { return }
      let body = Data(rest[end.upperBound...].prefix(length))
      rest = Data(rest[end.upperBound...].dropFirst(length))
      if lines[0].hasPrefix("MESSAGE "), let type = Self.header("Content-Type", "c", in: lines),
        LimeEnvelope.matches(contentType: type)
      {
        try take(LimeEnvelope(parsing: body, contentType: type))
      }
    }
  }

  private static func header(_ name: String, _ short: String, in lines: [String]) -> String? {
    for line in lines {
      let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      if parts.count == 2, [name.lowercased(), short].contains(parts[0].lowercased()) { return parts[1] }
    }
    return nil
  }

  private mutating func take(_ envelope: LimeEnvelope) throws {
    var isNew = false
    for (recipient, part) in envelope.deviceParts {
      let (chain, number) = try Self.chain(part)
      isNew =
        ciphertexts[Key(recipient: recipient, chain: chain, number: number), default: []].insert(part).inserted
        || isNew
    }
    if isNew { messages += 1 }
  }

  /// The ratchet public key and Ns of a message on c25519: version, type, curve, X3DH init if the type's bit 0 is set
  /// (flag, Ik 32, Ek 32, SPk id 4, OPk id 4 if flagged), Ns 2, PN 2, ratchet public key 32.
  private static func chain(_ part: Data) throws -> (key: Data, number: UInt16) {
    let bytes = Array(part)
    guard bytes.count > 3, bytes[0] == 1, bytes[2] == 1 else { throw TestFailure("no LIME message: \(part.hex)") }
    var start = 3
    if bytes[1] & 1 != 0 { start += 1 + 32 + 32 + 4 + (bytes[3] == 1 ? 4 : 0) }
    guard bytes.count >= start + 4 + 32 + 16 else { throw TestFailure("short LIME message: \(part.hex)") }
    return (Data(bytes[(start + 4)..<(start + 36)]), UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1]))
  }
}
