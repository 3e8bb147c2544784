// ReadOrder.swift: which of several readings of the database, that go on at once, has begun last

/// What was read earlier must not replace what was read later, whichever of them comes first.
struct ReadOrder {
  private var begun = 0
  private var goingOn = 0
  /// Which reading is shown of each thing, as long as any goes on.
  private var shown: [String: Int] = [:]

  /// - Returns: the number of this reading, which `end` must follow.
  mutating func begin() -> Int {
    begun += 1
    goingOn += 1
    return begun
  }

  /// Whether no later reading of this thing is shown; then this one is to be.
  mutating func isNewest(_ reading: Int, of id: String) -> Bool {
    guard reading >= shown[id] ?? 0 else { return false }
    shown[id] = reading
    return true
  }

  mutating func end() {
    goingOn -= 1
    if goingOn == 0 { shown = [:] }
  }
}
