// LoadCommandTests.swift: limeade load on the lab: nothing lost, nothing left, and an end when it must end
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct LoadCommands {
  private static let names = ["alice", "bob", "carol", "dave", "erin", "frank"]

  private static func lab(_ options: [String] = []) async throws -> (lab: LabProgram, users: String) {
    let text = names.map { "\($0):secret-\($0)\n" }.joined()
    let lab = try await LabProgram(options, users: text)
    return (lab, lab.usersFile)
  }

  private static func arguments(_ lab: LabProgram, _ users: String, _ more: [String]) -> [String] {
    lab.arguments("alice", ["load", "--accounts", users, "--json"] + more)
  }

  private static func environment(_ lab: LabProgram) throws -> [String: String] {
    let temporary = lab.folder.file("tmp")
    try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
    return lab.environment.merging(["TMPDIR": temporary.path]) { $1 }
  }

  @Test(arguments: [true, false])
  func everyTextComesToAllOnceAndNothingIsLeft(isEncrypted: Bool) async throws {
    let (lab, users) = try await Self.lab()
    defer { lab.stop() }
    let svg = lab.folder.file("load.svg").path
    let run = try await CommandRun(
      TestPaths.limeade,
      Self.arguments(
        lab, users,
        [
          "--rooms", "3", "--members", "4", "--rate", "10", "--time", "4", "--ramp", "2", "--svg", svg, "--timeout",
          "20",
        ]
          + (isEncrypted ? [] : ["--plain"])), environment: try Self.environment(lab), within: 120)
    #expect(run.exitCode == 0, "\(run.output)\n\(run.errors)")
    let end = try #require(run.events.last { $0["event"] == "load" })
    #expect(end["sent"] == "50" && end["receivedByAll"] == "50" && end["acknowledged"] == "50")
    #expect(end["takenByServer"] == "50" && end["copies"] == "150")
    #expect(end["lost"] == "0" && end["failed"] == "0" && end["doubled"] == "0")
    #expect(end["devices"] == "6" && end["rooms"] == "3" && end["encrypted"] == "\(isEncrypted)")
    #expect(run.events.count { $0["event"] == "second" } >= 5)
    #expect(try FileManager.default.contentsOfDirectory(atPath: lab.folder.file("tmp").path) == [])
    let script = """
      import sys, xml.etree.ElementTree as E
      root = E.parse(sys.argv[1]).getroot()
      curves = root.findall("{http://www.w3.org/2000/svg}polyline")
      assert root.tag.endswith("}svg") and len(curves) == 7, len(curves)
      for curve in curves:
          points = [tuple(map(float, p.split(","))) for p in curve.get("points").split()]
          assert len(points) >= 3 and all(0 <= x <= 900 and 0 <= y <= 520 for x, y in points)
      """
    let plot = try await CommandRun(URL(fileURLWithPath: "/usr/bin/python3"), ["-c", script, svg])
    #expect(plot.exitCode == 0, "\(plot.errors)")
  }

  @Test func aServerThatTakesNothingMoreEndsIt() async throws {
    let (lab, users) = try await Self.lab()
    defer { lab.stop() }
    let load = try PeerProcess(
      TestPaths.limeade,
      Self.arguments(
        lab, users, ["--members", "3", "--rate", "20", "--time", "300", "--ramp", "0", "--timeout", "2"]),
      environment: try Self.environment(lab), name: "limeade load")
    try await load.event("second")
    lab.stop()
    #expect(try await load.exitCode(within: 90) == 76)
    let end = try #require(load.output.compactMap(JSONEvent.init).last { $0["event"] == "load" })
    #expect(end["stopped"]?.hasSuffix("of the texts are lost or failed") == true, "\(load.output.suffix(3))")
    #expect(end["left"] != "[]" && Int(end["lost"] ?? "").map { $0 > 0 } == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: lab.folder.file("tmp").path) == [])
  }

  @Test func aRoomThatDoesNotWorkIsSaidBeforeTheLoad() async throws {
    let (lab, users) = try await Self.lab(["--fault", "messages-lost"])
    defer { lab.stop() }
    let run = try await CommandRun(
      TestPaths.limeade, Self.arguments(lab, users, ["--timeout", "1"]), environment: try Self.environment(lab))
    #expect(run.exitCode == 76)
    let end = try #require(run.events.last { $0["event"] == "load" })
    #expect(end["sent"] == "0" && end["stopped"] == "a first text in room 1 did not come to all its members")
  }

  @Test func aSignalEndsItAndTakesEverythingAway() async throws {
    let (lab, users) = try await Self.lab()
    defer { lab.stop() }
    let trace = lab.folder.file("load.trace").path
    let load = try PeerProcess(
      TestPaths.limeade,
      Self.arguments(lab, users, ["--members", "3", "--rate", "5", "--time", "300", "--trace", trace]),
      environment: try Self.environment(lab), name: "limeade load")
    try await load.event("second")
    load.signal(SIGTERM)
    #expect(try await load.exitCode() == 76)
    let end = try #require(load.output.compactMap(JSONEvent.init).last { $0["event"] == "load" })
    #expect(end["stopped"] == "signal 15" && end["left"] == "[]", "\(end["left"] ?? "")")
    #expect(try FileManager.default.contentsOfDirectory(atPath: lab.folder.file("tmp").path) == [])
    // The server has none of its devices, rooms and keys.
    let lines = try String(contentsOfFile: trace, encoding: .utf8).components(separatedBy: "\n")
    #expect(lines.count { $0.hasPrefix("BYE sip:chatroom-") } >= 3)
    #expect(lines.count { $0 == "Expires: 0" || $0.hasSuffix(";expires=0") } >= Self.names.count)
  }

  @Test func itAsksBeforeItWritesToAnotherMachine() async throws {
    let (lab, users) = try await Self.lab()
    defer { lab.stop() }
    let configuration = try String(contentsOfFile: lab.configuration, encoding: .utf8)
    for host in ["192.0.2.1", "localhost.example.org", "[2001:db8::1]"] {
      try configuration.replacing("sip:127.0.0.1:", with: "sip:\(host):")
        .write(toFile: lab.configuration, atomically: false, encoding: .utf8)
      let run = try await CommandRun(TestPaths.limeade, Self.arguments(lab, users, []), within: 10)
      #expect(run.exitCode == 64 && run.errors.contains("--yes"), "\(run.errors)")
      #expect(run.output.split(separator: "\n").allSatisfy { JSONEvent(String($0))?["event"] == "error" })
    }
    try configuration.write(toFile: lab.configuration, atomically: false, encoding: .utf8)
    for wrong in [["--members", "7"], ["--rate", "0"], ["--time", "nan"], ["--svg", "/nowhere/x.svg"]] {
      let run = try await CommandRun(TestPaths.limeade, Self.arguments(lab, users, wrong), within: 10)
      #expect(run.exitCode == (wrong[0] == "--svg" ? 73 : 64), "\(wrong): \(run.errors)")
    }
  }
}
