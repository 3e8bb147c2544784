// PacketCapture.swift: a trace's SIP messages as packets in a capture file (pcap 2.4, link type RAW), for other tools
import Foundation
import MessageFormats

/// Packets that were never on a wire: the addresses of this side are those of the Via or Contact where the trace has
/// them. What went over TLS stands there as TCP from and to port 5060, since it is not encrypted here.
public struct PacketCapture {
  /// Connections that are told apart.
  private static let maximumFlows = 4096
  private static let maximumSegment = 1400
  /// An IP packet has 16 bits for its length.
  private static let maximumDatagram = 65_000
  private static let plainPort: UInt16 = 5060
  private static let rawIP: UInt32 = 101
  private static let snapshotLength: UInt32 = 262_144

  private var flows: [Endpoints: Flow] = [:]
  /// This side's address by transaction, for the responses, and by account.
  private var locals: [String: Endpoint] = [:]
  private var identification: UInt16 = 0

  public init() {}

  /// What a capture file begins with.
  public var header: Data {
    var data = Data()
    for value: UInt32 in [0xA1B2_C3D4, 0x0004_0002, 0, 0, Self.snapshotLength, Self.rawIP] {
      data.append(little: value)
    }
    return data
  }

  /// The packets of a message; empty for one that is not SIP.
  public mutating func packets(_ message: TracedMessage) -> Data {
    guard message.isSIP else { return Data() }
    let words = message.peer.split(separator: " ")
    let isDatagram = words.first == "UDP"
    let isTLS = words.first == "TLS"
    var peer = Endpoint(words.count > 1 ? String(words[1]) : "") ?? Endpoint.unknownServer
    if isTLS { peer.port = Self.plainPort }
    let local = self.local(message, like: peer)
    var payload = Self.wire(message)
    let ends = Endpoints(local: local, peer: peer, isDatagram: isDatagram)
    let isSent = message.entry.direction == .sent
    if flows[ends] == nil, flows.count >= Self.maximumFlows { flows = [:] }
    var flow = flows[ends] ?? Flow()
    defer { flows[ends] = flow }
    var result = Data()
    if isDatagram {
      payload = payload.prefix(Self.maximumDatagram)
      let (source, target) = isSent ? (local, peer) : (peer, local)
      append(Self.datagram(payload, from: source, to: target), message.entry.time, &result)
      return result
    }
    if !flow.isOpen {
      flow.isOpen = true
      for (flags, sent) in [(TCPFlags.syn, true), ([.syn, .ack], false), (.ack, true)] {
        append(flow.segment(Data(), flags, isSent: sent, ends), message.entry.time, &result)
      }
    }
    while !payload.isEmpty {
      let piece = payload.prefix(Self.maximumSegment)
      payload = payload.dropFirst(piece.count)
      let flags: TCPFlags = payload.isEmpty ? [.psh, .ack] : .ack
      append(flow.segment(Data(piece), flags, isSent: isSent, ends), message.entry.time, &result)
    }
    return result
  }

  // MARK: Addresses

  private mutating func local(_ message: TracedMessage, like peer: Endpoint) -> Endpoint {
    let account = message.localAddress?.withoutParameters.description ?? ""
    var found: Endpoint?
    switch (message.start, message.entry.direction) {
    case (.request, .sent), (.response, .received):
      // `SIP/2.0/TCP 192.0.2.1:5060;branch=…`
      let via = message.headers["Via"]?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
      found = via.map { $0.prefix { $0 != ";" && $0 != "," } }.flatMap { Endpoint(String($0)) }
    case (.request(_, let target), _):
      found = SIPURI(target).flatMap { uri in
        Endpoint("\(uri.host):\(uri.port ?? Int(Self.plainPort))")
      }
    case (.response, _):
      found = message.transaction.flatMap { locals[$0] }
    }
    if let endpoint = found, endpoint.address.count == peer.address.count {
      if locals.count >= Self.maximumFlows { locals = [:] }
      locals[account] = endpoint
      if let transaction = message.transaction { locals[transaction] = endpoint }
      return endpoint
    }
    if let known = locals[account], known.address.count == peer.address.count { return known }
    return peer.address.count == 4 ? .unknownHere : .unknownHere6
  }

  /// As it may have been on the wire, with a Content-Length that fits, and without the coding that the trace has undone.
  static func wire(_ message: TracedMessage) -> Data {
    var lines = [message.entry.lines.first ?? ""]
    for field in message.headers.fields {
      switch field.name.lowercased() {
      case "content-length", "content-encoding": break
      default:
        // Credentials are not in a trace; without a scheme readers call the field malformed.
        let value = field.value == "(removed)" ? "Digest username=\"removed\"" : field.value
        lines.append("\(field.name): \(value)")
      }
    }
    let body = message.isBodyWhole ? message.body : Data("(not in the trace)".utf8)
    lines.append("Content-Length: \(body.count)")
    return Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
  }

  // MARK: Records

  private mutating func append(_ segment: IPPacket, _ time: Date, _ data: inout Data) {
    identification &+= 1
    let packet = segment.bytes(identification)
    let interval = time.timeIntervalSince1970
    // The file has 32 bits for the seconds.
    let seconds = interval.isFinite ? min(max(0, interval), Double(UInt32.max) - 1) : 0
    let microseconds = UInt64((seconds * 1_000_000).rounded())
    data.append(little: UInt32(microseconds / 1_000_000))
    data.append(little: UInt32(microseconds % 1_000_000))
    data.append(little: UInt32(packet.count))
    data.append(little: UInt32(packet.count))
    data += packet
  }

