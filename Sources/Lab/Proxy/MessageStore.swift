// MessageStore.swift: messages that wait for their device, in order and bounded
import Foundation
import SIPAgent

/// A queue for each device. A message stays until the device has answered it, so none is lost with a connection. A pure
/// value: it sends nothing.
struct MessageStore: Sendable {
  /// When a device has more waiting than this, the oldest are dropped.
  static let maximumPerDevice = 20_000
  /// Bytes of bodies that wait for one device, likewise.
  static let maximumBytesPerDevice = 96 << 20
  /// So many go out to a device before its first answer is in.
  static let window = 32

  struct Entry: Sendable {
    let id: UInt64
    let request: SIPRequest
    fileprivate(set) var isUnderWay = false
  }

  fileprivate struct Queue: Sendable {
    var entries: [Entry] = []
    /// Of the bodies.
    var bytes = 0
  }

  private var queues: [String: Queue] = [:]
  private var lastID: UInt64 = 0

  /// Puts a message at the end of a device's queue. Returns how many old ones had to go.
  mutating func add(_ request: SIPRequest, for device: String) -> Int {
    lastID += 1
    return queues[device, default: Queue()].add(Entry(id: lastID, request: request))
  }

  /// The next message to send, which is under way from now on. nil when there is none, or enough are under way.
  mutating func next(for device: String) -> Entry? { queues[device]?.next() }

  /// The device has answered.
  mutating func delivered(_ id: UInt64, for device: String) {
    queues[device]?.remove(id)
    if queues[device]?.entries.isEmpty == true { queues[device] = nil }
  }

  /// No answer came: it keeps its place.
  mutating func failed(_ id: UInt64, for device: String) { queues[device]?.failed(id) }

  mutating func forget(device: String) { queues[device] = nil }

  func count(for device: String) -> Int { queues[device]?.entries.count ?? 0 }
}

extension MessageStore.Queue {
  /// - Returns: how many old ones had to go.
  fileprivate mutating func add(_ entry: MessageStore.Entry) -> Int {
    entries.append(entry)
    bytes += entry.request.body.count
    var dropped = 0
    while entries.count - dropped > MessageStore.maximumPerDevice
      || (bytes > MessageStore.maximumBytesPerDevice && dropped < entries.count)
    {
      bytes -= entries[dropped].request.body.count
      dropped += 1
    }
    entries.removeFirst(dropped)
    return dropped
  }

  fileprivate mutating func next() -> MessageStore.Entry? {
    guard let place = entries.prefix(MessageStore.window).firstIndex(where: { !$0.isUnderWay }) else { return nil }
    entries[place].isUnderWay = true
    return entries[place]
  }

  /// It is one of the first, as those are under way.
  fileprivate mutating func remove(_ id: UInt64) {
    guard let place = entries.firstIndex(where: { $0.id == id }) else { return }
    bytes -= entries.remove(at: place).request.body.count
  }

  fileprivate mutating func failed(_ id: UInt64) {
    guard let place = entries.firstIndex(where: { $0.id == id }) else { return }
    entries[place].isUnderWay = false
  }
}
