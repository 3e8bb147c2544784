// EventBacklog.swift: what the SIP agent told of and is not handled yet, in order and within bounds.
import Foundation
import SIPAgent

@ChatActor final class EventBacklog {
  /// While events of more bytes wait, the agent keeps what comes, and reads no more from its server.
  private static let maximumBytes = 2 << 20

  /// Gets all that has come meanwhile.
  private let handle: @ChatActor ([SIPEvent]) async -> Void
  private var arrived: [SIPEvent] = []
  private var bytes = 0
  /// Of the one who brings events, until there is room for more.
  private var waiter: CheckedContinuation<Void, Never>?
  private var handling: Task<Void, Never>?

  init(handle: @escaping @ChatActor ([SIPEvent]) async -> Void) { self.handle = handle }

  /// Returns when there is room for the next one.
  func add(_ event: SIPEvent) async {
    arrived.append(event)
    bytes += event.size
    begin()
    if bytes > Self.maximumBytes { await withCheckedContinuation { waiter = $0 } }
  }

  /// Puts messages that waited elsewhere in front of what has arrived.
  func putBack(_ messages: [IncomingMessage]) {
    arrived.insert(contentsOf: messages.map { .message($0) }, at: 0)
    begin()
  }

  private func begin() {
    if handling == nil { handling = Task { [weak self] in await self?.handleArrived() } }
  }

  private func handleArrived() async {
    while !arrived.isEmpty {
      let events = arrived
      arrived = []
      bytes = 0
      waiter?.resume()
      waiter = nil
      await handle(events)
    }
    handling = nil
  }
}
