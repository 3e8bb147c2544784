// PollTimeout.swift: how long `poll` may wait
extension ContinuousClock.Instant {
  /// Rounded up, for `poll`; 0 when it has passed.
  package var millisecondsLeft: Int32 {
    let left = ContinuousClock.now.duration(to: self).components
    return Int32(clamping: max(0, left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1))
  }
}
