// InterfaceBenchmark.swift: how long the terminal UI takes to draw, and from start to a usable prompt
import ArgumentParser
import ChatCore
import Foundation
import TerminalUI

struct InterfaceBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ui", abstract: "The terminal UI: redraw, start to prompt.",
    discussion: """
      One figure a line: what, value, unit, tab separated. The start is that of the whole program in a terminal, \
      until its prompt is on the screen, with the files in the cache and no server to be reached.
      """)

  @Option(help: "Messages in the room.") var messages = 10_000
  @Option(help: "The program to start.", completion: .file()) var limeade: String
  @Option(help: "How often it is started.") var rounds = 10

  func run() async throws {
    for size in [ScreenSize(columns: 80, rows: 24), ScreenSize(columns: 240, rows: 67)] { draw(size) }
    try start()
  }

  // MARK: Drawing

  private func draw(_ size: ScreenSize) {
    var interface = UserInterface(screen: state(), size: size)
    let name = "\(messages) messages, \(size.columns)x\(size.rows)"
    var grid = interface.grid
    var samples: [Double] = []
    for number in 0..<200 {
      // What one message does: it is added, and everything is drawn again.
      samples.append(
        timed {
          interface.screen.messages.append(message(messages + number))
          grid = interface.grid
        })
    }
    Figure.print("redraw after a message, \(name)", milliseconds: samples)
    samples = (0..<200).map { _ in
      timed {
        _ = interface.perform(.scrollPageUp)
        grid = interface.grid
      }
    }
    Figure.print("page up and redraw, \(name)", milliseconds: samples)
    samples = (0..<200).map { _ in
      timed {
        _ = interface.handle(.stroke(.character("x")))
        grid = interface.grid
      }
    }
    Figure.print("key and redraw, \(name)", milliseconds: samples)
    withExtendedLifetime(grid) {}
  }

  private func message(_ number: Int) -> MessageRow {
    let texts = [
      "short", "a line of text that is as long as most that people write in a chat room, perhaps a little longer",
      "日本語のテキスト、絵文字 👍🏽 と combining e\u{301}", "two\nlines",
    ]
    return MessageRow(
      id: "m\(number)", time: Date(timeIntervalSince1970: 1_795_000_000 + Double(number) * 60), sender: "bob",
      isOwn: number.isMultiple(of: 5), text: texts[number % texts.count],
      delivery: number.isMultiple(of: 5) ? .delivered(1, of: 2) : nil)
  }

  private func state() -> ScreenState {
    var state = ScreenState()
    state.rooms = (1...50).map { RoomRow(id: "r\($0)", number: $0, name: "Room \($0)", unread: $0 % 3) }
    state.openRoom = "r1"
    state.header = RoomHeader(name: "Room 1", security: .encrypted(trustedDevices: 2, devices: 4), deviceCount: 4)
    state.messages = (0..<messages).map(message)
    state.status = StatusBar(account: "alice@sip.example.org", connection: "registered", health: .good)
    return state
  }

  // MARK: Start

  private func start() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-bench-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let configuration = folder.appendingPathComponent("config.toml")
    // Port 9: nobody answers, so that no server's time is measured.
    let text = """
      [account.bench]
      address = "sip:alice@sip.example.org"
      password = "none"
      outbound-proxy = "sip:127.0.0.1:9;transport=tcp"
      """
    guard
      FileManager.default.createFile(
        atPath: configuration.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else { throw CocoaError(.fileWriteUnknown) }
    let data = folder.appendingPathComponent("data")
    try BenchmarkHistory.fill(
      AccountStore(directory: data.appendingPathComponent("limeade/bench")), messages: messages, rooms: 1)
    var samples: [Double] = []
    for round in 0...rounds {
      let program = try TerminalProgram(
        limeade, ["--config", configuration.path, "chat"],
        environment: ["XDG_DATA_HOME": data.path, "XDG_STATE_HOME": folder.appendingPathComponent("state").path])
      let time = try timed { try program.start(until: "] > ") }
      try program.end()
      // The first one warms the cache.
      if round > 0 { samples.append(time) }
    }
    Figure.print("start to usable prompt, \(messages) messages", milliseconds: samples)
  }
}
