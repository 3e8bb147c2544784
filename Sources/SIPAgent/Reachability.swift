// Reachability.swift: why a server cannot be reached, in the system's words; Sofia only says 503
import Foundation
import MessageFormats

enum Reachability {
  /// How long a connection is tried, in seconds.
  private static let patience = 3

  /// Tries the server once more with the system's own resolver and sockets.
  /// - Returns: the cause; nil when a connection can be made, so that the trouble lies above TCP.
  static func cause(of proxy: SIPURI, _ transport: SIPTransport) async -> SIPError? {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: findCause(of: proxy, transport)) }
    }
  }

  /// Blocks, so it runs on a thread of its own.
  private static func findCause(of proxy: SIPURI, _ transport: SIPTransport) -> SIPError? {
    let host = proxy.host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    let port = proxy.port ?? (transport == .tls ? 5061 : 5060)
    let address: SocketAddress
    do { address = try SocketAddress(resolving: host, port: port, type: SOCK_STREAM, family: AF_UNSPEC) } catch {
      return error as? SIPError
    }
    guard transport != .udp else { return nil }
    do {
      try Socket(family: address.family, type: SOCK_STREAM).connect(address, within: patience)
      return nil
    } catch SIPError.unreachable(_, let reason) {
      return SIPError.unreachable(server: "\(proxy.host):\(port)", reason: reason)
    } catch { return nil }
  }
}
