// DatagramLink+Sockets.swift: the sockets of a link over UDP, on loopback and toward the server
import Foundation
import ServerConnection

extension DatagramLink {
  private static let portAttempts = 16

  /// UDP and TCP at one port of loopback.
  static func loopback(_ sofia: SocketAddress) throws -> (DatagramSocket, LoopbackListener) {
    for _ in 0..<portAttempts {
      let client = try DatagramSocket(to: sofia, fromHost: "127.0.0.1")
      if let listener = try? LoopbackListener(port: client.local.port) { return (client, listener) }
    }
    throw SIPError.unreachable(server: "loopback", reason: "no free port")
  }

  /// Toward the first address to which there is a way.
  /// - Returns: also the addresses after it.
  static func first(
    of addresses: [SocketAddress], _ settings: Settings, _ sofia: SocketAddress, _ sources: SourcePorts
  ) throws(ConnectionFailure) -> (DatagramSocket, InboundStreams?, [SocketAddress]) {
    var last = ConnectionFailure.unresolvable(host: settings.host, reason: "no address")
    for (index, address) in addresses.enumerated() {
      do throws(ConnectionFailure) {
        let (socket, inbound) = try outside(address, sofia, sources, settings)
        return (socket, inbound, Array(addresses[(index + 1)...]))
      } catch {
        last = error
      }
    }
    throw last
  }

  /// UDP and TCP at one port of the address that the server sees. At the port of before, if that is free: then what the
  /// server knows of us stays right.
  static func outside(
    _ address: SocketAddress, _ sofia: SocketAddress, _ sources: SourcePorts, _ settings: Settings, port: Int = 0
  ) throws(ConnectionFailure) -> (DatagramSocket, InboundStreams?) {
    for attempt in 0..<portAttempts {
      guard port == 0 || attempt > 0 else {
        guard let socket = try? DatagramSocket(to: address, port: port) else { continue }
        return (socket, inbound(socket))
      }
      let socket = try DatagramSocket(to: address)
      if let inbound = inbound(socket) { return (socket, inbound) }
    }
    return (try DatagramSocket(to: address), nil)

    func inbound(_ socket: DatagramSocket) -> InboundStreams? {
      InboundStreams(
        at: socket.local, from: address.numericHost, sofia: sofia, sources: sources, settings: settings.common)
    }
  }

  /// The server that answers over UDP comes first.
  static func streamAddresses(
    _ settings: Settings, _ server: CurrentServer
  ) -> @Sendable () throws(ConnectionFailure) -> [SocketAddress] {
    { () throws(ConnectionFailure) in
      let first = server.address
      return [first] + ((try? settings.streamAddresses()) ?? []).filter { $0 != first }
    }
  }
}

/// The address that the link uses now.
///
/// `@unchecked Sendable`: `current` is only touched under `lock`.
final class CurrentServer: @unchecked Sendable {
  private let lock = NSLock()
  private var current: SocketAddress

  init(_ address: SocketAddress) { current = address }

  var address: SocketAddress { lock.withLock { current } }
  func set(_ address: SocketAddress) { lock.withLock { current = address } }
}
