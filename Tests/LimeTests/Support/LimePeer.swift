// LimePeer.swift: liblime as a peer, in a process of its own (Tests/Peers/limepeer.cpp)

import Foundation
import TestSupport

@testable import Lime

/// A liblime with its own store. Its requests to the key server are answered by the test's own.
final class LimePeer {
  struct Refused: Error, CustomStringConvertible {
    let command: String
    let message: String

    var description: String { "limepeer refused \(command): \(message)" }
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

  private static let answerTimeout = 60.0

  private let server: TestKeyServer
  private let folder: TemporaryFolder
  private let process: PeerProcess

  /// - Parameter server: answers on behalf of whichever device of the process asks.
  init(server: TestKeyServer, curve: Curve) async throws {
    self.server = server
    folder = try TemporaryFolder()
    process = try PeerProcess(TestPaths.peer("limepeer"))
    try await run("init \(folder.file("lime.sqlite").path) https://keys.example.org/ \(curve.rawValue)")
  }

  /// Runs a command to its end.
  /// - Throws: `Refused` when liblime reports an error.
  @discardableResult
  func run(_ command: String) async throws -> Line {
    try process.send(command)
    while true {
      let text = try await process.nextLine(within: Self.answerTimeout, "answer to \(command)")
      let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
      guard line.event == "post" else {
        guard line.ok == true else { throw Refused(command: command, message: line.message ?? "") }
        return line
      }
      let body = Data(base64Encoded: line.body ?? "") ?? Data()
      let answer = try server.answer(body, from: DeviceID(line.from ?? ""))
      try process.send("reply 200 \(answer.base64EncodedString())")
    }
  }

  func encrypt(
    _ text: String, from: DeviceID, to devices: [DeviceID], policy: String
  ) async throws -> [DeviceID: Envelope] {
    let plaintext = text.isEmpty ? "-" : Data(text.utf8).base64EncodedString()
    let line = try await run(
      "encrypt \(from) \(room) \(policy) \(plaintext) \(devices.map(\.string).joined(separator: " "))")
    let cipher = Data(base64Encoded: line.cipher ?? "").flatMap { $0.isEmpty ? nil : $0 }
    return Dictionary(
      uniqueKeysWithValues: (line.devices ?? []).map {
        let ratchet = Data(base64Encoded: $0.ratchet) ?? Data()
        return (DeviceID($0.device), Envelope(sender: from, ratchet: ratchet, cipher: cipher, text: text))
      })
  }

  func encrypt(_ text: String, from: DeviceID, to device: DeviceID, policy: String) async throws -> Envelope {
    guard let envelope = try await encrypt(text, from: from, to: [device], policy: policy)[device] else {
      throw LimeError.noSession(device)
    }
    return envelope
  }

  /// The text, or `Refused`.
  func decrypt(_ envelope: Envelope, as device: DeviceID) async throws -> String {
    let cipher = envelope.cipher?.base64EncodedString() ?? "-"
    let line = try await run(
      "decrypt \(device) \(envelope.user) \(envelope.sender) \(envelope.ratchet.base64EncodedString()) \(cipher)")
    return String(decoding: Data(base64Encoded: line.plaintext ?? "") ?? Data(), as: UTF8.self)
  }
}
