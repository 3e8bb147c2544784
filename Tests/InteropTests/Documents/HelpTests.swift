// HelpTests.swift: what --help says can be read on 80 columns, and a misspelt command names the near one.
import Foundation
import TestSupport
import Testing

@Suite struct HelpPages {
  private struct Tool: Decodable { var command: Command }
  private struct Command: Decodable {
    struct Argument: Decodable {
      var abstract: String?
      var allValues: [String]?
    }
    var commandName: String
    var discussion: String?
    var subcommands: [Command]?
    var arguments: [Argument]?

    /// With its commands, each with its whole name.
    func all(_ path: [String] = []) -> [(path: [String], command: Command)] {
      [(path, self)] + (subcommands ?? []).flatMap { $0.all(path + [$0.commandName]) }
    }
  }

  private static func commands() async throws -> [(path: [String], command: Command)] {
    let dump = try await CommandRun(TestPaths.limeade, ["--experimental-dump-help"])
    return try JSONDecoder().decode(Tool.self, from: Data(dump.output.utf8)).command.all()
  }

  /// A line that is more than words after words, as an example with what it does, must not be broken.
  @Test func examplesSurviveEightyColumns() async throws {
    var examples = 0
    for (path, command) in try await Self.commands() where command.discussion != nil && command.commandName != "help" {
      let help = try await CommandRun(TestPaths.limeade, path + ["--help"], environment: ["COLUMNS": "80"])
      #expect(help.exitCode == 0)
      let shown = Set(help.output.split(separator: "\n").map(String.init))
      for line in (command.discussion ?? "").split(separator: "\n").map(String.init) {
        let isExample = line.contains("   ") || line.firstMatch(of: /^\s*(?:limeade |\S+(?: \S+)* \| limeade )/) != nil
        guard isExample else { continue }
        examples += 1
        #expect(shown.contains(line), "\(path): \(line)")
      }
    }
    #expect(examples > 40)
  }

  @Test func noLineIsLongerThanEightyColumns() async throws {
    for (path, _) in try await Self.commands() where path.last != "help" {
      let help = try await CommandRun(TestPaths.limeade, path + ["--help"], environment: ["COLUMNS": "80"])
      let long = help.output.split(separator: "\n").filter { $0.count > 80 }
      #expect(help.exitCode == 0 && long.isEmpty, "\(path): \(long)")
      #expect(help.output.contains("USAGE: limeade"), "\(path)")
    }
    let wrong = try await CommandRun(TestPaths.limeade, ["room", "set"])
    #expect(wrong.exitCode == 64)
    let usage = wrong.errors.split(separator: "\n").drop { !$0.hasPrefix("Usage: ") }
    #expect(usage.count > 2 && usage.allSatisfy { $0.count <= 80 }, "\(wrong.errors)")
  }

  @Test func listenNamesEveryEventOfTheManual() async throws {
    let page = TestPaths.package.appendingPathComponent("Resources/man/limeade-rpc.7")
    let text = try String(contentsOf: page, encoding: .utf8)
    let table = try #require(text.split(separator: ".SH EVENTS").last?.split(separator: "Objects in them").first)
    let events = table.matches(of: /\n\.BR? ([a-zA-Z]+)/).map { String($0.output.1) }
    #expect(events.count > 20)
    let help = try await CommandRun(TestPaths.limeade, ["listen", "--help"], environment: ["COLUMNS": "80"])
    let named = Set(help.output.split { !$0.isLetter }.map(String.init))
    for event in events { #expect(named.contains(event), "\(event)") }
  }

  @Test func valuesAreListedOnce() async throws {
    for (path, command) in try await Self.commands() {
      for argument in command.arguments ?? [] {
        guard let values = argument.allValues, values.count > 2, let abstract = argument.abstract else { continue }
        let named = values.filter { abstract.contains($0 + ",") }
        #expect(named.count < values.count - 1, "\(path): \(abstract)")
      }
    }
  }

  @Test(arguments: [
    ("sendd", "Is 'limeade send' meant?"), ("hist", "Is 'limeade history' meant?"),
    ("room craete", "Is 'limeade room create' meant?"), ("create", "Is 'limeade room create' meant?"),
    ("--json mesage react", "Is 'limeade message' meant?"), ("xyzzy", "The commands of 'limeade' are: chat, send"),
    ("keys xyzzy", "The commands of 'limeade keys' are: show"),
  ])
  func aMisspeltCommandNamesTheNearOne(_ line: String, _ advice: String) async throws {
    let run = try await CommandRun(TestPaths.limeade, line.split(separator: " ").map(String.init))
    #expect(run.exitCode == 64 && run.errors.contains(advice), "\(run.errors)")
  }
}
