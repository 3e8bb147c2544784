// ChatScene.swift: the day of three people that the screenshot of the chat shows, played by real programs on the lab
import Foundation
import TestSupport

/// Alice, bob and carol write for a day in a few minutes; what is kept of their times is then set to those of the day.
struct ChatScene {
  static let columns = 100
  static let rows = 28

  private static let team = "Release 4.2"

  private let lab: LabProgram

  init() async throws { lab = try await LabProgram() }

  func stop() { lab.stop() }

  private func run(_ account: String, _ arguments: String...) async throws {
    let done = try await lab.run(as: account, arguments)
    guard done.exitCode == 0 else { throw TestFailure("\(account) \(arguments): \(done.errors)") }
  }

  /// Everything that is said, oldest first: who, in which room, when.
  private static let talk: [(who: String, room: String, time: String, text: String)] = [
    ("bob", "Release 4.2", "2026-11-20 17:41", "packages are built, signing tomorrow"),
    ("alice", "Release 4.2", "2026-11-20 17:44", "good, then we ship on Saturday"),
    ("carol", "Release 4.2", "2026-11-21 09:02", "morning! changelog is up for review"),
    ("carol", "Release 4.2", "2026-11-21 09:02", "https://git.example.org/limeade/changes/412"),
    ("bob", "Release 4.2", "2026-11-21 09:05", "reading it now"),
    ("alice", "Release 4.2", "2026-11-21 09:06", "two of the entries are about the same fix, otherwise fine"),
    (
      "bob", "Release 4.2", "2026-11-21 09:11",
      "signed: all four architectures, key ends in 61F0. "
        + "Please compare the sums before anything goes to the mirror"
    ),
    ("alice", "Release 4.2", "2026-11-21 09:15", "sums are right here"),
    ("carol", "Release 4.2", "2026-11-21 09:15", "and here 👍"),
    ("carol", "Ops", "2026-11-21 09:18", "the mirror has a new certificate"),
    ("bob", "Ops", "2026-11-21 09:20", "seen, thanks"),
    ("bob", "Release 4.2", "2026-11-21 09:21", "then it goes out at ten"),
  ]

  /// What alice has not read when she opens the chat.
  private static let unread = 3

  func play() async throws -> TmuxScreen {
    let (bob, carol) = (try await listener("bob"), try await listener("carol"))
    // She ends by herself, when all that came is acknowledged: else it would come again.
    let read = Self.talk.dropLast(Self.unread).count { $0.who != "alice" }
    var alice = try await lab.listener("alice", "--mark-read", "--count", "\(read)")
    for room in [Self.team, "Ops", "Kernel reading group"] {
      try await run("alice", "room", "create", room, "sip:bob@sip.example.org", "sip:carol@sip.example.org")
    }
    for (number, line) in Self.talk.enumerated() {
      if number == Self.talk.count - Self.unread {
        _ = try await alice.exitCode()
        alice = try await lab.listener("alice", "--count", "\(Self.unread)")
      }
      let others = [("alice", alice), ("bob", bob), ("carol", carol)].filter { $0.0 != line.who }
      try await run(line.who, "send", line.room, line.text, "--wait", "delivered")
      for (_, other) in others { try await other.event("message", ["text": line.text]) }
      if number == 0 {
        // She compares the codes with bob.
        let device = try await lab.run(as: "bob", "account", "show", "--json").events.first?["device"] ?? ""
        try await run("alice", "keys", "trust", device)
      }
      if line.text.hasSuffix("👍") { try await run("bob", "message", "react", Self.team, "last", "🎉") }
    }
    _ = try await alice.exitCode()
    try await setTimes()
    let screen = try await TmuxScreen(
      columns: Self.columns, rows: Self.rows, environment: lab.environment.merging(["TZ": "UTC"]) { $1 })
    try await screen.enter(Stage.line(lab, "alice", ["chat", Self.team]))
    try await screen.line(with: "alice@sip.example.org registered")
    try await screen.type("uploading now")
    try await screen.line(with: "] > uploading now")
    // Its receipts are on their way: the last of what changes.
    try await screen.wait(for: "what was read") { lines in lines.contains { $0.contains("✓✓ sums are right here") } }
    bob.stop()
    carol.stop()
    return screen
  }

  private func listener(_ account: String) async throws -> PeerProcess {
    try await lab.listener(account, "--mark-read")
  }

  /// In alice's database.
  private func setTimes() async throws {
    let files = FileManager.default.enumerator(at: lab.folder.file("data"), includingPropertiesForKeys: nil)
    let databases = files?.compactMap { $0 as? URL }.filter { $0.path.hasSuffix("/alice/limeade.sqlite") } ?? []
    guard let database = databases.first else { throw TestFailure("alice has no database") }
    var statements = ["UPDATE roomEvent SET time = '2026-11-20 17:40:00.000'"]
    for line in Self.talk {
      let (time, text) = ("\(line.time):00.000", line.text.replacing("'", with: "''"))
      statements.append("UPDATE message SET time = '\(time)', receivedAt = '\(time)' WHERE text = '\(text)'")
    }
    statements.append(
      """
      UPDATE room SET lastActivity =
        coalesce((SELECT max(time) FROM message WHERE room = address), '2026-11-19 12:00:00.000')
      """)
    let program = """
      import sqlite3, sys
      with sqlite3.connect(sys.argv[1]) as database:
        for statement in sys.argv[2:]: database.execute(statement)
      """
    let run = try await CommandRun(
      URL(fileURLWithPath: "/usr/bin/python3"), ["-c", program, database.path] + statements, within: 30)
    guard run.exitCode == 0 else { throw TestFailure(run.errors) }
  }
}
