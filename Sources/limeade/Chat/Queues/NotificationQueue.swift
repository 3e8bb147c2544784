// NotificationQueue.swift: which messages are announced outside the screen, and many of them at once as one.
import ChatCore
import Foundation
import TerminalUI

/// Collects what is to be announced for a moment: after a time offline there is one summary, not one for each message.
@MainActor
final class NotificationQueue {
  private static let delay: Duration = .milliseconds(700)

  /// A message, or something else that concerns the user.
  struct News {
    /// As JSON has it.
    let fields: [String: Any]
    let text: String
    /// The name, as shown.
    let sender: String
    /// The room's name.
    let room: String
  }

  private let configuration: InterfaceConfiguration
  private let terminal: Terminal
  private var waiting: [News] = []
  private var timer: Task<Void, Never>?
  /// What went wrong with notify-command; told once.
  private let complain: (String) -> Void
  private var hasComplained = false

  init(_ configuration: InterfaceConfiguration, terminal: Terminal, complain: @escaping (String) -> Void) {
    self.configuration = configuration
    self.terminal = terminal
    self.complain = complain
  }

  /// - Parameters:
  ///   - isPersonal: it mentions the user or is of a one-to-one room.
  ///   - room: has a level of its own, or is muted; nil when it is about none.
  func add(_ news: News, isPersonal: Bool, of room: Room?) {
    let standard: NotifyLevel = configuration.notifyFor == .all ? .all : .mentions
    guard (room?.notifyLevel(standard) ?? standard).allows(isPersonal: isPersonal),
      configuration.quietHours?.contains(Date()) != true
    else { return }
    waiting.append(news)
    guard timer == nil else { return }
    timer = Task {
      try? await Task.sleep(for: Self.delay)
      timer = nil
      announce()
    }
  }

  private func announce() {
    guard let first = waiting.first else { return }
    let all = waiting
    waiting = []
    if configuration.rings { terminal.ring() }
    if let form = configuration.notification {
      let rooms = Set(all.map(\.room)).count
      let isOne = all.count == 1
      terminal.notify(
        form,
        title: !isOne ? "limeade" : first.sender == first.room ? first.sender : "\(first.sender) in \(first.room)",
        body: isOne
          ? first.text : "\(all.count) new messages in \(rooms == 1 ? first.room : "\(rooms) rooms")")
    }
    if let command = configuration.notifyCommand { run(command, all) }
  }

  /// The command gets one JSON object: the message, or for several the newest with the number of all as `count`.
  private func run(_ command: ExternalCommand, _ all: [News]) {
    guard let last = all.last else { return }
    var fields = last.fields
    fields["event"] = "notify"
    fields["name"] = SafeLine.text(last.room)
    fields["text"] = SafeLine.text(last.text)
    fields["count"] = all.count
    let input = JSONLine.string(fields)
    Task {
      do { _ = try await command.run(input: input) } catch {
        guard !hasComplained else { return }
        hasComplained = true
        complain("notify-command: \(ExitStatus.text(of: error))")
      }
    }
  }
}
