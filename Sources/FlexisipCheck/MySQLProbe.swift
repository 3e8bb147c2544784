// MySQLProbe.swift: whether a MySQL or MariaDB server greets us (protocol 10, initial handshake packet)
import Foundation

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

  /// Of Debian's servers and clients.
  static let usualSocket = "/run/mysqld/mysqld.sock"
  /// Longest text of a server's refusal, in bytes.
  private static let maximumText = 500

  /// Waits for the greeting and hangs up. Blocking.
  /// - Parameter socket: path of a local socket, used in place of host and port.
  static func tryOut(host: String, port: UInt16, socket: String?, timeout: Double) throws(Failure) {
    let connection: TCPConnection
    do throws(TCPConnection.Failure) {
      connection =
        if let socket { try TCPConnection(path: socket) } else {
          try TCPConnection(host: host, port: port, timeout: timeout)
        }
    } catch { throw .unreachable("\(error)") }
    // Three bytes of length, one of sequence, then the packet.
    var received = Data()
    while received.count < 5 {
      guard let more = connection.receive(within: timeout), !more.isEmpty else { throw .noMySQL }
      received.append(more)
    }
    let packet = Array(received.dropFirst(4))
    switch packet.first {
    case 10: return
    case 0xFF: throw .refused(String(decoding: packet.dropFirst(3).prefix(maximumText), as: UTF8.self))
    default: throw .noMySQL
    }
  }
}
