// InputLine.swift: the text being written, its cursor, history and completion.

/// A line editor as a value: every key is a pure change of it. The text may have several lines ("\n").
public struct InputLine: Hashable, Sendable {
  /// Clusters of the text; more are not taken.
  public static let maximumLength = 16_384
  static let maximumHistory = 200

  /// One change, as keys are bound to them; the names are Emacs's.
  public enum Edit: Hashable, Sendable {
    case insert(Character)
    case paste(String)
    case backwardCharacter, forwardCharacter, backwardWord, forwardWord
    case beginningOfLine, endOfLine
    case deleteBackward, deleteForward
    case killToEnd, killToBeginning, killWordBackward, killWordForward
    case yank
    /// Changes the characters on both sides of the cursor.
    case transpose
    /// A line up or down in the text, at its edge the history.
    case up, down
    /// The line entered before the one that is shown, or after it.
    case older, newer
    case clear
    /// Takes the last change of the text back, or the last taking back.
    case undo, redo
  }

  /// What was typed so far, with "\n" between its lines.
  public private(set) var text: String
  /// Clusters before the cursor.
  public private(set) var cursor: Int
  /// Lines sent before, oldest first.
  public private(set) var history: [String] = []
  /// The message that a command in the text is about, by its row's id: it stays the same while others come.
  public var subject: MessageRow.ID?
  /// The command that `subject` was found for.
  var subjectCommand: MessageCommand?

  /// What the kill edits took last, for `yank`.
  private var killed = ""
  private var historyPosition: Int?
  /// The text as it was before going into the history.
  private var draft = ""
  private var undoing = UndoStack()
  private(set) var completion: Completion?
  /// Clusters of the last insertion for which there was no room.
  public private(set) var dropped = 0

  /// The cursor is put behind the text.
  /// - Parameter history: lines sent before, oldest first; the last `maximumHistory` are kept.
  public init(text: String = "", history: [String] = [], subject: MessageRow.ID? = nil) {
    self.text = text
    self.subject = subject
    self.history = Array(history.suffix(Self.maximumHistory))
    cursor = text.count
  }

  /// Nothing is typed, not even blanks.
  public var isEmpty: Bool { text.isEmpty }

  /// The line after an edit.
  public func applying(_ edit: Edit) -> InputLine {
    var copy = self
    copy.apply(edit)
    return copy
  }

  /// Carries out an edit. A completion under way ends.
  public mutating func apply(_ edit: Edit) {
    completion = nil
    dropped = 0
    let before = UndoStack.State(text: text, cursor: cursor)
    defer {
      if edit != .undo, edit != .redo, text != before.text { undoing.record(before, isTyping: edit.isTyping) }
    }
    switch edit {
    case .insert(let character): insert(String(character))
    case .paste(let pasted): insert(Self.withoutControls(pasted))
    case .backwardCharacter: cursor = max(0, cursor - 1)
    case .forwardCharacter: cursor = min(text.count, cursor + 1)
    case .backwardWord: cursor = startOfWord
    case .forwardWord: cursor = endOfWord
    case .beginningOfLine: cursor = startOfLine
    case .endOfLine: cursor = endOfLine
    case .deleteBackward: remove(from: max(0, cursor - 1), to: cursor, keep: false)
    case .deleteForward: remove(from: cursor, to: min(text.count, cursor + 1), keep: false)
    case .killToEnd:
      // At a line's end the line break itself goes, as in Emacs.
      remove(from: cursor, to: cursor == endOfLine ? min(text.count, cursor + 1) : endOfLine, keep: true)
    case .killToBeginning: remove(from: startOfLine, to: cursor, keep: true)
    case .killWordBackward: remove(from: startOfWord, to: cursor, keep: true)
    case .killWordForward: remove(from: cursor, to: endOfWord, keep: true)
    case .yank: insert(killed)
    case .transpose: transpose()
    case .up: moveUp()
    case .down: moveDown()
    case .older: showOlder()
    case .newer: showNewer()
    case .clear: setText("")
    case .undo: if let state = undoing.undo(from: before) { show(state) }
    case .redo: if let state = undoing.redo(from: before) { show(state) }
    }
  }

  private mutating func show(_ state: UndoStack.State) {
    text = state.text
    cursor = min(state.cursor, text.count)
  }

  /// Empties the line and remembers its text in the history. Returns the text.
  public mutating func submit() -> String {
    let submitted = text
    remember(submitted)
    empty()
    return submitted
  }

  /// Nothing is left of the text, not even in the history.
  mutating func empty() {
    historyPosition = nil
    setText("")
    subject = nil
    undoing = UndoStack()
  }

  /// Puts a line to the newest of the history.
  mutating func remember(_ line: String) {
    guard !line.isEmpty, history.last != line else { return }
    history.append(line)
    if history.count > Self.maximumHistory { history.removeFirst() }
  }

  /// Lines of earlier runs, which are older than those of this one.
  mutating func remember(earlier lines: [String]) {
    let before = history.count
    history = Array((lines + history).suffix(Self.maximumHistory))
    historyPosition = historyPosition.map { $0 + history.count - before }
  }

  /// Puts the cursor at the end of a new text; `undo` brings the old one back.
  public mutating func replace(with newText: String) {
    if newText != text { undoing.record(UndoStack.State(text: text, cursor: cursor), isTyping: false) }
    setText(newText)
  }

  private mutating func setText(_ newText: String) {
    completion = nil
    text = newText
    cursor = newText.count
  }

  // MARK: Completion

  /// The state of a completion under way: Tab again takes the next candidate.
  struct Completion: Hashable, Sendable {
    var start: Int
    var candidates: [String]
    var index: Int
  }