  private static func datagram(_ payload: Data, from source: Endpoint, to target: Endpoint) -> IPPacket {
    var header = Data()
    header.append(big: source.port)
    header.append(big: target.port)
    header.append(big: UInt16(8 + payload.count))
    header.append(big: UInt16(0))
    return IPPacket(source: source, target: target, number: 17, checksumAt: 6, content: header + payload)
  }
}

/// A numeric address and a port.
private struct Endpoint: Hashable {
  /// 4 or 16 bytes.
  var address: [UInt8]
  var port: UInt16

  // Of the ranges for documentation (RFC 5737, RFC 3849).
  static let unknownHere = Endpoint(address: [192, 0, 2, 1], port: 5060)
  static let unknownHere6 = Endpoint(
    address: [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1], port: 5060)
  static let unknownServer = Endpoint(address: [198, 51, 100, 1], port: 5060)

  init(address: [UInt8], port: UInt16) { (self.address, self.port) = (address, port) }

  /// `192.0.2.1:5060`, `[2001:db8::1]:5060`; without a port 5060. nil when the host is a name.
  init?(_ text: String) {
    guard text.utf8.count <= 80 else { return nil }
    var (host, rest) = (Substring(text), Substring())
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      host = text[text.index(after: text.startIndex)..<end]
      rest = text[text.index(after: end)...]
    } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
      (host, rest) = (text[..<colon], text[colon...])
    }
    port = rest.hasPrefix(":") ? UInt16(rest.dropFirst()) ?? 5060 : 5060
    var (four, six) = (in_addr(), in6_addr())
    if inet_pton(AF_INET, String(host), &four) == 1 {
      address = withUnsafeBytes(of: &four) { Array($0) }
    } else if inet_pton(AF_INET6, String(host), &six) == 1 {
      address = withUnsafeBytes(of: &six) { Array($0) }
    } else {
      return nil
    }
  }
}

private struct Endpoints: Hashable {
  var local: Endpoint
  var peer: Endpoint
  var isDatagram: Bool
}

private struct TCPFlags: OptionSet {
  var rawValue: UInt8
  static let syn = TCPFlags(rawValue: 2)
  static let psh = TCPFlags(rawValue: 8)
  static let ack = TCPFlags(rawValue: 16)
}

/// A TCP connection (RFC 9293 §3.1) that loses nothing.
private struct Flow {
  var isOpen = false
  private var sent: UInt32 = 1000
  private var received: UInt32 = 2000

  mutating func segment(_ payload: Data, _ flags: TCPFlags, isSent: Bool, _ ends: Endpoints) -> IPPacket {
    let (source, target) = isSent ? (ends.local, ends.peer) : (ends.peer, ends.local)
    var header = Data()
    header.append(big: source.port)
    header.append(big: target.port)
    header.append(big: isSent ? sent : received)
    header.append(big: flags.contains(.ack) ? (isSent ? received : sent) : 0)
    header += [5 << 4, flags.rawValue]
    for value: UInt16 in [65_535, 0, 0] { header.append(big: value) }
    let length = UInt32(payload.count) + (flags.contains(.syn) ? 1 : 0)
    if isSent { sent &+= length } else { received &+= length }
    return IPPacket(source: source, target: target, number: 6, checksumAt: 16, content: header + payload)
  }
}

/// IPv4 (RFC 791) or IPv6 (RFC 8200), by the addresses.
private struct IPPacket {
  var source: Endpoint
  var target: Endpoint
  /// Of the protocol inside.
  var number: UInt8
  /// Where that has its checksum.
  var checksumAt: Int
  var content: Data

  func bytes(_ identification: UInt16) -> Data {
    var pseudo = Data(source.address + target.address)
    pseudo.append(big: UInt32(content.count))
    pseudo.append(big: UInt32(number))
    var content = Data(self.content)
    let sum = Self.checksum(pseudo + content)
    content.replaceSubrange(checksumAt..<checksumAt + 2, with: [UInt8(sum >> 8), UInt8(sum & 255)])
    var header = Data()
    if source.address.count == 4 {
      header += [0x45, 0]
      for value in [UInt16(20 + content.count), identification, 0x4000] { header.append(big: value) }
      header += [64, number, 0, 0] + source.address + target.address
      let sum = Self.checksum(header)
      header.replaceSubrange(10..<12, with: [UInt8(sum >> 8), UInt8(sum & 255)])
    } else {
      header.append(big: UInt32(0x6000_0000))
      header.append(big: UInt16(content.count))
      header += [number, 64] + source.address + target.address
    }
    return header + content
  }

  /// RFC 1071
  private static func checksum(_ data: Data) -> UInt16 {
    var sum: UInt32 = 0
    var high: UInt8?
    for byte in data {
      if let first = high {
        sum += UInt32(first) << 8 | UInt32(byte)
        high = nil
      } else {
        high = byte
      }
    }
    if let high { sum += UInt32(high) << 8 }
    while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
    // Zero would say that there is none (RFC 768).
    return sum == 0xFFFF ? 0xFFFF : ~UInt16(sum)
  }
}

extension Data {
  fileprivate mutating func append(little value: UInt32) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func append(big value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}
