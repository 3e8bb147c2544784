// HTTPConnectionTable.swift: the open connections of a listener, and which of them goes when there are too many
import FlyingSocks
import Foundation
import Synchronization

/// Who is connected, since when it does what it does, and how much of it.
final class HTTPConnectionTable: Sendable {
  /// A transfer of that many bytes a second gives its place only when all others are such too.
  private static let usefulRate = 16 * 1024.0
  /// Over so many seconds the rate is taken.
  private static let rateTime = 3.0
  /// The time that a connection and a request have to show that they are of use, in seconds.
  private static let grace = 1.0
  /// The same for a user's request.
  private static let longGrace = 10.0

  let limits: HTTPLimits
  private let state = Mutex(State())

  private struct State {
    var entries: [Int: Entry] = [:]
    var lastID = 0
  }

  private struct Entry {
    let descriptor: Int32
    let address: String
    /// Since when it waits for a request, or is within one.
    var since = ContinuousClock.now
    var isAnswering = false
    /// Whose request it is, where somebody has proved that.
    var user: String?
    /// Bytes in and out since then; those of long ago count less and less.
    private var moved = 0.0
    private var movedAt = ContinuousClock.now
    /// Its connection has been shut down; whoever serves it will find out.
    var isEvicted = false

    init(_ descriptor: Int32, from address: String) { (self.descriptor, self.address) = (descriptor, address) }

    var age: Double { (ContinuousClock.now - since) / .seconds(1) }
    var rate: Double { remaining / rateTime }
    var isNew: Bool { age < grace }
    var isOfUse: Bool { isNew || (isAnswering && (user != nil || rate >= usefulRate)) }

    private var remaining: Double { moved * exp(-((ContinuousClock.now - movedAt) / .seconds(1)) / rateTime) }

    mutating func count(_ bytes: Int) { (moved, movedAt) = (remaining + Double(bytes), .now) }

    mutating func change(isAnswering: Bool) {
      self.isAnswering = isAnswering
      (since, moved, movedAt) = (.now, 0, .now)
      if !isAnswering { user = nil }
    }
  }

  init(_ limits: HTTPLimits) { self.limits = limits }

  /// Takes a new connection in, in place of another one when there are too many. nil when no other is worth less.
  func open(_ descriptor: Int32, from address: String) -> Int? {
    state.withLock { state in
      let open = state.entries.filter { !$0.value.isEvicted }
      let own = open.filter { $0.value.address == address }
      if own.count >= limits.connectionsPerAddress {
        guard Self.evict(among: own, &state) else { return nil }
      } else if open.count >= limits.connections {
        // Who has most gives first.
        let counts = Dictionary(grouping: open.values, by: \.address).mapValues(\.count)
        let most = counts.values.max() ?? 0
        let largest = open.filter { counts[$0.value.address] == most }
        guard Self.evict(among: largest, &state) || Self.evict(among: open, &state) else { return nil }
      }
      state.lastID += 1
      state.entries[state.lastID] = Entry(descriptor, from: address)
      return state.lastID
    }
  }

  /// Ends the connection that is worth least, for want of file descriptors.
  func makeRoom() {
    state.withLock { state in
      _ = Self.evict(among: state.entries.filter { !$0.value.isEvicted }, &state)
    }
  }

  /// The one that has been of no use for longest; else the slowest that is nobody's, the oldest of the new ones, and
  /// last the slowest of those of users that had their time.
  private static func evict(among entries: [Int: Entry], _ state: inout State) -> Bool {
    func oldest(_ isMeant: (Entry) -> Bool) -> (Int, Entry)? {
      entries.filter { isMeant($0.value) }.max { $0.value.age < $1.value.age }.map { ($0.key, $0.value) }
    }
    func slowest(_ isMeant: (Entry) -> Bool) -> (Int, Entry)? {
      entries.filter { isMeant($0.value) }.min { $0.value.rate < $1.value.rate }.map { ($0.key, $0.value) }
    }
    let choice =
      oldest { !$0.isOfUse } ?? slowest { $0.user == nil && !$0.isNew } ?? oldest { $0.user == nil }
      ?? slowest { $0.age >= longGrace }
    guard let (id, entry) = choice else { return false }
    // Closed only by `close`, so that the descriptor is still this connection's.
    shutdown(entry.descriptor, Int32(SHUT_RDWR))
    state.entries[id]?.isEvicted = true
    return true
  }

  /// The head of a request is here.
  func begin(_ id: Int) { change(id) { $0.change(isAnswering: true) } }

  /// The request is answered.
  func end(_ id: Int) { change(id) { $0.change(isAnswering: false) } }

  func moved(_ count: Int, by id: Int) { change(id) { $0.count(count) } }

  /// The request is that user's. False when the user has too many.
  func identify(_ id: Int, as user: String) -> Bool {
    state.withLock { state in
      guard state.entries[id]?.user != user else { return true }
      guard state.entries.values.count(where: { $0.user == user }) < limits.requestsPerUser else { return false }
      state.entries[id]?.user = user
      return true
    }
  }

  func isOpen(_ id: Int) -> Bool { state.withLock { $0.entries[id].map { !$0.isEvicted } ?? false } }

  /// How many there are, of each address, and of each user's requests.
  var counts: (connections: Int, addresses: [String: Int], users: [String: Int]) {
    state.withLock { state in
      let open = state.entries.values.filter { !$0.isEvicted }
      return (
        open.count, Dictionary(grouping: open, by: \.address).mapValues(\.count),
        Dictionary(grouping: state.entries.values.compactMap(\.user), by: \.self).mapValues(\.count)
      )
    }
  }

  /// Forgets a connection and closes it.
  func close(_ id: Int, _ socket: Socket) {
    state.withLock { state in
      state.entries[id] = nil
      try? socket.close()
    }
  }

  private func change(_ id: Int, _ change: (inout Entry) -> Void) {
    state.withLock { state in
      if var entry = state.entries[id] {
        change(&entry)
        state.entries[id] = entry
      }
    }
  }

  /// What counts as one address: an IPv4 address, or the network of an IPv6 address.
  static func key(of peer: Socket.Address) -> String {
    switch peer {
    case .ip4(let address, _): return address
    case .unix(let path): return path
    case .ip6(let address, _):
      var bytes = in6_addr()
      guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
      let octets = withUnsafeBytes(of: &bytes) { Array($0) }
      let isMapped = octets.prefix(10).allSatisfy { $0 == 0 } && octets[10] == 0xFF && octets[11] == 0xFF
      return isMapped
        ? octets.suffix(4).map(String.init).joined(separator: ".")
        : octets.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
    }
  }
}
