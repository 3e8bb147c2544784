// SlashCommand.swift: the commands of the input line, their help, and how a line is read as one.

/// One command of the input line, for reading it and for /help.
public struct SlashCommand: Hashable, Sendable {
  /// Without the slash.
  public var name: String
  /// As shown by /help; names in capitals are to be filled in, those in brackets may be left out.
  public var arguments: String
  /// One line that says what it does.
  public var help: String
  /// Fewer arguments are refused with the usage.
  public var minimumArguments: Int
  /// More arguments are refused with the usage; for `takesText` the rest of the line counts as one.
  public var maximumArguments: Int
  /// The last argument is the rest of the line, as it was typed.
  public var takesText: Bool
  /// All arguments together are a room's name, with or without quotation marks.
  public var takesRoom: Bool
  /// The line is not kept among those entered before: what it says deletes itself or is secret.
  public var isForgotten: Bool

  /// - Parameters:
  ///   - name: without the slash.
  ///   - arguments: as /help shows them, empty for none.
  ///   - help: one line.
  public init(
    _ name: String, _ arguments: String, _ help: String, minimum: Int = 0, maximum: Int = 0, takesText: Bool = false,
    takesRoom: Bool = false, isForgotten: Bool = false
  ) {
    self.name = name
    self.arguments = arguments
    self.help = help
    minimumArguments = minimum
    maximumArguments = maximum
    self.takesText = takesText
    self.takesRoom = takesRoom
    self.isForgotten = isForgotten
  }

  /// The name with its arguments, as `/invite ADDRESS...`.
  public var usage: String { "/" + name + (arguments.isEmpty ? "" : " " + arguments) }
}

/// A command as typed.
public struct CommandCall: Hashable, Sendable {
  /// Without the slash, as it was typed or completed.
  public var name: String
  /// Quotation marks and backslashes are resolved.
  public var arguments: [String]

  public init(name: String, arguments: [String] = []) {
    self.name = name
    self.arguments = arguments
  }
}

/// All commands that the input line takes.
public struct CommandTable: Hashable, Sendable {
  /// Why a line that begins with a slash is no command.
  public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
    case unknown(name: String)
    case wrongArguments(usage: String)
    case openQuote

