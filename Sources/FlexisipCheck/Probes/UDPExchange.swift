// UDPExchange.swift: one datagram out and its answer back
import Foundation
import MessageFormats
import ServerConnection

enum UDPExchange {
  /// The first answer to `request`, or nil when none comes within `timeout` seconds. Blocking.
  static func send(_ request: Data, host: String, port: UInt16, timeout: Double) -> Data? {
    guard let address = try? SocketAddress.all(of: host, port: Int(port), type: SOCK_DGRAM).first else { return nil }
    let descriptor = socket(
      address.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let connected = address.withPointer { connect(descriptor, $0, $1) == 0 }
    let sent = connected && request.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, 0) > 0 }
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard sent, poll(&entry, 1, Int32(timeout * 1000)) > 0 else { return nil }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? Data(buffer[..<count]) : nil
  }

  /// Whether something speaks SIP over UDP there.
  static func answersOPTIONS(host: String, port: UInt16, from address: SIPURI, timeout: Double) -> Bool {
    let target = "sip:\(host.contains(":") ? "[\(host)]" : host):\(port)"
    let text = [
      "OPTIONS \(target) SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK\(UUID().uuidString);rport",
      "Max-Forwards: 70", "From: <\(address)>;tag=check", "To: <\(target)>", "Call-ID: \(UUID().uuidString)",
      "CSeq: 1 OPTIONS", "Content-Length: 0", "", "",
    ].joined(separator: "\r\n")
    return send(Data(text.utf8), host: host, port: port, timeout: timeout)?.starts(with: Data("SIP/2.0 ".utf8)) == true
  }
}
