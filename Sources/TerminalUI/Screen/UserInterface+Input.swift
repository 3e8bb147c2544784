// UserInterface+Input.swift: the input line: editing, sending, commands and completion.

extension UserInterface {
  mutating func edit(_ change: InputLine.Edit) -> [Intent] {
    let before = screen.input.text
    screen.input.apply(change)
    if change == .insert(":") { screen.input.expandShortcode() }
    if screen.input.dropped > 0 {
      screen.status.error =
        "\(screen.input.dropped) characters left out: a line holds \(InputLine.maximumLength); /file sends more"
    }
    return composing(before: before)
  }

  mutating func paste(_ text: String) -> [Intent] {
    let before = screen.input.text
    let intents = edit(.paste(text))
    // Its newlines are no Enter: that is worth saying where several lines, or more than can be seen, are in the line.
    let lines = screen.input.text.count { $0 == "\n" } - before.count { $0 == "\n" } + 1
    let characters = screen.input.text.count - before.count
    if lines > 1 {
      screen.status.hint = "pasted \(lines) lines: Enter sends them, Ctrl-_ takes them back"
    } else if characters > Self.longPaste {
      screen.status.hint = "pasted \(characters) characters: Enter sends them, Ctrl-_ takes them back"
    }
    return intents
  }

  /// What another program has made of a room's line; `undo` brings the old text back. Nothing is sent by it.
  /// - Returns: false when it is more than a line holds; then nothing has changed.
  public mutating func write(_ text: String, in room: RoomRow.ID?) -> Bool {
    let text = InputLine.withoutControls(text)
    guard text.count <= InputLine.maximumLength else { return false }
    if room == screen.openRoom {
      screen.input.replace(with: text)
    } else if let room {
      inputs[room, default: InputLine()].replace(with: text)
      markDrafts()
    } else {
      screen.input.remember(text)
    }
    findSubject()
    return true
  }

  func composing(before: String) -> [Intent] {
    guard let room = screen.openRoom, screen.input.text != before else { return [] }
    let isMessage = Self.isMessage(screen.input.text)
    guard isMessage || Self.isMessage(before) else { return [] }
    return [.composing(isMessage, room: room)]
  }

  static func isMessage(_ text: String) -> Bool {
    !text.isEmpty && (!text.hasPrefix("/") || text.hasPrefix("//"))
  }

  mutating func submit() -> [Intent] {
    guard screen.input.text.contains(where: { !$0.isWhitespace }) else { return [] }
    return submit(screen.input.text, isTyped: true)
  }

  /// - Parameter isTyped: the line is that of the input, which it leaves when it makes sense.
  mutating func submit(_ line: String, isTyped: Bool = false) -> [Intent] {
    do throws(CommandTable.Failure) {
      switch try commands.parse(line) {
      case .message(let text):
        guard let room = screen.openRoom else {
          screen.status.error = "no room is open: /join ROOM or Alt-1"
          return []
        }
        if isTyped { enter() }
        return [.sendMessage(text, room: room)] + scrollToEnd()
      case .command(let call):
        guard isConfirmed(call) else { return [] }
        if isTyped, call.name == MessageCommand.edit.rawValue, endsUnchangedEdit() { return [] }
        if isTyped, MessageCommand(rawValue: call.name) != nil, let subject = screen.input.subject {
          screen.selected = subject
        }
        if isTyped { enter(isForgotten: commands.commands.first { $0.name == call.name }?.isForgotten ?? false) }
        return run(call)
      }
    } catch {
      screen.status.error = error.description
      return []
    }
  }

  /// The line makes sense and leaves the input.
  mutating func enter(isForgotten: Bool = false) {
    guard !isForgotten else { return screen.input.empty() }
    entered.append(EnteredLine(text: screen.input.submit(), room: screen.openRoom))
  }

  /// The lines entered since this was called last.
  public mutating func takeEntered() -> [EnteredLine] {
    defer { entered = [] }
    return entered
  }

  /// What cannot be taken back is asked for: the same again, with no other key between, is the answer.
  mutating func isConfirmed(_ call: CommandCall) -> Bool {
    guard call.name == "leave", let room = screen.openRoom, asked != room else { return true }
    asking = room
    screen.status.error =
      "leave \(screen.header.name)? the same again leaves; what was written stays readable: /rooms left"
    return false
  }

  mutating func run(_ call: CommandCall) -> [Intent] {
    switch call.name {
    case "quit": return [.quit]
    case "members":
      toggleMembers()
      return []
    case "view": return view()
    case "search": return openSearch(everywhere: false, text: call.arguments.joined(separator: " "))
    case "search-all": return openSearch(everywhere: true, text: call.arguments.joined(separator: " "))
    default: return [.command(call)]
    }
  }

  /// What was written becomes the command's argument.
  mutating func begin(_ command: String) {
    guard !screen.input.text.hasPrefix(command) else { return }
    screen.input.replace(with: command + screen.input.text)
  }

  mutating func complete(backwards: Bool) -> [Intent] {
    let before = screen.input.text
    let completer = Completer(screen: screen, commands: commands, words: completionWords, argument: completeArgument)
    let head = String(before.prefix(screen.input.cursor))
    screen.input.complete(
      backwards: backwards, from: commands.startOfRoom(head) ?? commands.openArgument(head)?.start,
      candidates: completer.candidates)
    return composing(before: before)
  }

  mutating func endBare() -> [Intent] {
    screen.isBare = false
    return [.redraw]
  }
}
