// MySQLProbe.swift: whether a MySQL or MariaDB server greets us (protocol 10, initial handshake packet)
import Foundation
import ServerConnection

enum MySQLProbe {
  enum Failure: Error, CustomStringConvertible {
    case unreachable(String)
    case noMySQL
    /// The server's word, such as that this host may not connect.
    case refused(String)

    var description: String {
      switch self {
      case .unreachable(let cause): cause
      case .noMySQL: "what listens there is something else"
      case .refused(let text): text
      }
    }
  }

  /// Longest text of a server's refusal, in bytes.
  private static let maximumText = 500

  /// Waits for the greeting and hangs up. Blocking.
  static func tryOut(host: String, port: UInt16, timeout: Double) throws(Failure) {
    let received: Data
    do throws(ConnectionFailure) {
      let stream = try ServerStream.connect(
        host: host, port: Int(port), tls: nil, timeouts: ServerStream.Timeouts(connect: timeout))
      // Three bytes of length, one of sequence, then the packet, which is short.
      received = try stream.receive(within: timeout) ?? Data()
    } catch { throw .unreachable("\(error)") }
    let packet = Array(received.dropFirst(4))
    switch packet.first {
    case 10: return
    case 0xFF: throw .refused(String(decoding: packet.dropFirst(3).prefix(maximumText), as: UTF8.self))
    default: throw .noMySQL
    }
  }
}
