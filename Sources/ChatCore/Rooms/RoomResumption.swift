// RoomResumption.swift: taking up the rooms again after a registration: some at a time, the wanted ones first.
import Foundation
import GRDB
import MessageFormats

/// Rooms that are taken up again after a registration.
struct RoomsToResume {
  /// Those that wait, the last one first.
  private var queue: [String] = []
  private var waiting: Set<String> = []
  private var underWay: Set<String> = []
  var waiters: [String: [CheckedContinuation<Void, Never>]] = [:]

  init(_ addresses: [String] = []) {
    queue = addresses.reversed()
    waiting = Set(addresses)
  }

  mutating func next() -> String? {
    while let address = queue.popLast() { if take(address) { return address } }
    return nil
  }

  /// False when the room does not wait.
  mutating func take(_ address: String) -> Bool {
    guard waiting.remove(address) != nil else { return false }
    underWay.insert(address)
    return true
  }

  /// Somebody else takes the room up.
  mutating func drop(_ address: String) { waiting.remove(address) }

  func isUnderWay(_ address: String) -> Bool { underWay.contains(address) }

  mutating func finish(_ address: String) {
    underWay.remove(address)
    for waiter in waiters.removeValue(forKey: address) ?? [] { waiter.resume() }
  }
}

@ChatActor final class RoomResumption {
  /// SUBSCRIBEs that are under way at a time when rooms are taken up again.
  private static let resumedAtOnce = 16

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let origins: RoomOrigins
  private let follower: RoomFollower
  private var rooms = RoomsToResume()
  private var task: Task<Void, Never>?

  init(_ context: ChatContext, _ ownDevice: OwnDevice, _ origins: RoomOrigins, _ follower: RoomFollower) {
    (self.context, self.ownDevice, self.origins, self.follower) = (context, ownDevice, origins, follower)
  }

  func stop() {
    task?.cancel()
    task = nil
  }

  /// The room was taken up in another way.
  func drop(_ address: String) { rooms.drop(address) }

  /// After a (re)registration: subscribes to every room we are in, from the version we know. Returns at once; some
  /// rooms at a time, and in front of all others those that something is to be sent to.
  func resumeRooms() async {
    let sql = """
      SELECT address FROM room WHERE state <> 'left'
      ORDER BY address IN (SELECT room FROM outbox) DESC, lastActivity DESC, address
      """
    let addresses = (try? await context.store.database.read { try String.fetchAll($0, sql: sql) }) ?? []
    guard ownDevice.isConnected else { return }
    task?.cancel()
    let waiters = rooms.waiters.values.joined()
    rooms = RoomsToResume(addresses)
    // They wait for the new attempt.
    for waiter in waiters { waiter.resume() }
    task = Task { [weak self] in
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<Self.resumedAtOnce {
          group.addTask { while !Task.isCancelled, await self?.resumeNext() == true {} }
        }
      }
    }
  }

  /// - Returns: whether there was a room left.
  private func resumeNext() async -> Bool {
    guard ownDevice.isConnected, let address = rooms.next() else { return false }
    await resume(address)
    return true
  }

  /// Before something is done in a room: takes up the room out of its turn if it is not yet, so that what is sent goes
  /// to the members of today.
  func waitUntilResumed(_ address: String) async {
    while true {
      if rooms.take(address) { return await resume(address) }
      guard rooms.isUnderWay(address) else { return }
      await withCheckedContinuation { rooms.waiters[address, default: []].append($0) }
    }
  }

  private func resume(_ address: String) async {
    do {
      if let room = try await context.store.database.read({ try Room.fetchOne($0, key: address) }), room.state != .left
      {
        try origins.requireOurs(address)
        try await follower.subscribe(to: room)
      }
    } catch { if ownDevice.isConnected { context.complain(of: error, in: address) } }
    rooms.finish(address)
  }
}
