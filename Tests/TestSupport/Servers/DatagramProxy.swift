// DatagramProxy.swift: a UDP proxy on loopback that can fall silent, as a network does that loses everything
import Foundation
import Glibc

/// Forwards datagrams of one client to a port of this machine and back.
///
/// `@unchecked Sendable`: all variables are only touched under `lock`.
public final class DatagramProxy: @unchecked Sendable {
  public var port: Int { outside.port }
  private let outside: LoopbackSocket
  private let inside: LoopbackSocket
  private let lock = NSLock()
  private var isSilent = false
  private var isStopped = false
  private var answers: [String] = []

  public init(to target: Int) throws {
    outside = try .silentDatagram()
    inside = try .datagram(to: target)
    Thread.detachNewThread { [self] in run() }
  }

  /// What the server sent to the client so far.
  public var forwarded: [String] { lock.withLock { answers } }

  /// From now on every datagram gets lost.
  public func fallSilent() { lock.withLock { isSilent = true } }

  public func stop() { lock.withLock { isStopped = true } }

  private func run() {
    var client = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    func withClient(_ body: (UnsafeMutablePointer<sockaddr>) -> Int) -> Int {
      withUnsafeMutablePointer(to: &client) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) } }
    }
    while !lock.withLock({ isStopped }) {
      var entries = [outside, inside].map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
      // Now and then it looks whether it is stopped.
      poll(&entries, 2, 100)
      if entries[0].revents != 0 {
        let count = withClient { recvfrom(outside.descriptor, &buffer, buffer.count, 0, $0, &length) }
        if count > 0, !lock.withLock({ isSilent }) { send(inside.descriptor, buffer, count, Int32(MSG_NOSIGNAL)) }
      }
      if entries[1].revents != 0 {
        let count = recv(inside.descriptor, &buffer, buffer.count, 0)
        if count > 0, !lock.withLock({ isSilent }) {
          _ = withClient { sendto(outside.descriptor, buffer, count, Int32(MSG_NOSIGNAL), $0, length) }
          lock.withLock { answers.append(String(decoding: buffer.prefix(count), as: UTF8.self)) }
        }
      }
    }
  }
}
