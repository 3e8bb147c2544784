// KeyServerHold.swift: leaving a key server alone that said "resource limit" (error 0x0A), longer each time.
import Foundation

struct KeyServerHold {
  private static let first: TimeInterval = 30
  private static let longest: TimeInterval = 3600

  private(set) var until: Date?
  private var refusals = 0

  /// Seconds that are left to wait; nil when the server may be asked.
  func remaining(at now: Date) -> TimeInterval? {
    guard let until, until > now else { return nil }
    return until.timeIntervalSince(now)
  }

  mutating func refused(at now: Date) {
    until = now.addingTimeInterval(min(Self.longest, Self.first * pow(2, Double(min(refusals, 16)))))
    refusals += 1
  }

  mutating func answered() { self = KeyServerHold() }
}
