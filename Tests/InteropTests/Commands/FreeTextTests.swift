// FreeTextTests.swift: what stands directly after TO is the text, whatever it looks like; "--" ends the options.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct FreeTexts {
  private static let bob = "sip:bob@sip.example.org"

  @Test func aTextIsSentAsItIs() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    #expect(try await lab.run(as: "alice", "room", "create", "Lab", Self.bob).exitCode == 0)
    let lines: [([String], String)] = [
      (["send", "Lab", "--version"], "--version"), (["send", "Lab", "-h"], "-h"),
      (["send", "Lab", "--help"], "--help"),
      (["send", "Lab", "-5 degrees"], "-5 degrees"), (["send", "Lab", "--json"], "--json"),
      (["send", "Lab", "---"], "---"), (["send", "Lab", "-v"], "-v"), (["send", "Lab", "--file"], "--file"),
      (["send", "Lab", "--file=/etc/passwd"], "--file=/etc/passwd"), (["send", "Lab", "--", "--help"], "--help"),
      (["send", "--", "Lab", "-h"], "-h"), (["send", "Lab", "--no-such", "--wait", "delivered"], "--no-such"),
      (["send", "--wait", "delivered", "Lab", "--wait"], "--wait"), (["--json", "send", "Lab", "-x"], "-x"),
      (["send", "--json", "Lab", "--account"], "--account"), (["send", "Lab", "--- x\n-y"], "--- x\n-y"),
      // As options always were.
      (["send", "Lab", "--wait", "sent", "plain"], "plain"), (["send", "Lab", "other", "--wait=delivered"], "other"),
      (["message", "edit", "Lab", "last", "--help"], ""), (["message", "edit", "Lab", "last", "-5"], ""),
      (["message", "edit", "Lab", "last", "--timeout", "30", "-6"], ""),
    ]
    for (line, text) in lines {
      let run = try await lab.run(as: "alice", line)
      #expect(run.exitCode == 0 && run.output.contains("sent"), "\(line): \(run.errors) \(run.output)")
      if line.contains("--") { #expect(!run.errors.contains("is sent as the text"), "\(line): \(run.errors)") }
      if !text.isEmpty { try await bob.nextEvent("message", ["text": text]) }
    }
    for text in ["--help", "-5", "-6"] { try await bob.event("edited", ["text": text]) }
    let file = lab.folder.file("-odd.txt")
    try Data("x".utf8).write(to: file)
    let run = try await CommandRun(
      URL(fileURLWithPath: "/bin/sh"),
      [
        "-c", "cd \"$1\"; shift; exec \"$@\"", "sh", lab.folder.url.path, TestPaths.limeade.path,
      ] + lab.arguments("alice", ["send", "Lab", "--file", "-odd.txt"]), environment: lab.environment)
    #expect(run.exitCode == 0, "\(run.errors)")
    while !bob.output.contains(where: { $0.contains("\"name\":\"_odd.txt\"") }) { try await bob.nextEvent("message") }
    bob.stop()
  }

  @Test func reactionsNamesAndSearchesMayBeginWithADash() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let made = try await lab.run(as: "alice", "room", "create", "-5 degrees", Self.bob)
    #expect(made.exitCode == 0, "\(made.errors)")
    #expect(try await lab.run(as: "bob", "send", "name:-5 degrees", "cold").exitCode == 0)
    let reaction = try await lab.run(as: "alice", "message", "react", "name:-5", "last", "-1")
    #expect(reaction.exitCode == 65, "the name is not whole: \(reaction.errors)")
    // The message has to be here first.
    #expect(try await lab.run(as: "alice", "listen", "--timeout", "3").exitCode == 0)
    let second = try await lab.run(as: "alice", "message", "react", "name:-5 degrees", "last", "-1")
    #expect(second.exitCode == 0, "\(second.errors)")
    try await bob.event("reaction", ["text": "-1"])
    #expect(try await lab.run(as: "alice", "send", "name:-5 degrees", "--help wanted").exitCode == 0)
    let found = try await lab.run(as: "alice", "history", "--search", "--help", "--json")
    #expect(found.exitCode == 0 && found.events.contains { $0["text"] == "--help wanted" }, "\(found.output)")
    let renamed = try await lab.run(as: "alice", "room", "rename", "name:-5 degrees", "-10 °C")
    #expect(renamed.exitCode == 0, "\(renamed.errors)")
    #expect(try await lab.run(as: "alice", "room", "list").output.hasPrefix("-10 °C ("))
    bob.stop()
  }

  /// An option of a command that the table of its options does not have would be taken for a text, or its value for TO.
  @Test func everyOptionOfThoseCommandsIsKnown() async throws {
    struct Tool: Decodable { var command: Command }
    struct Command: Decodable {
      struct Argument: Decodable {
        struct Name: Decodable { var kind: String, name: String }
        var kind: String
        var names: [Name]?
      }
      var commandName: String
      var subcommands: [Command]?
      var arguments: [Argument]?
    }
    let dump = try await CommandRun(TestPaths.limeade, ["--experimental-dump-help"])
    let tool = try JSONDecoder().decode(Tool.self, from: Data(dump.output.utf8))
    let folder = try TemporaryFolder()
    let values = [
      "wait": "sent", "log-level": "info", "log-file": folder.file("log").path, "trace": folder.file("trace").path,
      "file": "/etc/hostname", "to": "/tmp",
    ]
    let lines = [
      ["send"]: ["Lab", "-h"], ["message", "edit"]: ["Lab", "last", "-h"],
      ["message", "react"]: ["Lab", "last", "-1"],
      ["message", "retract"]: ["Lab", "-Qr5tYU~op12"], ["message", "forward"]: ["Lab", "-Qr5tYU~op12", "Lab"],
      ["file", "save"]: ["-Qr5tYU~op12"], ["room", "create"]: ["-5 degrees", "bob"],
      ["room", "rename"]: ["Lab", "-5 degrees"],
    ]
    for (path, words) in lines {
      var command = tool.command
      for name in path { command = try #require(command.subcommands?.first { $0.commandName == name }) }
      for argument in command.arguments ?? [] where argument.kind != "positional" {
        let name = try #require(argument.names?.first { $0.kind == "long" }).name
        guard !["help", "version", "config", "remove", "file-name"].contains(name) else { continue }
        let option = argument.kind == "flag" ? ["--\(name)"] : ["--\(name)", values[name] ?? "5"]
        for line in [path + option + words, path + words + option] {
          let run = try await CommandRun(
            TestPaths.limeade, ["--config", folder.file("none.toml").path] + line, environment: ["NO_COLOR": "1"])
          #expect(run.exitCode == 78, "\(line): \(run.exitCode) \(run.errors)")
        }
      }
    }
  }

  @Test func anErrorOfUsageSaysHowATextIsWritten() async throws {
    for (line, advice) in [
      (["send", "--no-such", "Lab", "x"], "limeade send [OPTIONS] -- TO TEXT"),
      (["send", "Lab", "two", "words"], "\"SEVERAL WORDS\""),
      (["message", "react", "Lab", "last", "--remvoe"], "limeade message react [OPTIONS] -- ROOM ID EMOJI"),
      (["room", "create", "-Draft", "bob"], "limeade room create [OPTIONS] -- NAME ADDRESS..."),
      (["room", "rename", "Lab", "--help-desk"], "limeade room rename [OPTIONS] -- ROOM NAME"),
    ] {
      let run = try await CommandRun(TestPaths.limeade, line)
      #expect(run.exitCode == 64 && run.errors.contains(advice), "\(line): \(run.errors)")
      #expect(run.output.isEmpty)
    }
    let help = try await CommandRun(TestPaths.limeade, ["send", "--help"])
    #expect(help.exitCode == 0 && help.output.contains("USAGE:"))
  }
}
