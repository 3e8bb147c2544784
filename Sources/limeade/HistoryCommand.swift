// HistoryCommand.swift: limeade history: what was written in a room, with each message's delivery.
import ArgumentParser
import ChatCore
import Foundation

struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show a room's messages, oldest first.",
    discussion: "limeade history Ops --search deploy --since 2026-11-01 --limit 20")

  @OptionGroup var options: GlobalOptions
  @Argument(help: "A room's address or the beginning of its name.") var room: String
  @Option(help: "Only messages that contain this.") var search: String?
  @Option(help: "Only messages from this time on: 2026-11-21, 2026-11-21T09:00, or 90m, 12h, 7d ago.")
  var since: String?
  @Option(help: "At most this many, the newest.") var limit = 200

  func run() async throws {
    let start = try since.map { text in
      guard let date = TimeArgument.parse(text) else {
        throw CommandFailure.badInput("--since \(text): write 2026-11-21, 2026-11-21T09:00, or 90m, 12h, 7d")
      }
      return date
    }
    let account = try options.accountConfiguration()
    let store = try options.store(for: account, exclusive: false)
    let summary = try await store.room(named: room, for: account.address)
    let messages = try await store.history(
      room: summary.room.address, search: search, since: start, limit: max(0, limit))
    for entry in messages { Output.line(options.json ? json(entry) : line(entry)) }
  }

  private func json(_ entry: MessageWithDeliveries) -> String {
    var fields = entry.message.jsonFields
    fields["event"] = "message"
    if entry.message.isOutgoing {
      fields["deliveries"] = entry.deliveries.map { ["by": $0.participant, "state": $0.state.rawValue] }
    }
    return JSONLine.string(fields)
  }

  private func line(_ entry: MessageWithDeliveries) -> String {
    let day = entry.message.time.formatted(.iso8601.year().month().day())
    let line = "\(day) \(EventLine.line(for: entry.message))"
    guard entry.message.isOutgoing else { return line }
    let delivered = entry.count(atLeast: .delivered)
    let displayed = entry.count(atLeast: .displayed)
    return switch entry.message.state {
    case .queued: "\(line)  (not sent yet)"
    case .failed: "\(line)  (failed: \(SafeLine.text(entry.message.failure ?? "")))"
    default: "\(line)  (delivered \(delivered.done)/\(delivered.of), displayed \(displayed.done)/\(displayed.of))"
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
