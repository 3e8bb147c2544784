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

  @Test func aCheckWithARedStep() async throws {
    let lab = try await LabProgram(["--fault", "factory-not-listed"])
    let (columns, rows) = (96, 18)
    let screen = try await TmuxScreen(columns: columns, rows: rows, environment: lab.environment)
    let folder = lab.folder.file("bin")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let script = "#!/bin/sh\nexec '\(TestPaths.limeade.path)' --config '\(lab.configuration)' --account alice \"$@\"\n"
    FileManager.default.createFile(
      atPath: folder.appendingPathComponent("limeade").path, contents: Data(script.utf8),
      attributes: [.posixPermissions: 0o700])
    try await screen.enter("PATH='\(folder.path)':$PATH; clear")
    try await screen.wait(for: "an empty screen") { $0.first == "$" || $0.first == "$ " }
    try await screen.enter("limeade check --with bob; echo $?")
    try await screen.line(with: "76")
    var lines = try await screen.colouredLines()
    // What differs from run to run: times, ports, and what the prompt stands behind.
    lines = lines.map { line in
      line.replacing(#/\(\d+\.\d\d s\)/#, with: "(0.04 s)").replacing(#/127\.0\.0\.1:\d+/#, with: "192.0.2.1:5060")
    }
    try compare(
      ScreenPicture(captured: lines, columns: columns), with: "check", title: "limeade check: a step that fails")
    lab.stop()
  }
}
