// LabLog.swift: the lab's events as a stream
import Foundation

/// Collects events for whoever listens. When no one does, the newest are kept.
struct LabLog: Sendable {
  /// Events kept for a listener that is slow or not there.
  static let capacity = 1_000

  let events: AsyncStream<LabEvent>
  private let continuation: AsyncStream<LabEvent>.Continuation

  init() {
    (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.capacity))
  }

  func callAsFunction(_ area: LabEvent.Area, _ text: String) {
    continuation.yield(LabEvent(time: Date(), area: area, text: text))
  }

  func finish() { continuation.finish() }
}
