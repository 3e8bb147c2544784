// TmuxScreen.swift: a real terminal for the program under test: a tmux server of its own, with one window
import Foundation
import TestSupport

/// A shell in a terminal of a chosen size, whose keys are pressed and whose screen is read.
final class TmuxScreen: Sendable {
  private static let tmux = URL(fileURLWithPath: "/usr/bin/tmux")

  private let folder: TemporaryFolder
  private var socket: String { folder.file("tmux").path }

  init(columns: Int = 80, rows: Int = 24, environment: [String: String] = [:]) async throws {
    folder = try TemporaryFolder()
    let variables = environment.merging(["LC_ALL": "C.UTF-8", "TERM": "tmux-256color", "PS1": "$ "]) { $1 }
    try await run(
      ["new-session", "-d", "-x", "\(columns)", "-y", "\(rows)"]
        + variables.sorted { $0.key < $1.key }.flatMap { ["-e", "\($0.key)=\($0.value)"] }
        + ["/bin/bash", "--norc", "--noprofile", "-i"])
  }

  deinit {
    let process = Process()
    process.executableURL = Self.tmux
    process.arguments = ["-S", socket, "kill-server"]
    process.standardError = FileHandle.nullDevice
    if (try? process.run()) != nil { process.waitUntilExit() }
  }

  @discardableResult
  private func run(_ arguments: [String]) async throws -> String {
    let run = try await CommandRun(
      Self.tmux, ["-S", socket, "-f", "/dev/null"] + arguments, environment: ["LC_ALL": "C.UTF-8"], within: 10)
    guard run.exitCode == 0 else { throw TestFailure("tmux \(arguments): \(run.errors)") }
    return run.output
  }

  /// Keys by tmux's names: "Enter", "C-d", "M-1".
  func press(_ keys: String...) async throws { try await run(["send-keys"] + keys) }

  /// Text as it would be typed.
  func type(_ text: String) async throws { try await run(["send-keys", "-l", text]) }

  /// Types a line and ends it with Enter.
  func enter(_ line: String) async throws {
    try await type(line)
    try await press("Enter")
  }

  /// Pastes as a terminal does: bracketed when the program asked for it.
  func paste(_ text: String) async throws {
    try Data(text.utf8).write(to: folder.file("paste"))
    try await run(["load-buffer", folder.file("paste").path])
    try await run(["paste-buffer", "-p"])
  }

  /// As a terminal does that knows no brackets.
  func pasteUnbracketed(_ text: String) async throws {
    try Data(text.utf8).write(to: folder.file("paste"))
    try await run(["load-buffer", folder.file("paste").path])
    try await run(["paste-buffer"])
  }

  func resize(columns: Int, rows: Int) async throws {
    try await run(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
  }

  /// The lines on the screen, without blanks at their ends.
  func lines() async throws -> [String] {
    try await run(["capture-pane", "-p"]).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// The same with the escape sequences of their colours, and all blanks.
  func colouredLines() async throws -> [String] {
    try await run(["capture-pane", "-p", "-e", "-N"]).split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init)
  }

  /// From now on all bytes that the program writes to the terminal also go to the file that is returned.
  func record() async throws -> URL {
    let file = folder.file("written")
    try await run(["pipe-pane", "-o", "exec cat >> '\(file.path)'"])
    return file
  }

  /// A terminal's mode, as tmux names it in its formats: `alternate_on`, `cursor_flag`.
  func isOn(_ mode: String) async throws -> Bool {
    try await run(["display-message", "-p", "#{\(mode)}"]) == "1\n"
  }

  /// What tmux says of the terminal, by one of its formats: `#{pane_title}`.
  func value(of format: String) async throws -> String {
    try await run(["display-message", "-p", format]).trimmingCharacters(in: .newlines)
  }

  /// Sets an option of tmux: `window-style` to `bg=#ffffff` is what the terminal then tells as its background.
  func set(_ option: String, to value: String) async throws { try await run(["set-option", "-g", option, value]) }

  /// Bytes as a terminal sends them.
  func send(bytes text: String) async throws {
    try await run(["send-keys", "-H"] + text.utf8.map { String($0, radix: 16) })
  }

  /// The process in the foreground of the terminal.
  func foreground() async throws -> pid_t {
    let shell = try await run(["display-message", "-p", "#{pane_pid}"]).trimmingCharacters(in: .whitespacesAndNewlines)
    let stat = try String(contentsOfFile: "/proc/\(shell)/stat", encoding: .utf8)
    // After the name in parentheses: state, parent, group, session, terminal, foreground group.
    let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 5, let group = pid_t(fields[5]) else { throw TestFailure("no foreground process: \(stat)") }
    return group
  }

  /// Waits until the screen is as `matches` says.
  @discardableResult
  func wait(
    for what: String, within seconds: Double = 60, _ matches: ([String]) -> Bool
  ) async throws -> [String] {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      let lines = try await lines()
      if matches(lines) { return lines }
      guard ContinuousClock.now < deadline else {
        throw TestFailure("the screen does not show \(what) within \(seconds) s:\n" + lines.joined(separator: "\n"))
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Waits for a line that contains all of `parts`, and returns it.
  @discardableResult
  func line(with parts: String..., within seconds: Double = 60) async throws -> String {
    let lines = try await wait(for: "a line with \(parts)", within: seconds) { lines in
      lines.contains { line in parts.allSatisfy(line.contains) }
    }
    return lines.first { line in parts.allSatisfy(line.contains) } ?? ""
  }
}
