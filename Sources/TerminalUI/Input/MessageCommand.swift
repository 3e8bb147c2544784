// MessageCommand.swift: the commands of the input line that are about one message, and which one that is.

/// A command about the chosen message, else about the newest that it fits.
enum MessageCommand: String, Hashable, Sendable, CaseIterable {
  case reply, react, edit, retract, forward

  /// The command that a line begins with.
  init?(line: String) {
    guard line.hasPrefix("/") else { return nil }
    self.init(rawValue: line.dropFirst().prefix { !$0.isWhitespace }.lowercased())
  }

  func fits(_ row: MessageRow) -> Bool {
    guard row.messageID != nil, !row.isRetracted else { return false }
    return switch self {
    case .reply, .react: !row.isOwn
    case .edit: row.editableText != nil
    case .retract: row.isOwn
    case .forward: true
    }
  }

  /// What the line above the input says is being done.
  private func words(_ name: String) -> String {
    switch self {
    case .reply: "answering \(name)"
    case .react: "reacting to \(name)"
    case .edit: "editing"
    case .retract: "deleting for everyone"
    case .forward: "forwarding \(name)"
    }
  }

  func words(about row: MessageRow?) -> String {
    guard let row else { return words("an older message") }
    let name = row.isOwn ? "your message" : row.sender
    return words(name) + ": " + DisplayText.joinedLines(String(row.text.prefix(MessageLayout.maximumQuoted)))
  }
}

extension ScreenState {
  /// The line above the input, while a command about a message is written.
  var subjectWords: String? {
    guard let command = MessageCommand(line: input.text), let subject = input.subject else { return nil }
    return command.words(about: messages.last { $0.id == subject })
  }
}

extension UserInterface {
  /// After each change of the line: what its command is about stays what it was when it was written.
  mutating func findSubject() {
    guard let command = MessageCommand(line: screen.input.text) else {
      (screen.input.subject, screen.input.subjectCommand) = (nil, nil)
      return
    }
    if let known = screen.input.subjectCommand, known != command { screen.input.subject = nil }
    screen.input.subjectCommand = command
    guard screen.input.subject == nil else { return }
    screen.input.subject = screen.selected ?? screen.messages.last(where: command.fits)?.id
  }

  /// Up on an empty line, or where nothing was changed of the old text yet: an own message's text is there to be edited.
  mutating func editPrevious() -> [Intent] {
    let isEmpty = screen.input.isEmpty
    guard isEmpty || isUntouchedEdit && screen.input.isInFirstLine else { return edit(.up) }
    // Without a text of one's own there are still the lines entered before.
    return editOwn(-1) || !isEmpty ? [] : edit(.up)
  }

  mutating func editNext() -> [Intent] {
    guard isUntouchedEdit, screen.input.isInLastLine else { return edit(.down) }
    if !editOwn(1) { endSubject() }
    return []
  }

  /// What was typed before stays, for `undo`.
  mutating func editLast() {
    if !editOwn(-1) { screen.status.error = "nothing in this room can be edited: no text of your own is here" }
  }

  private var isUntouchedEdit: Bool {
    guard let subject = screen.input.subject, let row = screen.messages.last(where: { $0.id == subject }),
      let text = row.editableText
    else { return false }
    return screen.input.text == Self.edit + text
  }

  /// An edit that changes nothing is none: the line is empty again, and nothing is sent.
  mutating func endsUnchangedEdit() -> Bool {
    guard isUntouchedEdit else { return false }
    endSubject()
    screen.status.hint = "nothing was changed: the message stays as it is"
    return true
  }

  private static let edit = "/edit "

  /// False when there is no further one in that direction.
  private mutating func editOwn(_ step: Int) -> Bool {
    let rows = screen.messages.filter(MessageCommand.edit.fits)
    let current = isUntouchedEdit ? rows.firstIndex { $0.id == screen.input.subject } : nil
    let next = (current ?? rows.endIndex) + step
    guard rows.indices.contains(next), let text = rows[next].editableText else { return false }
    screen.input.replace(with: Self.edit + text)
    (screen.input.subject, screen.input.subjectCommand) = (rows[next].id, .edit)
    mark(rows[next].id)
    return true
  }

  /// Esc: a reply becomes a text again, an old text goes, and no message is chosen.
  mutating func cancel() -> [Intent] {
    let before = screen.input.text
    endSubject()
    screen.selected = nil
    return composing(before: before)
  }

  private mutating func endSubject() {
    screen.selected = nil
    guard let command = MessageCommand(line: screen.input.text) else { return }
    let rest = screen.input.text.dropFirst(1 + command.rawValue.count).drop { $0 == " " }
    // What was written of an answer is not lost; an edit begins with what is there already.
    screen.input.replace(with: command == .reply ? String(rest) : "")
    (screen.input.subject, screen.input.subjectCommand) = (nil, nil)
  }
}
