// ChatClock.swift: the time by which keys are renewed, and what is waited for, which tests move.
import Foundation

public struct ChatClock: Sendable {
  public var now: @Sendable () -> Date
  /// How often a running client looks whether something is due.
  public var interval: Duration
  /// How long a message waits for the state of its room to show its author.
  public var patience: Duration

  public init(
    now: @escaping @Sendable () -> Date = { Date() }, interval: Duration = .seconds(600),
    patience: Duration = .seconds(8)
  ) {
    self.now = now
    self.interval = interval
    self.patience = patience
  }
}
