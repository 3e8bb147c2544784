// TextLedger.swift: what became of each text, told by the events of all devices
import ChatCore
import Foundation

/// `@unchecked Sendable`: everything mutable is only touched under `lock`.
final class TextLedger: @unchecked Sendable {
  /// Deliveries that overtake the message's own id.
  private static let mostEarly = 10_000

  private struct Pending {
    var due: ContinuousClock.Instant
    var messageID: String?
    /// Numbers of the members that it has not come to.
    var missing: Set<Int>
    var isTaken = false
    var isAcknowledged = false
    var hasFailed = false
  }

  private let run: String
  private let lock = NSLock()
  private var pending: [Int: Pending] = [:]
  private var numbers: [String: Int] = [:]
  private var early: [String: ContinuousClock.Instant] = [:]
  /// Texts that are over.
  private var done: Set<Int> = []
  private var counts = LoadCounts()
  private var taken = LatencyHistogram()
  private var received = LatencyHistogram()
  private var acknowledged = LatencyHistogram()
  private var thisSecond = LatencyHistogram()

  init(run: String) { self.run = run }

  // MARK: Sending

  func begin(_ number: Int, due: ContinuousClock.Instant, to members: Set<Int>) {
    lock.withLock {
      counts.sent += 1
      pending[number] = Pending(due: due, missing: members)
    }
  }

  func stored(_ number: Int, as messageID: String) {
    lock.withLock {
      guard pending[number] != nil else { return }
      pending[number]?.messageID = messageID
      numbers[messageID] = number
      if let time = early.removeValue(forKey: messageID) { acknowledge(number, at: time) }
    }
  }

  func fail(_ number: Int) { lock.withLock { failText(number) } }

  // MARK: Events

  /// - Parameter device: the number of the account that was told.
  func take(_ event: ChatEvent, by device: Int) {
    let now = ContinuousClock.now
    switch event {
    case .message(let message) where !message.isOutgoing:
      // What cannot be read has no number.
      if let number = LoadText.number(message.text, run: run) { arrived(number, at: device, now) }
    case .messageState(let message):
      lock.withLock {
        guard let number = numbers[message.messageID] ?? LoadText.number(message.text, run: run) else { return }
        if message.state == .sent, pending[number]?.isTaken == false {
          pending[number]?.isTaken = true
          counts.taken += 1
          if let due = pending[number]?.due { taken.record(now - due) }
        } else if message.state == .failed {
          failText(number)
        }
      }
    case .delivery(_, let id, _, let state, _, let isComplete):
      lock.withLock {
        guard state != .failed else {
          if let number = numbers[id] { failText(number) }
          return
        }
        guard isComplete else { return }
        if let number = numbers[id] { return acknowledge(number, at: now) }
        // Most of them are of texts that are over.
        if early.count >= Self.mostEarly { early = [:] }
        early[id] = now
      }
    default: break
    }
  }

  /// A copy came to the device with this number.
  func arrived(_ number: Int, at device: Int, _ now: ContinuousClock.Instant) {
    lock.withLock { receive(number, device, now) }
  }

  private func receive(_ number: Int, _ device: Int, _ now: ContinuousClock.Instant) {
    guard let text = pending[number] else {
      if done.contains(number) { counts.doubled += 1 }
      return
    }
    guard pending[number]?.missing.remove(device) != nil else {
      counts.doubled += 1
      return
    }
    counts.copies += 1
    received.record(now - text.due)
    thisSecond.record(now - text.due)
    if pending[number]?.missing.isEmpty == true {
      counts.receivedByAll += 1
      endIfOver(number)
    }
  }

  private func acknowledge(_ number: Int, at time: ContinuousClock.Instant) {
    guard pending[number]?.isAcknowledged == false, let due = pending[number]?.due else { return }
    pending[number]?.isAcknowledged = true
    counts.acknowledged += 1
    acknowledged.record(time - due)
    endIfOver(number)
  }

  private func failText(_ number: Int) {
    guard pending[number]?.hasFailed == false else { return }
    pending[number]?.hasFailed = true
    counts.failed += 1
  }

  private func endIfOver(_ number: Int) {
    guard let text = pending[number], text.missing.isEmpty, text.isAcknowledged, text.isTaken else { return }
    end(number)
  }

  private func end(_ number: Int) {
    if let id = pending.removeValue(forKey: number)?.messageID { numbers[id] = nil }
    done.insert(number)
  }

  // MARK: Counting

  /// - Parameter patience: what was due longer ago and is not with all is lost.
  func second(_ second: Int, patience: Double) -> LoadSecond {
    lock.withLock {
      var counts = self.counts
      counts.lost = overdue(patience)
      defer { thisSecond.reset() }
      return LoadSecond(second: second, counts: counts, waiting: pending.count, received: thisSecond.latency)
    }
  }

  /// Lost and failed texts in percent of those that are over or overdue; nil while these are too few to tell.
  func errorRate(patience: Double, atLeast least: Int) -> Double? {
    lock.withLock {
      let bad = overdue(patience) + pending.values.count { $0.hasFailed && !$0.missing.isEmpty }
      let all = done.count + bad
      return all < least ? nil : Double(bad) / Double(all) * 100
    }
  }

  private func overdue(_ patience: Double) -> Int {
    let limit = ContinuousClock.now - .seconds(patience)
    return pending.values.count { !$0.missing.isEmpty && !$0.hasFailed && $0.due < limit }
  }

  /// Whether nothing is under way.
  var isSettled: Bool { lock.withLock { pending.values.allSatisfy { $0.hasFailed } } }
  var waiting: Int { lock.withLock { pending.count } }

  /// At the end: what has not come to all is lost.
  func fill(_ result: inout LoadResult) {
    lock.withLock {
      result.counts = counts
      result.counts.lost = overdue(0)
      (result.taken, result.received, result.acknowledged) = (
        taken.latency, received.latency, acknowledged.latency
      )
    }
  }

  func hasCome(_ number: Int) -> Bool {
    lock.withLock { done.contains(number) || pending[number]?.missing.isEmpty == true }
  }
}
