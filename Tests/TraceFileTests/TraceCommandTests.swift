// TraceCommandTests.swift: limeade trace, and check --trace, as a user runs them
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct TraceCommands {
  private static func trace(_ arguments: [String]) async throws -> CommandRun {
    try await CommandRun(TestPaths.limeade, ["trace"] + arguments)
  }

  @Test func aFailedStepPointsAtTheLineOfTheTrace() async throws {
    let lab = try await LabProgram(["--fault", "factory-not-listed"])
    defer { lab.stop() }
    let file = lab.folder.file("check.trace").path
    let check = try await lab.run(as: "alice", "check", "--with", "bob", "--timeout", "2", "--trace", file)
    #expect(check.exitCode == 76, "\(check.errors)")
    let steps = check.lines.indices.filter { check.lines[$0].hasPrefix("✖ the conference factory") }
    let step = try #require(steps.first, "\(check.output)")
    let place = try #require(check.lines[step + 1].firstMatch(of: /^    see (.+):(\d+)$/), "\(check.output)")
    #expect(place.output.1 == file)
    let lines = try String(contentsOfFile: file, encoding: .utf8).components(separatedBy: "\n")
    let line = try #require(Int(place.output.2))
    #expect(lines[line - 1].contains(/^===== .* <- TCP 127/) && lines[line].hasPrefix("SIP/2.0 4"), "\(lines[line])")
    // The ladder has the same number, and what the check said of its steps.
    let ladder = try await Self.trace([file])
    #expect(ladder.exitCode == 0 && ladder.output.contains(" \(line) │◀"), "\(ladder.output)")
    #expect(ladder.output.contains("· check: the conference factory makes a room (302): failed"))
    let json = try await lab.run(
      as: "alice", "check", "--timeout", "2", "--trace", file, "--json")
    #expect(json.events.contains { $0["step"] == "factory" && $0["result"] == "failed" })
    #expect(json.output.contains("\"traceLine\":"))
  }

  @Test func roomsAndCallsAreFoundAndOthersLeftOut() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let file = lab.folder.file("sip.trace").path
    let bob = try await lab.listener("bob")
    defer { bob.stop() }
    for (room, options) in [("Team", [String]()), ("Plain", ["--plain"])] {
      let made = try await lab.run(
        as: "alice", ["room", "create", room, "sip:bob@sip.example.org", "--trace", file] + options)
      #expect(made.exitCode == 0, "\(made.errors)")
      let sent = try await lab.run(as: "alice", "send", room, "hello", "--wait", "delivered", "--trace", file)
      #expect(sent.exitCode == 0, "\(sent.errors)")
    }
    let all = try await Self.trace([file])
    #expect(all.output.contains(/MESSAGE sip:.*, LIME for 1: bob@sip\.example\.org;gr=….{6}, \d+ bytes encrypted/))
    #expect(all.output.contains("CPIM text/plain, from alice@") && all.output.contains("delivered of "))
    #expect(all.output.contains("REGISTER sip:"))
    let plain = try await Self.trace([file, "--room", "plain"])
    #expect(plain.exitCode == 0 && plain.output.contains("CPIM text/plain"), "\(plain.output)")
    #expect(!plain.output.contains("LIME for") && !plain.output.contains("REGISTER"))
    let messages = try await Self.trace([file, "--room", "team", "--json"])
    let encrypted = try #require(messages.events.first { $0["method"] == "MESSAGE" && $0["messageId"] != nil })
    #expect(messages.events.allSatisfy { $0["method"] != "REGISTER" })
    let room = try #require(encrypted["target"])
    let byAddress = try await Self.trace([file, "--room", room, "--json"])
    #expect(byAddress.events.contains { $0["messageId"] == encrypted["messageId"] })
    let call = try #require(encrypted["callId"])
    let one = try await Self.trace([file, "--call-id", String(call.prefix(12)), "--json"])
    #expect(!one.events.isEmpty && one.events.allSatisfy { $0["callId"] == call })
    let none = try await Self.trace([file, "--room", "Nobody's"])
    #expect(none.exitCode == 65 && none.errors.contains(room.prefix(20)), "\(none.errors)")
  }

  /// A reader that is not ours takes every packet, with its checksums.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/tcpdump")), arguments: ["tcp", "udp"])
  func tcpdumpReadsACapture(transport: String) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let folder = lab.folder
    let configuration = try String(contentsOfFile: lab.configuration, encoding: .utf8)
    try configuration.replacingOccurrences(of: "transport=tcp", with: "transport=\(transport)")
      .write(toFile: lab.configuration, atomically: false, encoding: .utf8)
    let file = folder.file("sip.trace").path
    let check = try await lab.run(as: "alice", "check", "--with", "bob", "--trace", file)
    #expect(check.exitCode == 0, "\(check.output)")
    let pcap = folder.file("sip.pcap").path
    let run = try await Self.trace([file, "--pcap", pcap])
    let written = try #require(run.output.firstMatch(of: /^(\d+) message/).flatMap { Int($0.output.1) })
    #expect(run.exitCode == 0 && written > 100)
    #expect(try FileManager.default.attributesOfItem(atPath: pcap)[.posixPermissions] as? Int == 0o600)
    let read = try await CommandRun(URL(fileURLWithPath: "/usr/bin/tcpdump"), ["-nnvvA", "-r", pcap])
    #expect(read.exitCode == 0 && !read.output.contains("incorrect") && !read.output.contains("bad "), "\(read.errors)")
    // With UDP large messages go by TCP.
    let sums = ["(correct)", "[udp sum ok]"].map { read.output.components(separatedBy: $0).count - 1 }
    #expect(sums.reduce(0, +) >= written && (transport == "tcp") == (sums[1] == 0), "\(sums) of \(written)")
    #expect(read.output.contains("REGISTER sip:sip.example.org SIP/2.0"))
    // Nothing of the trace is overwritten.
    let same = try await Self.trace([file, "--pcap", file])
    #expect(same.exitCode == 73)
    let missing = try await Self.trace(["/nowhere/x"])
    #expect(missing.exitCode == 65 && missing.errors.contains("/nowhere/x cannot be read"))
    let none = try await Self.trace([lab.configuration])
    #expect(none.exitCode == 65 && none.errors.contains("is no trace"))
  }
}
