// FirstRunTests.swift: limeade chat on a machine where it was never run
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct FirstRunInTmux {
  @Test func theAccountIsAskedForTriedCorrectedAndWritten() async throws {
    let lab = try await LabProgram()
    let folder = try TemporaryFolder()
    let screen = try await TmuxScreen(environment: [
      "XDG_CONFIG_HOME": folder.file("config").path, "XDG_DATA_HOME": folder.file("data").path,
      "XDG_STATE_HOME": folder.file("state").path,
    ])
    let file = folder.file("config").appendingPathComponent("limeade/config.toml")
    try await screen.enter("'\(TestPaths.limeade.path)' chat")
    try await screen.line(with: "SIP address (sip:you@your.domain):")
    try await screen.enter("nonsense")
    try await screen.line(with: "write it as sip:you@your.domain")
    try await screen.enter("alice@sip.example.org")
    try await screen.line(with: "Password (not shown):")
    try await screen.enter("wrong-secret")
    try await screen.line(with: "Server, if not found by the domain")
    try await screen.enter(lab.proxy)
    try await screen.line(with: "LIME key server")
    try await screen.enter(lab.keyServer)
    try await screen.line(with: "File server, without which files are only received")
    try await screen.press("Enter")
    try await screen.line(with: "or leave (q)? [p]", within: 60)
    #expect(!FileManager.default.fileExists(atPath: file.path))
    try await screen.press("Enter")
    try await screen.wait(for: "the password asked for again") { lines in
      lines.last { !$0.isEmpty } == "Password (not shown):"
    }
    // Ctrl-C leaves at every question, also after an attempt to register, with the terminal as it was.
    try await screen.press("C-c")
    try await screen.wait(for: "the shell") { $0.last { !$0.isEmpty }?.hasSuffix("$") == true }
    try await screen.enter("echo seen-$?")
    try await screen.wait(for: "the shell, with echo") { lines in
      lines.contains { $0.hasSuffix("echo seen-$?") } && lines.contains("seen-130")
    }
    #expect(!FileManager.default.fileExists(atPath: file.path))
    try await screen.enter("clear; '\(TestPaths.limeade.path)' chat")
    for answer in ["alice@sip.example.org", "wrong-secret", lab.proxy, lab.keyServer, "-"] {
      try await screen.wait(for: "a question") { lines in
        lines.last { !$0.isEmpty }.map { $0.hasSuffix(":") || $0.hasSuffix(">") } ?? false
      }
      try await screen.enter(answer)
      try await screen.wait(for: "the answer taken") { lines in
        !(lines.last { !$0.isEmpty } ?? "").hasSuffix(answer)
      }
    }
    try await screen.line(with: "or leave (q)? [p]", within: 60)
    try await screen.enter("p")
    try await screen.wait(for: "the password asked for again") { lines in
      lines.last { !$0.isEmpty } == "Password (not shown):"
    }
    try await screen.enter("alice")
    // The dialogue is over: the chat has the screen.
    try await screen.line(with: "alice@sip.example.org registered", within: 60)
    let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    try await screen.press("C-d")
    let lines = try await screen.wait(for: "the dialogue again") { $0.contains { $0.contains("only you can read it") } }
    #expect(lines.contains { $0.contains("registered as sip:alice@sip.example.org") })
    #expect(lines.contains { $0.contains("keys are published at the key server") })
    #expect(!lines.contains { $0.contains("wrong-secret") })
    lab.stop()
  }

  @Test func aWrongDomainIsNotBlamedOnThePasswordAndACommandMayPrintIt() async throws {
    let lab = try await LabProgram()
    let folder = try TemporaryFolder()
    let screen = try await TmuxScreen(environment: [
      "XDG_CONFIG_HOME": folder.file("config").path, "XDG_DATA_HOME": folder.file("data").path,
      "XDG_STATE_HOME": folder.file("state").path,
    ])
    func answer(_ question: String, _ text: String) async throws {
      try await screen.wait(for: question) { lines in
        let last = lines.lastIndex { !$0.isEmpty } ?? 0
        return lines[max(0, last - 1)...last].joined(separator: " ").contains(question)
      }
      try await screen.enter(text)
    }
    try await screen.enter("'\(TestPaths.limeade.path)' chat")
    try await answer("SIP address", "alice@example.org")
    try await screen.line(with: "a command that prints it is asked for")
    try await answer("Password (not shown):", "")
    try await answer("Command that prints the password", "echo alice")
    try await answer("Server, if not found", lab.proxy)
    try await answer("LIME key server", lab.keyServer)
    try await answer("File server", "https://files.example.org/hft.php")
    try await screen.line(with: "is the domain of", within: 60)
    try await answer("or leave (q)? [a]", "")
    try await answer("SIP address", "alice@sip.example.org")
    try await screen.line(with: "alice@sip.example.org registered", within: 60)
    let file = folder.file("config").appendingPathComponent("limeade/config.toml")
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text.contains("password-command = \"echo alice\"\n") && !text.contains("\npassword = "), "\(text)")
    #expect(text.contains("file-server = \"https://files.example.org/hft.php\"\n"), "\(text)")
    try await screen.press("C-d")
    lab.stop()
  }
}