    public var description: String {
      switch self {
      case .unknown(let name): "no command /\(name); /help lists them, //\(name) sends it as text"
      case .wrongArguments(let usage): "usage: \(usage)"
      case .openQuote: "a quotation mark is not closed"
      }
    }
  }

  /// What a submitted line is.
  public enum Line: Hashable, Sendable {
    case message(String)
    case command(CommandCall)
  }

  private static let helpColumn = 24

  /// In the order of /help.
  public var commands: [SlashCommand]

  public init(_ commands: [SlashCommand]) { self.commands = commands }

  /// The commands of the chat.
  public static let standard = CommandTable([
    SlashCommand("help", "[COMMAND]", "list the commands and keys", maximum: 1),
    SlashCommand(
      "join", "ROOM", "open a room, or start a chat with an address", minimum: 1, maximum: .max, takesRoom: true),
    SlashCommand(
      "create", "NAME ADDRESS...", "create an encrypted group room (\"in quotes\": a name with blanks)", minimum: 2,
      maximum: .max),
    SlashCommand(
      "create-plain", "NAME ADDRESS...", "create a group room without encryption", minimum: 2, maximum: .max),
    SlashCommand("invite", "ADDRESS...", "add people to this room", minimum: 1, maximum: .max),
    SlashCommand("remove", "ADDRESS...", "remove people from this room", minimum: 1, maximum: .max),
    SlashCommand("admin", "ADDRESS", "make someone an administrator of this room", minimum: 1, maximum: 1),
    SlashCommand("unadmin", "ADDRESS", "take the administrator's rights away", minimum: 1, maximum: 1),
    SlashCommand("leave", "", "leave this room, asked for twice; what was written stays readable"),
    SlashCommand("rooms", "[left]", "choose a room; left: one that was left, to read in it", maximum: 1),
    SlashCommand("rename", "NAME", "change this room's name", minimum: 1, maximum: .max),
    SlashCommand(
      "room-ephemeral", "SECONDS", "have everybody's messages here deleted that long after being read; 0: they stay",
      minimum: 1, maximum: 1),
    SlashCommand(
      "receipts", "all|delivered|none|account", "what this room is told of messages that came", minimum: 1, maximum: 1),
    SlashCommand("typing", "on|off|account", "whether this room is told that you are writing", minimum: 1, maximum: 1),
    SlashCommand("pin", "[on|off]", "keep this room at the top of the list, or no longer", maximum: 1),
    SlashCommand(
      "mute", "[TIME|off]", "announce nothing of this room, for 30m, 2h, 1d, or until /mute off", maximum: 1),
    SlashCommand(
      "notify", "all|mentions|none|account", "what is announced of this room", minimum: 1, maximum: 1),
    SlashCommand(
      "set", "[account] [NAME VALUE]", "send-displayed, send-delivered, typing: on or off, here or for the account",
      maximum: 3),
    SlashCommand("block", "[ADDRESS]", "show and tell somebody nothing, on this device; who is blocked", maximum: 1),
    SlashCommand("unblock", "ADDRESS", "show what somebody writes again", minimum: 1, maximum: 1),
    SlashCommand("invitations", "", "rooms of strangers that wait for you"),
    SlashCommand("accept", "[ROOM]", "enter a room that a stranger made", maximum: .max, takesRoom: true),
    SlashCommand("decline", "[ROOM]", "stay out of it; nobody is told", maximum: .max, takesRoom: true),
    SlashCommand("members", "", "show or hide the members"),
    SlashCommand("info", "", "who has the chosen message; the room, its devices"),
    SlashCommand(
      "view", "", "read the chosen message whole, or the newest that is too long for the screen; its picture"),
    SlashCommand("search", "[TEXT...]", "find messages of this room", maximum: .max),
    SlashCommand("search-all", "[TEXT...]", "find messages of all rooms", maximum: .max),
    SlashCommand("export", "FILE [json]", "write this room's messages to a new file", minimum: 1, maximum: 2),
    SlashCommand("verify", "[ADDRESS]", "compare security codes with someone", maximum: 1),
    SlashCommand("trust", "DEVICE", "trust a device whose code you compared", minimum: 1, maximum: 1),
    SlashCommand("admit", "DEVICE", "let a new device have what you send", minimum: 1, maximum: 1),
    SlashCommand("exclude", "DEVICE", "send nothing to a device, and all to the others", minimum: 1, maximum: 1),
    SlashCommand("distrust", "DEVICE", "flag a device as unsafe", minimum: 1, maximum: 1),
    SlashCommand("forget", "DEVICE", "forget a device's key, to accept another one", minimum: 1, maximum: 1),
    SlashCommand("keys", "", "this device's keys and the devices it knows"),
    SlashCommand("publish", "", "bring this device's keys on the key server up to date"),
    SlashCommand("account", "", "the account's settings"),
    SlashCommand("errors", "", "the last errors, with what the servers answered"),
    SlashCommand(
      "reply", "TEXT", "answer the chosen message, or the newest of others", minimum: 1, maximum: 1, takesText: true),
    SlashCommand(
      "react", "[EMOJI]", "react to the chosen message (:+1: works); without EMOJI take that back", maximum: 1),
    SlashCommand(
      "edit", "TEXT", "give your chosen or newest message another text", minimum: 1, maximum: 1, takesText: true),
    SlashCommand("retract", "", "delete your chosen or newest message for everyone"),
    SlashCommand(
      "forward", "ROOM", "send the chosen or newest message to another room", minimum: 1, maximum: .max,
      takesRoom: true),
    SlashCommand(
      "ephemeral", "SECONDS TEXT", "send what is deleted everywhere that long after being read", minimum: 2, maximum: 2,
      takesText: true, isForgotten: true),
    SlashCommand(
      "send-trusted", "TEXT", "send it only if every device is trusted", minimum: 1, maximum: 1, takesText: true),
    SlashCommand("file", "PATH [TEXT]", "send a file", minimum: 1, maximum: .max),
    SlashCommand("files", "", "the files of this room"),
    SlashCommand(
      "save", "[--unencrypted] [NAME] [FOLDER]", "save the chosen message's file, the newest, or the one so named",
      maximum: 3),
    SlashCommand(
      "open", "[N]", "open a link or a saved file: of the chosen message, or the room's Nth newest", maximum: 1),
    SlashCommand(
      "copy", "[N]", "copy the chosen or newest message, or the Nth newest link, to the clipboard", maximum: 1),
    SlashCommand("picture", "[NAME]", "show the chosen message's picture, the newest, or the one so named", maximum: 1),
    SlashCommand("cancel", "", "cancel this room's uploads and downloads"),
    SlashCommand("resend", "", "try again to send what was not delivered"),
    SlashCommand("quit", "", "leave the program"),
  ])

  /// Reads a line: "/name argument \"argument with spaces\"" is a command; "//text" is the message "/text".
  public func parse(_ line: String) throws(Failure) -> Line {
    guard line.hasPrefix("/") else { return .message(line) }
    if line.hasPrefix("//") { return .message(String(line.dropFirst())) }
    if let text = textCommand(line) { return .command(text) }
    let words = try CommandWords.all(in: line.dropFirst())
    guard let name = words.first, let command = commands.first(where: { $0.name == name.lowercased() }) else {
      throw .unknown(name: words.first ?? "")
    }
    let arguments = Array(words.dropFirst())
    guard (command.minimumArguments...command.maximumArguments).contains(arguments.count) else {
      throw .wrongArguments(usage: command.usage)
    }
    let isRoom = command.takesRoom && !arguments.isEmpty
    return .command(
      CommandCall(name: command.name, arguments: isRoom ? [arguments.joined(separator: " ")] : arguments))
  }

  /// A command whose last argument is the rest of the line.
  private func textCommand(_ line: String) -> CommandCall? {
    let name = line.dropFirst().prefix { !$0.isWhitespace }
    guard let command = commands.first(where: { $0.name == name.lowercased() }), command.takesText else { return nil }
    var rest = line.dropFirst(1 + name.count).drop { $0.isWhitespace }
    var arguments: [String] = []
    while arguments.count < command.minimumArguments - 1, !rest.isEmpty {
      let word = rest.prefix { !$0.isWhitespace }
      arguments.append(String(word))
      rest = rest.dropFirst(word.count).drop { $0.isWhitespace }
    }
    return rest.isEmpty ? nil : CommandCall(name: command.name, arguments: arguments + [String(rest)])
  }

  /// How many characters of a line, up to the cursor, stand before a room's name; nil where no such name is written.
  func startOfRoom(_ line: String) -> Int? {
    let name = line.prefix { !$0.isWhitespace }
    guard name.count < line.count, commands.contains(where: { "/" + $0.name == name.lowercased() && $0.takesRoom })
    else { return nil }
    return name.count + line.dropFirst(name.count).prefix { $0.isWhitespace }.count
  }

  /// The argument at the end of a line, up to the cursor, of a command that takes words; nil where something else stands.
  func openArgument(_ line: String) -> (command: String, arguments: [String], start: Int)? {
    guard line.hasPrefix("/"), !line.hasPrefix("//") else { return nil }
    let open = CommandWords.open(in: line)
    guard let name = open.before.first?.dropFirst().lowercased(),
      let command = commands.first(where: { $0.name == name }), !command.takesText, !command.takesRoom
    else { return nil }
    return (name, Array(open.before.dropFirst()), open.start)
  }

  /// A line for each command, for /help; of one command when `name` is given.
  public func help(for name: String? = nil) -> [String] {
    let shown = commands.filter { name == nil || $0.name == name }
    // The few long ones have a line of their own rather than push all others to the right.
    let width = min(name == nil ? Self.helpColumn : .max, shown.map(\.usage.count).max() ?? 0)
    return shown.flatMap { command in
      let gap = String(repeating: " ", count: max(0, width - command.usage.count) + 2)
      guard command.usage.count > width else { return [command.usage + gap + command.help] }
      return [command.usage, String(repeating: " ", count: width + 2) + command.help]
    }
  }
}
