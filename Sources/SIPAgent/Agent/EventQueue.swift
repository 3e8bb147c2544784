// EventQueue.swift: what an agent has to tell, until its owner takes it
import Foundation

/// What waits counts in the window of the links: while it is full, servers are not read from.
///
/// `@unchecked Sendable`: all variables are only touched under `lock`.
final class EventQueue: @unchecked Sendable {
  private let window: IntakeWindow
  private let lock = NSLock()
  private var events: [SIPEvent] = []
  private var first = 0
  private var isFinished = false
  private var waiter: CheckedContinuation<SIPEvent?, Never>?

  init(window: IntakeWindow) { self.window = window }

  /// One consumer.
  var stream: AsyncStream<SIPEvent> { AsyncStream(unfolding: next, onCancel: finish) }

  func yield(_ event: SIPEvent) {
    lock.lock()
    guard !isFinished else { return lock.unlock() }
    guard let waiter else {
      events.append(event)
      lock.unlock()
      return window.hold(event.cost)
    }
    self.waiter = nil
    lock.unlock()
    waiter.resume(returning: event)
  }

  /// What waits can still be taken.
  func finish() {
    lock.lock()
    isFinished = true
    let waiter = waiter
    self.waiter = nil
    lock.unlock()
    waiter?.resume(returning: nil)
  }

  private func next() async -> SIPEvent? { await withCheckedContinuation { hand(to: $0) } }

  private func hand(to continuation: CheckedContinuation<SIPEvent?, Never>) {
    lock.lock()
    let event = take()
    let isWaiting = event == nil && !isFinished
    if isWaiting { waiter = continuation }
    lock.unlock()
    if let event { window.release(event.cost) }
    if !isWaiting { continuation.resume(returning: event) }
  }

  /// Under `lock`.
  private func take() -> SIPEvent? {
    guard first < events.count else { return nil }
    let event = events[first]
    first += 1
    if first == events.count {
      events = []
      first = 0
    } else if first > 64 {
      events.removeFirst(first)
      first = 0
    }
    return event
  }
}

extension SIPEvent {
  /// About the bytes that it keeps.
  public var size: Int {
    if case .message(let message) = self { return message.body.count + message.headers.cost }
    return cost
  }

  /// Messages count until they are answered, see `IncomingRequests`.
  fileprivate var cost: Int {
    switch self {
    case .notify(let notify): notify.body.count + notify.headers.cost
    case .invitation(let invite), .reinvitation(let invite): invite.body.count + invite.headers.cost
    case .message, .registration, .dialogEnded, .subscriptionEnded: 0
    }
  }
}

extension [SIPHeader] {
  /// About the bytes that they keep.
  var cost: Int { reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 64 } }
}
