// SofiaWatch.swift: finds out whether Sofia still reads from its connection to a link (RFC 5626 §3.5.1)
import Foundation

/// After a message that it cannot parse Sofia leaves its connection open and reads no more from it. So after it was
/// given something it is pinged, which it answers when it has read all.
struct SofiaWatch {
  enum Step: Equatable {
    /// Send a ping.
    case ask
    case lost
    case nothing
  }

  /// Between what it was given and the ping, in seconds: long enough that the two are not read in one.
  private static let pause = 2.0
  private static let interval = 2.0
  /// So long it may take nothing, or owe an answer.
  private static let patience = 6.0

  /// When it was given something last that no answer vouches for.
  private var given: ContinuousClock.Instant?
  private var asked: (first: ContinuousClock.Instant, last: ContinuousClock.Instant)?
  private var blockedSince: ContinuousClock.Instant?

  /// Whether it has left bytes lying.
  var isBlocked: Bool {
    get { blockedSince != nil }
    set { blockedSince = newValue ? blockedSince ?? .now : nil }
  }

  /// It has taken bytes.
  mutating func wasGiven() {
    given = .now
    blockedSince = nil
  }

  /// It has sent the answer to a ping.
  mutating func hasAnswered() {
    // What it was given after the ping is not vouched for.
    let isNewer = given.flatMap { given in asked.map { given > $0.last + .milliseconds(500) } } ?? false
    if !isNewer { given = nil }
    asked = nil
  }

  /// - Parameter isListening: whether what it sends is read. While it is not, it answers no pings.
  mutating func step(_ now: ContinuousClock.Instant, isListening: Bool) -> Step {
    if let blockedSince, now >= blockedSince + .seconds(Self.patience) { return .lost }
    if !isListening { asked = nil }
    guard let given, !isBlocked, isListening else { return .nothing }
    guard let asked else {
      guard now >= given + .seconds(Self.pause) else { return .nothing }
      self.asked = (now, now)
      return .ask
    }
    if now >= asked.first + .seconds(Self.patience) { return .lost }
    guard now >= asked.last + .seconds(Self.interval) else { return .nothing }
    self.asked?.last = now
    return .ask
  }

  /// When `step` has something to do.
  func due(isListening: Bool) -> ContinuousClock.Instant? {
    [
      blockedSince.map { $0 + .seconds(Self.patience) },
      isBlocked || !isListening
        ? nil : asked.map { $0.last + .seconds(Self.interval) } ?? given.map { $0 + .seconds(Self.pause) },
    ].compactMap(\.self).min()
  }
}
