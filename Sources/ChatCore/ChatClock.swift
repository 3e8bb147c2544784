// ChatClock.swift: the time by which keys are renewed, which tests move.
import Foundation

public struct ChatClock: Sendable {
  public var now: @Sendable () -> Date
  /// How often a running client looks whether something is due.
  public var interval: Duration

  public init(now: @escaping @Sendable () -> Date = { Date() }, interval: Duration = .seconds(600)) {
    self.now = now
    self.interval = interval
  }
}
