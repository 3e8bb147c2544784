// LimePeer.swift: liblime as a peer, in a process of its own (Tests/Peers/limepeer.cpp)

import Foundation

@testable import Lime

/// A liblime with its own store. Its requests to the key server are answered by the test's own.
final class LimePeer {
  enum Failure: Error, CustomStringConvertible {
    case notBuilt(String)
    case noAnswer(command: String)
    case refused(command: String, message: String)

    var description: String {
      switch self {
      case .notBuilt(let path): "\(path) is missing: run scripts/build-peers first (needs g++ and liblime-dev)"
      case .noAnswer(let command): "limepeer did not answer \(command)"
      case .refused(let command, let message): "limepeer refused \(command): \(message)"
      }
    }
  }

  struct Line: Decodable {
    struct Device: Decodable {
      var device: String
      var status: String
      var ratchet: String
    }

    var event: String
    var from: String?
    var body: String?
    var ok: Bool?
    var message: String?
    var status: String?
    var plaintext: String?
    var identity: String?
    var cipher: String?
    var devices: [Device]?
  }

  private static let answerTimeout: Int32 = 60_000

  private let server: TestKeyServer
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let folder: URL
  private var buffered = Data()

  /// - Parameter server: answers on behalf of whichever device of the process asks.
  init(server: TestKeyServer, curve: Curve) throws {
    self.server = server
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("limepeer-\(UUID().uuidString)")
    let executable = Self.executable("limepeer")
    guard FileManager.default.isExecutableFile(atPath: executable.path) else {
      throw Failure.notBuilt(executable.path)
    }
    // A peer that died is reported by its missing answer, not by a signal to the tests.
    signal(SIGPIPE, SIG_IGN)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    process.executableURL = executable
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let database = folder.appendingPathComponent("lime.sqlite").path
    try run("init \(database) https://keys.example.org/ \(curve.rawValue)")
  }

  deinit {
    try? input.fileHandleForWriting.close()
    if process.isRunning { process.waitUntilExit() }
    try? FileManager.default.removeItem(at: folder)
  }

  /// Peers are built by scripts/build-peers, into LIMEADE_PEERS or .build/peers of the package.
  static func executable(_ name: String) -> URL {
    let folder =
      ProcessInfo.processInfo.environment["LIMEADE_PEERS"].map { URL(fileURLWithPath: $0) }
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent(".build/peers")
    return folder.appendingPathComponent(name)
  }

  /// Runs a command to its end.
  /// - Throws: `Failure.refused` when liblime reports an error.
  @discardableResult
  func run(_ command: String) throws -> Line {
    try write(command)
    while true {
      let line = try read(command)
      guard line.event == "post" else {
        guard line.ok == true else { throw Failure.refused(command: command, message: line.message ?? "") }
        return line
      }
      let body = Data(base64Encoded: line.body ?? "") ?? Data()
      let answer = try server.answer(body, from: DeviceID(line.from ?? ""))
      try write("reply 200 \(answer.base64EncodedString())")
    }
  }

  func encrypt(_ text: String, from: DeviceID, to devices: [DeviceID], policy: String) throws -> [DeviceID: Envelope] {
    let plaintext = Data(text.utf8).base64EncodedString()
    let line = try run(
      "encrypt \(from) \(room) \(policy) \(plaintext) \(devices.map(\.string).joined(separator: " "))")
    let cipher = Data(base64Encoded: line.cipher ?? "").flatMap { $0.isEmpty ? nil : $0 }
    return Dictionary(
      uniqueKeysWithValues: (line.devices ?? []).map {
        let ratchet = Data(base64Encoded: $0.ratchet) ?? Data()
        return (DeviceID($0.device), Envelope(sender: from, ratchet: ratchet, cipher: cipher, text: text))
      })
  }

  func encrypt(_ text: String, from: DeviceID, to device: DeviceID, policy: String) throws -> Envelope {
    guard let envelope = try encrypt(text, from: from, to: [device], policy: policy)[device] else {
      throw LimeError.noSession(device)
    }
    return envelope
  }

  /// The text, or `Failure.refused`.
  func decrypt(_ envelope: Envelope, as device: DeviceID) throws -> String {
    let cipher = envelope.cipher?.base64EncodedString() ?? "-"
    let line = try run(
      "decrypt \(device) \(envelope.user) \(envelope.sender) \(envelope.ratchet.base64EncodedString()) \(cipher)")
    return String(decoding: Data(base64Encoded: line.plaintext ?? "") ?? Data(), as: UTF8.self)
  }

  private func write(_ line: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
  }

  private func read(_ command: String) throws -> Line {
    while true {
      if let end = buffered.firstIndex(of: 0x0A) {
        let line = buffered[..<end]
        buffered = Data(buffered[(end + 1)...])
        return try JSONDecoder().decode(Line.self, from: Data(line))
      }
      var descriptor = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&descriptor, 1, Self.answerTimeout) == 1 else { throw Failure.noAnswer(command: command) }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure.noAnswer(command: command) }
      buffered += more
    }
  }
}
