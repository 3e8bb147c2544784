// RecordingProxy.swift: a TCP proxy on loopback that keeps what clients send through it
import Foundation
import Glibc

/// Forwards connections to a server on this machine. What the clients' side sends is kept, before the server gets it.
public final class RecordingProxy: Sendable {
  public var port: Int { listener.port }
  private let listener: LoopbackSocket
  private let server: Int
  private let lock = NSLock()
  // Both only touched under the lock.
  nonisolated(unsafe) private var recordings: [Data] = []
  nonisolated(unsafe) private var isStopped = false

  /// - Parameter port: the server's.
  public init(to port: Int) throws {
    listener = try LoopbackSocket.listening()
    server = port
    Thread.detachNewThread { [self] in serve() }
  }

  /// What was sent, one value for each connection.
  public var sent: [Data] { lock.withLock { recordings } }

  /// No further connections; those there are end with their clients.
  public func stop() {
    lock.withLock { isStopped = true }
    // Wakes the thread that waits for connections.
    shutdown(listener.descriptor, Int32(SHUT_RDWR))
  }

  private func serve() {
    while true {
      let client = accept(listener.descriptor, nil, nil)
      if client < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      _ = fcntl(client, F_SETFD, FD_CLOEXEC)
      let downstream = LoopbackSocket(owning: client)
      guard lock.withLock({ !isStopped }), let upstream = try? LoopbackSocket.connected(to: server) else { continue }
      let number = lock.withLock {
        recordings.append(Data())
        return recordings.count - 1
      }
      Thread.detachNewThread { [self] in
        Self.forward(from: downstream.descriptor, to: upstream.descriptor) { bytes in
          lock.withLock { recordings[number].append(bytes) }
        }
      }
      Thread.detachNewThread {
        Self.forward(from: upstream.descriptor, to: downstream.descriptor) { _ in }
      }
    }
  }

  /// Until either side ends; then both ends learn of it.
  private static func forward(from source: Int32, to sink: Int32, keep: (Data) -> Void) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(source, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      keep(Data(buffer[..<count]))
      var sent = 0
      while sent < count {
        let written = buffer[sent..<count].withUnsafeBytes {
          send(sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { break }
        sent += written
      }
      guard sent == count else { break }
    }
    shutdown(sink, Int32(SHUT_RDWR))
    shutdown(source, Int32(SHUT_RDWR))
  }
}
