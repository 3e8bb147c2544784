// CommandLineTests.swift: limeade's subcommands as users and scripts run them, each its own process, against the lab.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct CommandLineAgainstTheLab {
  private static func play(_ options: String..., body: (LabProgram) async throws -> Void) async throws {
    let lab = try await LabProgram(options)
    defer { lab.stop() }
    try await body(lab)
  }

  @Test func aRoomIsMadeListedShownAndLeft() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let made = try await lab.run(as: "alice", "room", "create", "Ops", "sip:bob@sip.example.org", "--json")
      #expect(made.exitCode == 0)
      let room = try #require(made.events.first)
      let address = try #require(room["room"])
      #expect(room["name"] == "Ops" && room["encrypted"] == "true" && room["state"] == "active")

      let listed = try await lab.run(as: "alice", "--json", "room", "list")
      #expect(listed.events.map { $0["room"] } == [address])
      #expect(try await lab.run(as: "alice", "room", "list").output == "Ops (encrypted, active, 2 members)\n")
      let shown = try await lab.run(as: "alice", "room", "show", "op", "--json")
      #expect(shown.events.first?["devices"]?.contains("sip:bob@sip.example.org;gr=") == true)
      let forPeople = try await lab.run(as: "alice", "room", "show", "Ops").output
      #expect(forPeople.contains("member     sip:alice@sip.example.org (admin)"))

      let left = try await lab.run(as: "alice", "room", "leave", "Ops", "--json")
      #expect(left.exitCode == 0 && left.events.first?["state"] == "left")
      #expect(try await lab.run(as: "alice", "room", "list", "--json").output.isEmpty)
      #expect(try await lab.run(as: "alice", "room", "list", "--json", "--all").events.first?["state"] == "left")
      try await bob.event("participant", ["address": "sip:alice@sip.example.org", "change": "removed"])
      bob.stop()
    }
  }

  @Test func namesAreTakenAsPeopleWriteThem() async throws {
    try await Self.play { lab in
      let (bob, carol) = (try await lab.listener("bob"), try await lab.listener("carol"))
      func alice(_ arguments: String...) async throws -> CommandRun { try await lab.run(as: "alice", arguments) }
      for name in ["", "  "] {
        let nameless = try await alice("room", "create", name, "bob")
        #expect(nameless.exitCode == 65 && nameless.errors.contains("a room needs a name"), "\(nameless.errors)")
      }
      // NAME is of the account's own domain, and an address needs no "sip:".
      let made = try await alice("room", "create", "Ops", "bob", "carol@sip.example.org", "nobody")
      #expect(made.exitCode == 0, "\(made.errors)")
      for member in ["bob", "carol"] { #expect(made.output.contains("member     sip:\(member)@sip.example.org")) }
      #expect(made.errors.contains("sip:nobody@sip.example.org is not in the room"))
      let renamed = try await alice("room", "rename", "Ops", " ")
      #expect(renamed.exitCode == 65 && renamed.errors.contains("a room needs a name"), "\(renamed.errors)")
      let invited = try await alice("room", "invite", "Ops", "somebody")
      #expect(invited.exitCode == 76 && invited.errors.contains("sip:somebody@sip.example.org is not in the room"))
      #expect(try await alice("send", "bob@sip.example.org", "to you", "--wait", "delivered").exitCode == 0)
      try await bob.event("message", ["text": "to you"])
      let unknown = try await alice("send", "dave", "to whom?")
      #expect(unknown.exitCode == 65 && unknown.errors.contains("sip:dave@sip.example.org"), "\(unknown.errors)")
      bob.stop()
      carol.stop()
    }
  }

  @Test func aLabOverTLSIsTrustedByTheConfigurationThatItWrites() async throws {
    try await Self.play("--tls") { lab in
      #expect(lab.proxy.hasSuffix(";transport=tls"))
      let bob = try await lab.listener("bob")
      _ = try await lab.run(as: "alice", "room", "create", "Ops", "sip:bob@sip.example.org")
      let sent = try await lab.run(as: "alice", "send", "Ops", "over TLS", "--wait", "delivered")
      #expect(sent.exitCode == 0, "\(sent.errors)")
      try await bob.event("message", ["text": "over TLS", "encrypted": "true"])
      bob.stop()

      // Without the lab's authority nobody believes it.
      let configuration = try String(contentsOfFile: lab.configuration, encoding: .utf8)
      let folder = try TemporaryFolder()
      let bare = configuration.components(separatedBy: "\n").filter { !$0.hasPrefix("ca-file") }
      let path = folder.file("config.toml").path
      #expect(
        FileManager.default.createFile(
          atPath: path, contents: Data(bare.joined(separator: "\n").utf8), attributes: [.posixPermissions: 0o600]))
      let refused = try await CommandRun(
        TestPaths.limeade, ["--config", path, "--account", "carol", "send", "sip:bob@sip.example.org", "hi"],
        environment: ["XDG_DATA_HOME": folder.file("data").path])
      #expect(refused.exitCode == 69 && refused.errors.contains("limeade lab"), "\(refused.errors)")
    }
  }

  @Test func anAdministratorChangesARoomAndTheResultShowsAtOnce() async throws {
    try await Self.play { lab in
      let (bob, carol) = (try await lab.listener("bob"), try await lab.listener("carol"))
      _ = try await lab.run(as: "alice", "room", "create", "Ops", "sip:bob@sip.example.org")
      func change(_ arguments: String...) async throws -> String {
        let done = try await lab.run(as: "alice", ["room"] + arguments)
        #expect(done.exitCode == 0, "\(done.errors)")
        return try await lab.run(as: "alice", "room", "show", "o").output
      }
      #expect(try await change("rename", "Ops", "On call").hasPrefix("On call\n"))
      #expect(try await change("invite", "On call", "sip:carol@sip.example.org").contains("sip:carol@sip.example.org"))
      #expect(
        try await change("admin", "On call", "sip:bob@sip.example.org").contains("sip:bob@sip.example.org (admin)"))
      let revoked = try await change("admin", "On call", "sip:bob@sip.example.org", "--revoke")
      #expect(revoked.contains("sip:bob@sip.example.org\n"))
      #expect(try await !change("remove", "On call", "sip:carol@sip.example.org").contains("sip:carol@sip.example.org"))
      let stranger = try await lab.run(as: "alice", "room", "remove", "On call", "sip:nobody@sip.example.org")
      #expect(stranger.exitCode == 76)
      bob.stop()
      carol.stop()
    }
  }

  @Test func someoneWithoutDevicesIsNamedWhenARoomIsMade() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let made = try await lab.run(
        as: "alice", "room", "create", "Ops", "sip:bob@sip.example.org", "sip:carol@sip.example.org")
      #expect(made.exitCode == 0)
      #expect(made.errors.contains("sip:carol@sip.example.org is not in the room"))
      let alone = try await lab.run(as: "alice", "room", "create", "Nobody", "sip:carol@sip.example.org")
      #expect(alone.exitCode == 76)
      #expect(alone.errors.contains("carol has not signed in yet") && !alone.errors.contains("488"), "\(alone.errors)")
      bob.stop()
    }
  }

  /// TEXT as argument, from standard input because it is absent, and from standard input because it is `-`.
  @Test func messagesAreSentFromArgumentAndStandardInputAndAreInTheHistory() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let to = "sip:bob@sip.example.org"
      let sent = try await lab.run(as: "alice", "send", to, "as argument 日本語", "--json")
      #expect(sent.exitCode == 0 && sent.events.last?["event"] == "sent")
      #expect(try await lab.run(as: "alice", "send", to, input: "two\nlines\n").exitCode == 0)
      let waited = try await lab.run(as: "alice", "send", to, "-", "--wait", "delivered", "--json", input: "dash")
      #expect(waited.exitCode == 0)
      #expect(waited.events.last?["event"] == "delivered" && waited.events.last?["by"] == to)
      for text in ["as argument 日本語", "two\nlines", "dash"] {
        try await bob.event("message", ["text": text, "encrypted": "true", "from": "sip:alice@sip.example.org"])
      }

      let history = try await lab.run(as: "alice", "history", "sip:bob@", "--json")
      #expect(history.events.map { $0["text"] } == ["as argument 日本語", "two\nlines", "dash"])
      #expect(history.events.last?["deliveries"]?.contains("delivered") == true)
      let found = try await lab.run(as: "alice", "history", "sip:bob@", "--search", "argument", "--json")
      #expect(found.events.map { $0["text"] } == ["as argument 日本語"])
      #expect(try await lab.run(as: "alice", "history", "sip:bob@", "--limit", "1").lines.count == 1)
      #expect(try await lab.run(as: "alice", "send", to, input: "").exitCode == 65)

      let keys = try await lab.run(as: "alice", "keys", "show", "--json")
      #expect(keys.events.first?["published"] == "true")
      #expect(keys.events.first?["peers"]?.contains("sip:bob@sip.example.org;gr=") == true)
      bob.stop()
    }
  }

  @Test func messagesAreAnsweredChangedForwardedAndExpireFromTheCommandLine() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob", "--mark-read")
      let (to, own) = ("sip:bob@sip.example.org", "sip:alice@sip.example.org")
      let first = try await lab.run(as: "alice", "send", to, "first", "--json")
      let id = try #require(first.events.last?["id"])
      let answered = try await lab.run(as: "alice", "send", to, "second", "--reply-to", id, "--json")
      #expect(answered.exitCode == 0, "\(answered.errors)")
      try await bob.event("message", within: 60, ["text": "second", "replyTo": id, "replyToSender": own])
      let edited = try await lab.run(as: "alice", "message", "edit", to, id, "first, better", "--json")
      #expect(
        edited.exitCode == 0 && edited.events.last?["event"] == "edited" && edited.events.last?["state"] == "sent")
      try await bob.event("edited", within: 60, ["id": id, "text": "first, better", "from": own])
      #expect(try await lab.run(as: "alice", "message", "react", to, id, "👍").output == "sent \(id)\n")
      try await bob.event("reaction", within: 60, ["id": id, "text": "👍", "from": own])
      #expect(try await lab.run(as: "alice", "message", "react", to, id, "--remove").exitCode == 0)
      try await bob.event("reaction", within: 60, ["id": id, "text": ""])
      #expect(try await lab.run(as: "alice", "message", "retract", to, "last").exitCode == 0)
      try await bob.event("retracted", within: 60, ["from": own])

      #expect(try await lab.run(as: "alice", "room", "create", "Ops", to).exitCode == 0)
      #expect(try await lab.run(as: "alice", "message", "forward", to, id, "Ops").exitCode == 0)
      try await bob.event("message", within: 60, ["text": "first, better", "forwardedFrom": own])
      let brief = try await lab.run(
        as: "alice", "send", "Ops", "for a second", "--ephemeral", "1", "--wait", "displayed", "--json")
      try await bob.event("expired", within: 60, ["id": try #require(brief.events.last?["id"])])

      let unread = try await lab.run(
        as: "alice", "send", "Ops", "unread for an hour", "--ephemeral-unread", "3600", "--json")
      let unreadID = try #require(unread.events.last?["id"])
      try await bob.event("message", within: 60, ["id": unreadID, "ephemeralUnread": "3600"])
      let made = try await lab.run(as: "alice", "room", "create", "Hourly", to, "--ephemeral", "3600")
      #expect(made.output.contains("messages are deleted 3600 s after being read"))
      #expect(try await lab.run(as: "alice", "room", "ephemeral", "Hourly", "60").exitCode == 0)
      try await bob.event("ephemeral", within: 60, ["seconds": "60"])
      #expect(
        try await lab.run(as: "alice", "room", "show", "Hourly").output.contains("deleted 60 s after being read"))

      let history = try await lab.run(as: "alice", "history", to, "--json").events
      #expect(history.map { $0["id"] == id } == [true, false])
      #expect(history.first?["edited"] != nil && history.last?["retracted"] == "true")
      #expect(try await lab.run(as: "alice", "history", to, "--ids").lines.first?.hasPrefix("\(id) ") == true)
      for wrong in [["edit", to, "unknown", "text"], ["react", to, "last", "👍"], ["retract", "nowhere", "last"]] {
        #expect(try await lab.run(as: "alice", ["message"] + wrong).exitCode == 65)
      }
      #expect(try await lab.run(as: "alice", "message", "react", to, id).exitCode == 64)
      bob.stop()
    }
  }

  @Test func waitingForWhatDoesNotHappenEndsWithExitCode75() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let to = "sip:bob@sip.example.org"
      let sent = try await lab.run(as: "alice", "send", to, "who reads this?", "--wait", "displayed", "--timeout", "1")
      #expect(sent.exitCode == 75)
      #expect(sent.errors.contains("not displayed within 1 s"))
      let heard = try await lab.run(as: "carol", "listen", "--count", "1", "--timeout", "0.5")
      #expect(heard.exitCode == 75)
      bob.stop()
      let reader = try await lab.listener("bob", "--mark-read")
      let read = try await lab.run(as: "alice", "send", to, "and this?", "--wait", "displayed", "--json")
      #expect(read.exitCode == 0 && read.events.last?["event"] == "displayed")
      reader.stop()
    }
  }

  @Test func listenPrintsWhatCameMeanwhileAndEndsAfterCount() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let to = "sip:bob@sip.example.org"
      #expect(try await lab.run(as: "alice", "send", to, "one", "--wait", "delivered").exitCode == 0)
      bob.stop()
      #expect(try await lab.run(as: "alice", "send", to, "two").exitCode == 0)
      let heard = try await lab.run(as: "bob", "listen", "--json", "--count", "1", "--timeout", "20")
      #expect(heard.exitCode == 0)
      #expect(heard.events.filter { $0["event"] == "message" }.map { $0["text"] } == ["two"])
      // The last thing listen did was to tell the sender.
      let alice = try await lab.listener("alice")
      try await alice.event("delivered", ["by": to])
      alice.stop()
    }
  }

  @Test func botsAnswerBeforeTheyEnd() async throws {
    try await Self.play { lab in
      let bot = try await lab.listener("bob", "--exec", "grep -c question", "--reply", "--count", "1")
      let echo = try await lab.listener("carol", "--echo", "--count", "1")
      let answers = [
        ("bob", "a question", "1"), ("carol", "hello", "echo of \"hello\", which came encrypted"),
      ]
      for (to, text, answer) in answers {
        let alice = try lab.start(as: "alice", "chat", "--plain", "sip:\(to)@sip.example.org")
        try alice.send(text)
        try await alice.line("answer '\(answer)'") { $0.hasSuffix("sip:\(to)@sip.example.org [encrypted] \(answer)") }
        alice.closeInput()
        #expect(try await alice.exitCode() == 0)
      }
      #expect(try await bot.exitCode() == 0)
      #expect(try await echo.exitCode() == 0)
    }
  }

  @Test func anAccountIsAddedWithThePasswordFromStandardInputAndShown() async throws {
    try await Self.play { lab in
      let config = lab.folder.url.appendingPathComponent("own/config.toml").path
      func add(
        _ name: String, address: String = "alice@sip.example.org", password: String
      ) async throws -> CommandRun {
        try await CommandRun(
          TestPaths.limeade,
          [
            "--config", config, "account", "add", name, "--address", address, "--outbound-proxy",
            lab.proxy, "--key-server", lab.keyServer,
          ], input: "\(password)\n", environment: lab.environment)
      }
      let wrong = try await add("work", password: "not hers")
      #expect(wrong.exitCode == 77)
      #expect(wrong.errors.contains("password"))
      // What is tried is no file of the user's yet: no path or line of it is told.
      let nonsense = try await add("work", address: "nonsense", password: "alice")
      #expect(nonsense.errors == "limeade: [account.work]: address = \"nonsense\" is not a SIP URI (sip:user@domain)\n")
      #expect(!FileManager.default.fileExists(atPath: config))

      #expect(try await add("work", password: "alice").exitCode == 0)
      let mode = try FileManager.default.attributesOfItem(atPath: config)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      #expect(try await add("work", password: "alice").exitCode == 65)
      let shown = try await CommandRun(
        TestPaths.limeade, ["--config", config, "account", "show", "--json"], environment: lab.environment)
      #expect(shown.exitCode == 0)
      let account = try #require(shown.events.first)
      #expect(account["address"] == "sip:alice@sip.example.org" && account["account"] == "work")
      #expect(account["device"]?.hasPrefix("sip:alice@sip.example.org;gr=") == true)
      #expect(account["password"] == nil)
    }
  }

  @Test func anAccountIsTakenOutOfTheFileAndWithPurgeOutOfTheWorld() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let config = URL(fileURLWithPath: lab.configuration)
      let made = try await lab.run(as: "alice", "room", "create", "Ops", "sip:bob@sip.example.org")
      #expect(made.exitCode == 0)
      let text = try String(contentsOf: config, encoding: .utf8) + "# the end\n"
      try Data(text.utf8).write(to: config)

      let removed = try await lab.run(as: "carol", "account", "remove", "carol")
      #expect(removed.exitCode == 0, "\(removed.errors)")
      let rest = try String(contentsOf: config, encoding: .utf8)
      #expect(!rest.contains("carol") && rest.contains("[account.bob]") && rest.contains("default = \"alice\""))
      #expect(try await lab.run(as: "carol", "account", "remove", "carol").exitCode == 78)

      // A holder has it: nothing is removed.
      let holder = try await lab.listener("alice")
      #expect(try await lab.run(as: "alice", "account", "remove", "alice", "--purge").exitCode == 73)
      holder.stop()
      #expect(try String(contentsOf: config, encoding: .utf8) == rest)
      let purged = try await lab.run(as: "alice", "account", "remove", "alice", "--purge", "--json")
      #expect(purged.exitCode == 0, "\(purged.errors)")
      #expect(purged.events.first?["purged"] == "true")
      #expect(!FileManager.default.fileExists(atPath: lab.folder.file("data/limeade/alice").path))
      // The focus was told, and so are the others.
      try await bob.event("device", ["address": "sip:alice@sip.example.org", "change": "removed"])
      let last = try String(contentsOf: config, encoding: .utf8)
      #expect(!last.contains("alice") && last.contains("[account.bob]"))
      bob.stop()
    }
  }

  @Test func historyIsLimitedByTimeAndNumber() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let to = "sip:bob@sip.example.org"
      for text in ["one", "two", "three"] { #expect(try await lab.run(as: "alice", "send", to, text).exitCode == 0) }
      func texts(_ options: String...) async throws -> [String?] {
        try await lab.run(as: "alice", ["history", "sip:bob@", "--json"] + options).events.map { $0["text"] }
      }
      #expect(try await texts("--limit", "2") == ["two", "three"])
      #expect(try await texts("--limit", "0") == [])
      #expect(try await texts("--since", "1h") == ["one", "two", "three"])
      #expect(try await texts("--since", "2999-01-01") == [])
      #expect(try await texts("--since", "2001-01-01T00:00", "--limit", "1") == ["three"])
      #expect(try await lab.run(as: "alice", "history", "sip:bob@", "--limit", "-1").exitCode == 64)
      bob.stop()
    }
  }

  @Test func aPipeIsAConversationWithPlainChat() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob", "--echo")
      let chat = try await lab.run(as: "alice", "chat", "--plain", "sip:bob@sip.example.org", input: "first\nsecond\n")
      #expect(chat.exitCode == 0)
      #expect(chat.output.contains("[encrypted] first") && chat.output.contains("[encrypted] second"))
      try await bob.event("message", ["text": "second"])
      bob.stop()
    }
  }
}
