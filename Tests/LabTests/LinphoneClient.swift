// LinphoneClient.swift: the real peer: Debian's Linphone library, driven by lines
import Foundation
import Lab

/// Tests/Peers/linphone-client.cpp, built once for all tests. Not there when its libraries are not.
enum LinphonePeer {
  static let executable: URL? = {
    let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Peers/linphone-client.cpp")
    let grammars = "/usr/share/belr/grammars/identity_grammar"
    guard FileManager.default.fileExists(atPath: grammars) else { return nil }
    let target = FileManager.default.temporaryDirectory.appending(path: "linphone-client-\(UUID().uuidString)")
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/g++")
    compiler.arguments = [
      "-std=c++17", "-w", source.path(), "-o", target.path(), "-llinphone++", "-llinphone", "-lbctoolbox",
    ]
    compiler.standardError = FileHandle.nullDevice
    guard (try? compiler.run()) != nil else { return nil }
    compiler.waitUntilExit()
    return compiler.terminationStatus == 0 ? target : nil
  }()
}

/// One device of one user.
final class LinphoneClient {
  typealias Event = [String: String]

  private let process = Process()
  private let input = Pipe()
  private let directory: URL
  private var events: AsyncStream<Event>.Iterator

  init(_ executable: URL, user: String, lab: LabAddresses) throws {
    directory = FileManager.default.temporaryDirectory.appending(path: "linphone-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    process.executableURL = executable
    process.arguments = [
      "--dir", directory.path(), "--identity", "sip:\(user)@\(lab.domain)", "--password", user, "--proxy", lab.sip,
      "--factory", lab.factory, "--lime", lab.keyServer?.absoluteString ?? "",
    ]
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    let (stream, continuation) = AsyncStream<Event>.makeStream()
    events = stream.makeAsyncIterator()
    try process.run()
    Thread.detachNewThread {
      var pending = Data()
      while case let data = output.fileHandleForReading.availableData, !data.isEmpty {
        pending.append(data)
        while let end = pending.firstIndex(of: 10) {
          if let event = try? JSONDecoder().decode(Event.self, from: pending[..<end]) { continuation.yield(event) }
          pending = Data(pending[pending.index(after: end)...])
        }
      }
      continuation.finish()
    }
  }

  func command(_ line: String) throws { try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

  /// Waits for an event with these fields; others before it are skipped.
  @discardableResult
  func event(_ name: String, _ fields: Event = [:]) async throws -> Event {
    while let event = await events.next() {
      if event["event"] == name, fields.allSatisfy({ event[$0.key] == $0.value }) { return event }
    }
    throw WireError.closed
  }

  func quit() {
    try? command("quit")
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: directory)
  }
}
