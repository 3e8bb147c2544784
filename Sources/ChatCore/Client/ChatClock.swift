// ChatClock.swift: the time by which keys are renewed, and what is waited for, which tests move.
import Foundation

/// The time as the client takes it, so that tests can have days pass.
public struct ChatClock: Sendable {
  /// What everything with a lifetime is measured by.
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
