// ServerChoice.swift: which of a server's addresses a link tries, and which of them have refused (RFC 3263 §4.3)
import Foundation
import ServerConnection

/// `@unchecked Sendable`: `known` and `refusals` are only touched under `lock`; all else is constant.
final class ServerChoice: @unchecked Sendable {
  private struct Refusal {
    var address: SocketAddress
    var time: ContinuousClock.Instant
    var end: ContinuousClock.Instant
  }

  /// Without Retry-After an address that refused is left out for so many seconds: long enough to try the others.
  private static let shortestRefusal = 10.0

  /// In words, why a connection ended.
  static let departure = "another server is asked, as this one refuses or does not answer"

  private let find: @Sendable () throws(ConnectionFailure) -> [SocketAddress]
  private let lock = NSLock()
  private var known: [SocketAddress]
  private var refusals: [Refusal] = []

  /// - Parameters:
  ///   - known: what `find` gave before.
  ///   - find: where the server is, in the order in which to try. Blocks.
  init(
    known: [SocketAddress] = [], _ find: @escaping @Sendable () throws(ConnectionFailure) -> [SocketAddress]
  ) {
    self.known = known
    self.find = find
  }

  /// Whether the name has several addresses.
  var isPlural: Bool { lock.withLock { known.contains { $0 != known.first } } }

  /// Those to be tried now, in this order: without those that refused lately, unless all did. Blocks.
  func addresses() throws(ConnectionFailure) -> [SocketAddress] {
    let found = try find()
    return lock.withLock {
      known = found
      let now = ContinuousClock.now
      let open = found.filter { address in !refusals.contains { $0.address == address && $0.end > now } }
      return open.isEmpty ? found.sorted { end(of: $0) < end(of: $1) } : open
    }
  }

  /// Notes that an address refuses requests, or does not answer them.
  /// - Parameters:
  ///   - seconds: its Retry-After, 0 without one.
  ///   - start: when the present attempt began; in it each address is asked once.
  /// - Returns: whether there is another one to be asked.
  func refuse(_ address: SocketAddress, for seconds: Double, since start: ContinuousClock.Instant) -> Bool {
    lock.withLock {
      let now = ContinuousClock.now
      let isRepeated = refusals.contains { $0.address == address && $0.time >= start }
      refusals.removeAll { $0.address == address || ($0.end <= now && $0.time < start) }
      refusals.append(
        Refusal(address: address, time: now, end: now + .seconds(max(seconds, Self.shortestRefusal))))
      return !isRepeated && known.contains { other in !refusals.contains { $0.address == other } }
    }
  }

  /// Under `lock`.
  private func end(of address: SocketAddress) -> ContinuousClock.Instant {
    refusals.first { $0.address == address }?.end ?? .now
  }
}
