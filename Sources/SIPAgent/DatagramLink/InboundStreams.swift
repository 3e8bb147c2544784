// InboundStreams.swift: TCP connections that a server makes to us, for what is too large for UDP (RFC 3261 §18.1.1)
import Foundation
import ServerConnection

/// Ports of this process from which Sofia is given messages.
///
/// `@unchecked Sendable`: `ports` is only touched under `lock`.
final class SourcePorts: @unchecked Sendable {
  private let lock = NSLock()
  private var ports: Set<Int> = []

  func contains(_ port: Int) -> Bool { lock.withLock { ports.contains(port) } }
  func insert(_ port: Int) { lock.withLock { _ = ports.insert(port) } }
  func remove(_ port: Int) { lock.withLock { _ = ports.remove(port) } }
  var count: Int { lock.withLock { ports.count } }
}

/// Listens at the address of a UDP socket. Belongs to one thread; each connection has a thread of its own. All end when
/// it is released.
final class InboundStreams {
  /// Further connections are closed.
  private static let maximumCount = 8

  let descriptor: Int32
  private let host: String
  private let sofia: SocketAddress
  private let sources: SourcePorts
  private var settings: LinkSettings
  private let interrupt = LinkInterrupt()

  /// - Parameters:
  ///   - local: where to listen.
  ///   - host: the server, numeric; others are not heard.
  ///   - sofia: where Sofia takes connections.
  /// - Returns: nil when the port is taken.
  init?(
    at local: SocketAddress, from host: String, sofia: SocketAddress, sources: SourcePorts, settings: LinkSettings
  ) {
    self.host = host
    self.sofia = sofia
    self.sources = sources
    self.settings = settings
    // The server pings its connections, if anybody.
    self.settings.keepalive = 0
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    descriptor = socket(local.family, type, 0)
    guard descriptor >= 0 else { return nil }
    // Connections of before may still be dying (TIME_WAIT).
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    guard local.withPointer({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, 4) == 0 else {
      close(descriptor)
      return nil
    }
  }

  deinit {
    interrupt.close()
    close(descriptor)
  }

  /// Takes the connections that wait.
  func accept() {
    while true {
      let stream = Foundation.accept(descriptor, nil, nil)
      if stream < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      guard (try? SocketAddress(peerOf: stream))?.numericHost == host, sources.count < Self.maximumCount else {
        close(stream)
        continue
      }
      carry(stream)
    }
  }

  private func carry(_ descriptor: Int32) {
    let (sofia, sources, settings, interrupt) = (sofia, sources, settings, interrupt)
    let thread = Thread {
      guard let server = try? ServerStream(accepted: descriptor) else { return }
      // On loopback this does not wait.
      guard let client = try? ServerStream(to: sofia, tls: nil, host: "") else { return }
      sources.insert(client.local.port)
      defer { sources.remove(client.local.port) }
      var pump = LinkPump(
        client: client.descriptor, stream: server, listener: nil, interrupt: interrupt.descriptor,
        via: ViaRewriter(transport: "TCP", sentBy: server.local.text), settings: settings)
      // However it ends, the server makes another connection when it needs one.
      _ = try? pump.run()
    }
    thread.name = "sip link inbound"
    thread.start()
  }
}
