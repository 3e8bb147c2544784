// DiagnosticsTests.swift: --trace and --log-file: what can be attached to a report, and what is not in it.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct Diagnostics {
  private static func mode(_ url: URL) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions] as? Int
  }

  @Test func aTraceHasEveryMessageAndNoCredentials() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let trace = lab.folder.file("sip.trace")
    try Data("from before\n".utf8).write(to: trace)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: trace.path)
    let sent = try await lab.run(
      as: "alice", "send", "sip:bob@sip.example.org", "hello", "--wait", "delivered", "--trace", trace.path)
    #expect(sent.exitCode == 0, "\(sent.errors)")
    #expect(try Self.mode(trace) == 0o600)
    let text = try String(contentsOf: trace, encoding: .utf8)
    #expect(text.hasPrefix("from before\n"))
    let begins = text.matches(of: /\n===== \d{4}-\d\d-\d\dT[0-9:.]+Z (->|<-) TCP 127\.0\.0\.1:\d+\n/)
    #expect(Set(begins.map { $0.output.1 }) == ["->", "<-"] && begins.count > 10)
    for line in [
      "REGISTER sip:", "INVITE sip:conference-factory@", "MESSAGE sip:", "NOTIFY sip:", "SIP/2.0 302 ",
      "SIP/2.0 200 OK", "WWW-Authenticate: Digest realm=", "Content-Type: multipart/encrypted",
    ] {
      #expect(text.contains("\n" + line), "\(line)")
    }
    #expect(text.contains(":entry uri=\"sip:bob@") && text.contains("conference-info>"), "bodies are whole")
    // Each request that answered a challenge had credentials, and they are gone.
    let removed = text.matches(of: /\n(?:Proxy-)?Authorization: \(removed\)\n/)
    #expect(removed.count >= 3)
    #expect(!text.contains(/(?i)\bauthorization: *digest/) && !text.contains("response=") && !text.contains("cnonce="))
    bob.stop()
  }

  @Test func aLogSaysWhatHappenedWithoutTextsAndSecrets() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob", "--echo")
    let log = lab.folder.file("limeade.log")
    // The lab's passwords are the names, so the password shows wherever it is not taken out.
    let sent = try await lab.run(
      as: "carol", "send", "sip:bob@sip.example.org", "words of mine", "--wait", "delivered", "--log-file", log.path,
      "--log-level", "debug")
    #expect(sent.exitCode == 0, "\(sent.errors)")
    #expect(try Self.mode(log) == 0o600)
    let text = try String(contentsOf: log, encoding: .utf8)
    let lines = text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.contains(/^\d{4}-\d\d-\d\dT[0-9:.]+Z [a-z]+ +[a-z]+/) }, "\(text)")
    for event in ["registered", "sent", "delivered"] { #expect(text.contains(" \(event) ")) }
    #expect(!text.contains("words of mine") && !text.contains("carol") && text.contains("(secret)"))
    let quiet = try await lab.run(
      as: "carol", "send", "sip:bob@sip.example.org", "again", "--log-file", log.path, "--log-level", "error")
    #expect(quiet.exitCode == 0)
    #expect(try String(contentsOf: log, encoding: .utf8) == text)
    bob.stop()
  }

  @Test func filesThatCannotBeWrittenAreExitCode73() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    for option in ["--trace", "--log-file"] {
      let run = try await lab.run(as: "alice", "room", "create", "x", "sip:bob@sip.example.org", option, "/nowhere/x")
      #expect(run.exitCode == 73)
      #expect(run.errors.contains("/nowhere/x cannot be written"))
    }
  }
}