  /// What Tab completes: the word before the cursor, or what follows `start`, and whether it begins the text.
  private func wordToComplete(from start: Int?) -> (word: String, isFirst: Bool) {
    let before = text.prefix(cursor)
    if let start, start <= cursor { return (String(before.dropFirst(start)), start == 0) }
    let word = before.reversed().prefix { !$0.isWhitespace }
    return (String(word.reversed()), word.count == before.count)
  }

  /// Replaces the word before the cursor by the first of `candidates` (called only when no completion is under way), or
  /// the current completion by its next, or previous, candidate.
  /// - Parameter start: where the word begins that may have blanks in it; nil for one that has none.
  mutating func complete(
    backwards: Bool, from start: Int? = nil, candidates: (_ word: String, _ isFirst: Bool) -> [String]
  ) {
    var next: Completion
    // A single candidate leaves nothing to choose: Tab goes on from there, as into a folder.
    if let completion, completion.candidates.count > 1 {
      next = completion
      let step = backwards ? completion.candidates.count - 1 : 1
      next.index = (completion.index + step) % completion.candidates.count
    } else {
      let (word, isFirst) = wordToComplete(from: start)
      let found = candidates(word, isFirst)
      if found.isEmpty { return }
      next = Completion(start: cursor - word.count, candidates: found, index: backwards ? found.count - 1 : 0)
    }
    if completion == nil { undoing.record(UndoStack.State(text: text, cursor: cursor), isTyping: false) }
    let head = String(text.prefix(next.start)) + next.candidates[next.index]
    text = head + text.dropFirst(cursor)
    cursor = min(head.count, text.count)
    completion = next
  }

  // MARK: Text

  private mutating func insert(_ inserted: String) {
    let room = Self.maximumLength - text.count
    dropped = max(0, inserted.count - room)
    guard room > 0, !inserted.isEmpty else { return }
    // A combining mark joins the cluster before it, so the cursor is counted anew.
    let head = String(text.prefix(cursor)) + inserted.prefix(room)
    text = head + text.dropFirst(cursor)
    cursor = min(head.count, text.count)
  }

  private mutating func remove(from start: Int, to end: Int, keep: Bool) {
    guard start < end else { return }
    let head = text.prefix(start)
    if keep { killed = String(text.dropFirst(start).prefix(end - start)) }
    text = String(head) + text.dropFirst(end)
    cursor = min(start, text.count)
  }

  private mutating func transpose() {
    // At the end of the line the two before the cursor, as in Emacs.
    let middle = cursor == endOfLine ? cursor - 1 : cursor
    guard middle > startOfLine else { return }
    var characters = Array(text)
    characters.swapAt(middle - 1, middle)
    text = String(characters)
    cursor = min(middle + 1, text.count)
  }

  /// Puts the cursor before the cluster of that index, as a click does.
  mutating func moveCursor(to position: Int) {
    completion = nil
    cursor = min(max(0, position), text.count)
  }

  /// Line breaks and tabs stay, other control characters go: what is sent should be what is seen.
  static func withoutControls(_ pasted: String) -> String {
    var result = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in pasted.unicodeScalars {
      defer { previous = scalar }
      switch scalar {
      case "\r": result.append("\n")
      case "\n": if previous != "\r" { result.append("\n") }
      case "\t": result.append("\t")
      default: if scalar.properties.generalCategory != .control { result.append(scalar) }
      }
    }
    return String(result)
  }

  private var startOfLine: Int {
    cursor - text.prefix(cursor).reversed().prefix { $0 != "\n" }.count
  }

  private var endOfLine: Int {
    cursor + text.dropFirst(cursor).prefix { $0 != "\n" }.count
  }

  private var startOfWord: Int {
    let before = text.prefix(cursor).reversed()
    let gap = before.prefix { !Self.isWordCharacter($0) }.count
    return cursor - gap - before.dropFirst(gap).prefix(while: Self.isWordCharacter).count
  }

  private var endOfWord: Int {
    let after = text.dropFirst(cursor)
    let gap = after.prefix { !Self.isWordCharacter($0) }.count
    return cursor + gap + after.dropFirst(gap).prefix(while: Self.isWordCharacter).count
  }

  private static func isWordCharacter(_ character: Character) -> Bool { character.isLetter || character.isNumber }

  // MARK: History

  /// The cursor is in the first line of the text.
  var isInFirstLine: Bool { startOfLine == 0 }
  /// The cursor is in the last line of the text.
  var isInLastLine: Bool { endOfLine == text.count }

  private mutating func moveUp() {
    let start = startOfLine
    guard start > 0 else { return showOlder() }
    let column = cursor - start
    cursor = start - 1
    cursor = min(startOfLine + column, start - 1)
  }

  private mutating func moveDown() {
    let end = endOfLine
    guard end < text.count else { return showNewer() }
    let column = cursor - startOfLine
    cursor = end + 1
    cursor = min(cursor + column, endOfLine)
  }

  private mutating func showOlder() {
    let position = historyPosition ?? history.count
    guard position > 0 else { return }
    if historyPosition == nil { draft = text }
    historyPosition = position - 1
    setText(history[position - 1])
  }

  private mutating func showNewer() {
    guard let position = historyPosition else { return }
    if position + 1 < history.count {
      historyPosition = position + 1
      setText(history[position + 1])
    } else {
      historyPosition = nil
      setText(draft)
    }
  }
}

extension InputLine.Edit {
  /// Goes on with what was typed before: one `undo` takes it all back.
  fileprivate var isTyping: Bool {
    if case .insert(let character) = self { return character != "\n" }
    return false
  }
}
