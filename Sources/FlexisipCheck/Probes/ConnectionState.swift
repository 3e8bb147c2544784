// ConnectionState.swift: what an attempt to connect over TCP shows: taken, refused, dropped, or no way there (RFC 9293)
import Foundation
import ServerConnection

/// A server that does not run refuses at once (RST). Silence is somebody in between, or no machine at the address.
enum ConnectionState: Sendable, Equatable {
  case taken
  case refused
  /// Nothing came back within so many seconds.
  case dropped(seconds: Int)
  /// ICMP: a firewall that rejects, or no route; the system's words.
  case rejected(String)

  init(_ failure: any Error, within seconds: Double) {
    switch failure {
    case ConnectionFailure.timedOut, is LiveCheck.TookTooLong: self = .dropped(seconds: Int(seconds.rounded(.up)))
    case ConnectionFailure.refused(let reason):
      self = reason == String(cString: strerror(ECONNREFUSED)) ? .refused : .rejected(reason)
    default: self = .refused
    }
  }

  /// Tries once. Blocking.
  /// - Parameter source: the address to come from; nil for the system's choice.
  static func of(_ host: String, _ port: UInt16, from source: String? = nil, within seconds: Double) -> ConnectionState
  {
    do {
      let target = try SocketAddress.all(of: host, port: Int(port))[0]
      let own = try source.map { try SocketAddress.all(of: $0, port: 0)[0] }
      _ = try ServerStream(
        to: target, tls: nil, host: host, timeouts: ServerStream.Timeouts(connect: seconds), from: own)
      return .taken
    } catch { return ConnectionState(error, within: seconds) }
  }

  /// The address that the system would come from; nil without a route. Nothing is sent.
  static func source(toward address: SocketAddress) -> String? {
    let descriptor = socket(address.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard address.withPointer({ connect(descriptor, $0, $1) }) == 0 else { return nil }
    return (try? SocketAddress(localOf: descriptor))?.numericHost
  }
}
