// EventHub.swift: hands every ChatEvent to each listener, in order.
import Foundation

/// Fans events out to any number of streams. Listeners see the events from their subscription on.
///
/// `@unchecked Sendable`: `listeners` is only touched under `lock`.
final class EventHub: @unchecked Sendable {
  private let lock = NSLock()
  private var listeners: [UUID: AsyncStream<ChatEvent>.Continuation] = [:]

  func subscribe() -> AsyncStream<ChatEvent> {
    let (stream, continuation) = AsyncStream.makeStream(of: ChatEvent.self, bufferingPolicy: .unbounded)
    let id = UUID()
    continuation.onTermination = { [weak self] _ in
      guard let self else { return }
      _ = lock.withLock { listeners.removeValue(forKey: id) }
    }
    lock.withLock { listeners[id] = continuation }
    return stream
  }

  func send(_ event: ChatEvent) {
    for listener in lock.withLock({ Array(listeners.values) }) { listener.yield(event) }
  }

  func finish() {
    let all = lock.withLock {
      defer { listeners.removeAll() }
      return Array(listeners.values)
    }
    for listener in all { listener.finish() }
  }
}
