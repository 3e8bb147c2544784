// ScreenshotTests.swift: the pictures of Resources/screenshots are what the program shows, cell by cell
import Foundation
import TestSupport
import Testing

/// With LIMEADE_SCREENSHOTS, which `scripts/screenshots` sets, the pictures are written to that folder instead.
@Suite(.serialized) struct Screenshots {
  private static let folder = TestPaths.package.appendingPathComponent("Resources/screenshots")
  private static let written = ProcessInfo.processInfo.environment["LIMEADE_SCREENSHOTS"]

  private func compare(_ picture: ScreenPicture, with name: String, title: String) throws {
    let svg = picture.svg(title: title)
    if let written = Self.written {
      let folder = URL(fileURLWithPath: written)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      return try Data(svg.utf8).write(to: folder.appendingPathComponent("\(name).svg"))
    }
    let kept = try String(contentsOf: Self.folder.appendingPathComponent("\(name).svg"), encoding: .utf8)
    guard svg != kept else { return }
    let (new, old) = (svg.split(separator: "\n"), kept.split(separator: "\n"))
    let line = zip(new, old).enumerated().first { $0.element.0 != $0.element.1 }
    Issue.record(
      """
      \(name).svg is not what the program shows; scripts/screenshots writes it again. \
      First difference: \(line.map { "line \($0.offset + 1)\n\($0.element.0)\n\($0.element.1)" } ?? "its length")
      \(picture.text.joined(separator: "\n"))
      """)
  }

  @Test func aDaysChat() async throws {
    let scene = try await ChatScene()
    let screen = try await scene.play()
    let picture = ScreenPicture(captured: try await screen.colouredLines(), columns: ChatScene.columns)
    try compare(picture, with: "chat", title: "limeade chat: a room of three people over a day")
    scene.stop()
  }

  /// What differs from run to run: times, addresses, and the device's name, which goes on in the next line.
  private func withoutChance(_ line: String) -> String {
    let name = "0b6f3c52-8a1e-4d7c-9e35-71c2d4a8f016"
    return line.replacing(#/\(\d+\.\d\d s\)/#, with: "(0.04 s)").replacing(#/127\.0\.0\.1/#, with: "192.0.2.1")
      .replacing(#/(192\.0\.2\.1:| port )\d+/#) { "\($0.output.1)5060" }
      .replacing(#/urn:uuid:([0-9a-f\-]+)/#) { "urn:uuid:\(name.prefix($0.output.1.count))" }
      .replacing(#/^[0-9a-f\-]{10,36}(?=\s*$)/#) { String(name.suffix($0.output.count)) }
  }

  @Test func aCheckWithARedStep() async throws {
    let lab = try await LabProgram(["--fault", "factory-not-listed"])
    let (columns, rows) = (110, 60)
    let screen = try await TmuxScreen(columns: columns, rows: rows, environment: lab.environment)
    let folder = lab.folder.file("bin")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let script = "#!/bin/sh\nexec '\(TestPaths.limeade.path)' --config '\(lab.configuration)' --account alice \"$@\"\n"
    let program = folder.appendingPathComponent("limeade")
    try Data(script.utf8).write(to: program)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program.path)
    try await screen.enter("PATH='\(folder.path)':$PATH; clear")
    try await screen.wait(for: "an empty screen") { $0.first == "$" || $0.first == "$ " }
    try await screen.enter("limeade check --with bob")
    try await screen.line(with: "a message for a device that is away")
    var lines = try await screen.colouredLines()
    lines = lines.map(withoutChance)
    // What follows the causes was not tried, or has passed.
    let shown = try #require(lines.firstIndex { $0.contains("the key server's digest") })
    try compare(
      ScreenPicture(captured: Array(lines[..<shown]), columns: columns), with: "check",
      title: "limeade check: a step that fails")
    lab.stop()
  }
}
