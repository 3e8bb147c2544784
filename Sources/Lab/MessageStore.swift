// MessageStore.swift: messages that wait for their device, in order and bounded
import Foundation
import SIPAgent

/// A queue for each device. A message stays until the device has answered it, so none is lost with a connection. A pure
/// value: it sends nothing.
struct MessageStore: Sendable {
  /// When a device has more waiting than this, the oldest are dropped.
  static let maximumPerDevice = 2_000
  /// Bytes of bodies that wait for one device, likewise.
  static let maximumBytesPerDevice = 64 << 20
  /// So many go out to a device before its first answer is in.
  static let window = 32

  struct Entry: Sendable {
    let id: UInt64
    let request: SIPRequest
    fileprivate(set) var isUnderWay = false
  }

  private var queues: [String: [Entry]] = [:]
  private var lastID: UInt64 = 0

  /// Puts a message at the end of a device's queue. Returns how many old ones had to go.
  mutating func add(_ request: SIPRequest, for device: String) -> Int {
    lastID += 1
    var queue = queues[device] ?? []
    queue.append(Entry(id: lastID, request: request))
    var bytes = queue.reduce(0) { $0 + $1.request.body.count }
    var dropped = 0
    while queue.count - dropped > Self.maximumPerDevice || (bytes > Self.maximumBytesPerDevice && dropped < queue.count)
    {
      bytes -= queue[dropped].request.body.count
      dropped += 1
    }
    queue.removeFirst(dropped)
    queues[device] = queue
    return dropped
  }

  /// The next message to send, which is under way from now on. nil when there is none, or enough are under way.
  mutating func next(for device: String) -> Entry? {
    guard var queue = queues[device], let place = queue.firstIndex(where: { !$0.isUnderWay }), place < Self.window
    else { return nil }
    queue[place].isUnderWay = true
    queues[device] = queue
    return queue[place]
  }

  /// The device has answered.
  mutating func delivered(_ id: UInt64, for device: String) {
    queues[device]?.removeAll { $0.id == id }
    if queues[device]?.isEmpty == true { queues[device] = nil }
  }

  /// No answer came: it keeps its place.
  mutating func failed(_ id: UInt64, for device: String) {
    guard let place = queues[device]?.firstIndex(where: { $0.id == id }) else { return }
    queues[device]?[place].isUnderWay = false
  }

  mutating func forget(device: String) { queues[device] = nil }

  func count(for device: String) -> Int { queues[device]?.count ?? 0 }
}
