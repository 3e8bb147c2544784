// HistoryCommand.swift: limeade history: what was written, with each message's delivery; searching and exporting it.
import ArgumentParser
import ChatCore
import Foundation

struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show, search and export messages, oldest first.",
    discussion: """
      limeade history Ops --since 2026-11-01 --limit 20
      limeade history --search "flexisip deploy"
          all rooms: both words, or words that begin so
      limeade history --search '"room is up"' Ops
          these words together
      limeade history --all --output team.txt Ops
          the whole room into a file that only you can read
      limeade history --all --json > everything.jsonl
          every room, one JSON object a line
      limeade history Ops --ids
          with the ids that 'limeade message' and 'send --reply-to' take

      Who made the room, came, went or changed it stands between the messages, which --limit counts.
      A file has a line of its own, with the id that 'limeade file save ID' takes.
      """)

  @OptionGroup var options: GlobalOptions
  @Argument(
    help: "A room's address, a contact, or the beginning of its name; every room without it.",
    completion: .custom(Completions.allRooms))
  var room: String?
  @Option(parsing: .unconditional, help: "Only messages with all these words; in \"quotes\": together.")
  var search: String?
  @Option(help: "Only messages from this time on: 2026-11-21, 2026-11-21T09:00, or 90m, 12h, 7d ago.")
  var since: String?
  @Option(help: "At most this many, the newest.") var limit = 200
  @Flag(help: "Begin each line with the message's id.") var ids = false
  @Flag(help: "All of them, room by room, however many.") var all = false
  @Option(help: "Write to this file, which must not exist, instead of standard output.", completion: .file())
  var output: String?

  func validate() throws {
    guard limit >= 0 else { throw ValidationError("--limit is not below 0") }
  }

  func run() async throws {
    let start = try since.map { text in
      guard let date = TimeArgument.parse(text) else {
        throw CommandFailure.badInput("--since \(text): write 2026-11-21, 2026-11-21T09:00, or 90m, 12h, 7d")
      }
      return date
    }
    let account = try options.accountConfiguration(withPassword: false)
    let store = try options.store(for: account, exclusive: false)
    var rooms = try await store.rooms()
    if let room { rooms = [try await store.room(named: room, for: account.address)] }
    let names = store.names(for: account.address)
    let lines = HistoryLines(
      format: options.json ? .json : .text, account: account.address,
      rooms: Dictionary(rooms.map { ($0.room.address, MessageSetting($0, for: account.address)) }) { first, _ in first
      },
      names: Dictionary(rooms.map { ($0.room.address, names.roomLine($0)) }) { first, _ in first },
      showsRoom: room == nil, showsIDs: ids, blocked: try await store.blocked(), person: names.line)
    let file = try output.map(PrivateFile.init(creating:))
    func write(_ page: [HistoryEntry]) throws {
      for entry in page {
        if let file { try file.write(lines.line(entry)) } else { Output.line(lines.line(entry)) }
      }
    }
    var request = HistoryRequest(search: search, since: start, limit: max(0, limit))
    if all {
      for room in rooms {
        request.room = room.room.address
        try await store.eachPage(of: request, write)
      }
    } else {
      request.room = room == nil ? nil : rooms.first?.room.address
      let messages = try await store.history(request)
      guard search == nil, limit > 0 else { return try write(messages.map { .message($0) }) }
      let start = messages.count < limit ? request.since : messages.map(\.message.time).min()
      let entries = try await store.entries(messages, room: request.room, from: start)
      // With a limit it begins with a message.
      try write(
        messages.count < limit ? entries : Array(entries.drop { if case .event = $0 { true } else { false } }))
    }
  }
}

/// Times on the command line.
enum TimeArgument {
  static func parse(_ text: String, now: Date = Date()) -> Date? {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
    if let unit = text.last, let seconds = units[unit], let count = Double(text.dropLast()) {
      return now.addingTimeInterval(-count * seconds)
    }
    for format in ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ssXXX"] {
      let formatter = DateFormatter()
      formatter.locale = Locale(identifier: "en_US_POSIX")
      formatter.dateFormat = format
      if let date = formatter.date(from: text) { return date }
    }
    return nil
  }
}
