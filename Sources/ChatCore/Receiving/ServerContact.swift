// ServerContact.swift: when the server could reach us, and so how late what comes may be.
import Foundation

/// What comes while we are connected was written a moment ago, whatever it says; what waited for us, since we were
/// connected last.
struct ServerContact: Sendable {
  /// A clock may be wrong by so many seconds, or a message be so long on its way.
  static let tolerance: TimeInterval = 30
  /// How long after a connection was made messages may still come that waited, in seconds.
  static let catchUp: TimeInterval = 300
  /// Between two signs of life, in seconds.
  static let interval: TimeInterval = 20

  /// How long a connection may have been dead before that is noticed, in seconds.
  private static let silence: TimeInterval = 120

  /// When the present contact began; nil while there is none.
  private(set) var since: Date?
  /// When the one before it ended; nil when there was none.
  private(set) var before: Date?
  private var lastSign: Date?

  /// - Parameter before: when the last contact ended, as far as is known from elsewhere.
  mutating func begin(at now: Date, before: Date? = nil) {
    (self.before, since, lastSign) = (self.before ?? before, now, now)
  }

  mutating func end(at now: Date) {
    guard since != nil else { return }
    // A computer that slept learns late that its connection is gone.
    before = min(lastSign?.addingTimeInterval(2 * Self.interval) ?? now, now)
    since = nil
  }

  /// The connection was replaced by another one: it may have been dead for a while.
  mutating func reconnect(at now: Date) {
    (before, since, lastSign) = (now.addingTimeInterval(-Self.silence), now, now)
  }

  /// To be called every `interval`: a gap means that the computer slept, and that messages wait for us.
  mutating func sign(at now: Date) {
    guard since != nil, let last = lastSign else { return }
    if now.timeIntervalSince(last) > 3 * Self.interval { (before, since) = (last, now) }
    lastSign = now
  }

  func isCatchingUp(at now: Date) -> Bool {
    since.map { (0..<Self.catchUp).contains(now.timeIntervalSince($0)) } ?? true
  }

  /// When what comes now can have been written at the earliest.
  func earliest(at now: Date) -> Date {
    guard isCatchingUp(at: now), let before else { return now.addingTimeInterval(-Self.tolerance) }
    return min(before, now).addingTimeInterval(-Self.tolerance)
  }
}

/// Where a message stands in its room, and the time that it claims if that is another one.
struct MessagePlace: Equatable {
  var time: Date
  var claimed: Date?

  /// A time that is not believable counts for nothing: the message stands where it came, at the bottom, not above what
  /// was read already, nor below all that follows.
  init(claimed: Date?, arrival: Arrival) {
    let now = arrival.now.wholeSeconds
    guard let claimed else {
      time = now
      return
    }
    if claimed > now {
      time = now
      if claimed.timeIntervalSince(now) > ServerContact.tolerance { self.claimed = claimed }
    } else if claimed < arrival.earliest {
      (time, self.claimed) = (now, claimed)
    } else {
      time = claimed
    }
  }
}

extension Date {
  /// CPIM's DateTime has whole seconds: with more here, our message and an answer to it would change places.
  var wholeSeconds: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}
