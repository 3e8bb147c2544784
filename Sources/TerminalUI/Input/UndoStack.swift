// UndoStack.swift: the states of a text that can be gone back to, and forth again.

/// Letters typed one after the other are one change.
struct UndoStack: Hashable, Sendable {
  /// Changes that can be taken back.
  private static let maximum = 200
  /// Bytes of all their texts: pastes may be large.
  private static let maximumBytes = 1 << 20

  struct State: Hashable, Sendable {
    var text: String
    var cursor: Int
  }

  private var past: [State] = []
  private var future: [State] = []
  private var isTyping = false

  /// - Parameter before: the state that a change has ended.
  mutating func record(_ before: State, isTyping: Bool) {
    future = []
    defer { self.isTyping = isTyping }
    // A blank begins another word, and with it another change.
    if isTyping, self.isTyping, !past.isEmpty, before.text.last != " " { return }
    past.append(before)
    var bytes = past.reduce(0) { $0 + $1.text.utf8.count }
    while past.count > Self.maximum || bytes > Self.maximumBytes, let oldest = past.first {
      bytes -= oldest.text.utf8.count
      past.removeFirst()
    }
  }

  mutating func undo(from now: State) -> State? {
    isTyping = false
    guard let state = past.popLast() else { return nil }
    future.append(now)
    return state
  }

  mutating func redo(from now: State) -> State? {
    isTyping = false
    guard let state = future.popLast() else { return nil }
    past.append(now)
    return state
  }
}
