// TrialDeviceTests.swift: a try of an account that fails leaves no device at the server, and the next one is the same
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct TrialDevicesInTmux {
  /// A port of this machine that takes connections and never says a word.
  private final class SilentPort {
    let number: UInt16
    private let descriptor: Int32

    init() throws {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          bind(descriptor, address, length) == 0 && listen(descriptor, 8) == 0
            && getsockname(descriptor, address, &length) == 0
        }
      }
      guard isOpen else { throw TestFailure("no port can be opened") }
      self.descriptor = descriptor
      number = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
  }

  private func answer(_ screen: TmuxScreen, _ lab: LabProgram, keyServer: String) async throws {
    for (question, answer) in [
      ("SIP address", "alice@sip.example.org"), ("Password", "alice"), ("Server, if not found", lab.proxy),
      ("LIME key server", keyServer),
    ] {
      try await screen.wait(for: question) { lines in
        let last = lines.filter { !$0.isEmpty }.suffix(2)
        return last.contains { $0.contains(question) }
          && (last.last.map { $0.hasSuffix(":") || $0.hasSuffix(">") } ?? false)
      }
      try await screen.enter(answer)
    }
    // Further questions may be left without an answer.
    let lines = try await screen.wait(for: "the try or a question") { lines in
      lines.contains { $0.contains("Registering at") } || lines.last { !$0.isEmpty }?.hasSuffix("[none] >") == true
    }
    if !lines.contains(where: { $0.contains("Registering at") }) { try await screen.press("Enter") }
  }

  /// Whether somebody can reach a device of alice: a room with her alone needs one.
  private func hasDevice(_ lab: LabProgram) async throws -> Bool {
    let made = try await lab.run(as: "bob", "room", "create", "Ghosts", "alice")
    #expect([0, 76].contains(made.exitCode), "\(made.errors)")
    return made.exitCode == 0
  }

  private func instance(_ folder: TemporaryFolder) throws -> String? {
    let file = folder.file("data").appendingPathComponent("limeade/alice/limeade.sqlite")
    let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    return text.firstMatch(of: /instanceID(urn:uuid:[0-9a-f-]{36})/).map { String($0.output.1) }
  }

  private func screen(_ folder: TemporaryFolder) async throws -> TmuxScreen {
    try await TmuxScreen(environment: [
      "XDG_CONFIG_HOME": folder.file("config").path, "XDG_DATA_HOME": folder.file("data").path,
      "XDG_STATE_HOME": folder.file("state").path,
    ])
  }

  @Test func aWrongKeyServerLeavesNoDeviceAndTheNextTryIsTheSameOne() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let folder = try TemporaryFolder()
    let screen = try await screen(folder)
    try await screen.enter("'\(TestPaths.limeade.path)' chat")
    try await answer(screen, lab, keyServer: "http://127.0.0.1:1/")
    try await screen.line(with: "registered as sip:alice@sip.example.org")
    try await screen.line(with: "or leave (q)? [k]")
    #expect(try await !hasDevice(lab))
    let first = try #require(try instance(folder))
    try await screen.enter("k")
    try await screen.wait(for: "the key server") { $0.last { !$0.isEmpty }?.hasSuffix(">") == true }
    try await screen.enter(lab.keyServer)
    try await screen.line(with: "alice@sip.example.org registered")
    #expect(try await hasDevice(lab))
    #expect(try instance(folder) == first)
    let shown = try await lab.run(as: "bob", "room", "show", "Ghosts", "--json").events
    #expect(shown.first?["devices"]?.components(separatedBy: "sip:alice@sip.example.org;gr=").count != 1)
  }

  @Test func ctrlCDuringTheTryTakesTheDeviceBack() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let folder = try TemporaryFolder()
    let port = try SilentPort()
    let screen = try await screen(folder)
    try await screen.enter("'\(TestPaths.limeade.path)' chat")
    try await answer(screen, lab, keyServer: "http://127.0.0.1:\(port.number)/")
    try await screen.line(with: "registered as sip:alice@sip.example.org")
    #expect(try await hasDevice(lab))
    let pressed = ContinuousClock.now
    try await screen.press("C-c")
    try await screen.wait(for: "the shell") { $0.last { !$0.isEmpty }?.hasSuffix("$") == true }
    try await screen.enter("echo seen-$?")
    try await screen.line(with: "seen-130")
    // The key server would be waited for half a minute.
    #expect(ContinuousClock.now - pressed < .seconds(15))
    #expect(try await !hasDevice(lab))
  }
}
