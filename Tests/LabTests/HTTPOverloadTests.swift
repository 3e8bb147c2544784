// HTTPOverloadTests.swift: clients that hold the key and file server's connections without using them (CWE-400)
import Foundation
import HTTPServer
import MessageFormats
import TestSupport
import Testing

@testable import Lab

/// Attackers and the others share an address here, as behind a proxy.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct HTTPOverloadTests {
  /// Connections that are held open; more than a server takes.
  private static let flood = 400

  enum Attack: String, CaseIterable {
    case idle, halfAHead, halfABody, nothingRead
  }

  /// - Returns: the connections, to be held.
  private func hold(_ count: Int, on url: URL, sending text: String) throws -> [LoopbackSocket] {
    let port = try #require(url.port)
    return try (0..<count).map { _ in
      let socket = try LoopbackSocket.connected(to: port)
      send(text, on: socket)
      return socket
    }
  }

  @discardableResult private func send(_ text: String, on socket: LoopbackSocket) -> Bool {
    let bytes = Array(text.utf8)
    return Glibc.send(socket.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  private func text(_ attack: Attack, path: String, link: String) -> String {
    switch attack {
    case .idle: ""
    case .halfAHead: "POST \(path) HTTP/1.1\r\nHost: x\r\nX-"
    case .halfABody:
      "POST \(path) HTTP/1.1\r\nContent-Type: x3dh/octet-stream\r\nFrom: a\r\nContent-Length: 9000\r\n\r\nx"
    case .nothingRead: "GET \(link) HTTP/1.1\r\n\r\n"
    }
  }

  private func curl(_ arguments: String..., within seconds: Double = 20) async throws -> String {
    try await CommandRun(
      URL(fileURLWithPath: "/usr/bin/curl"), ["-sS", "--noproxy", "*", "--max-time", "15"] + arguments, within: seconds
    ).output
  }

  /// Uploads as Alice. - Returns: the link.
  private func upload(_ size: Int, to url: URL, _ folder: TemporaryFolder) async throws -> URL {
    let file = folder.file("file-\(size)")
    try Data(count: size).write(to: file)
    let answer = try await curl(
      "--digest", "-u", "alice:alice", "-F", "File=@\(file.path)", "-H", "Expect:", url.absoluteString)
    return try #require(URL(string: try FileTransferInfo(parsing: Data(answer.utf8)).file.url))
  }

  @Test(arguments: Attack.allCases)
  func whoHoldsConnectionsWithoutUsingThemKeepsNobodyOut(_ attack: Attack) async throws {
    try await withLab({ $0.hasKeyServer = true }) { addresses, _ in
      let keys = try #require(addresses.keyServer)
      let files = try #require(addresses.fileServer)
      let folder = try TemporaryFolder()
      let large = try await upload(16 << 20, to: files, folder)
      var held = try hold(Self.flood, on: keys, sending: text(attack, path: "/", link: "/"))
      held += try hold(Self.flood, on: files, sending: text(attack, path: files.path, link: large.path))
      let begun = ContinuousClock.now
      for address in ["127.0.0.1", "127.0.0.2"] {
        let status = try await curl(
          "--interface", address, "-o", "/dev/null", "-w", "%{http_code}", "-H", "From: a", keys.absoluteString)
        #expect(status == "401")
      }
      let small = try await upload(1000, to: files, folder)
      let got = try await curl("-o", "/dev/null", "-w", "%{http_code} %{size_download}", small.absoluteString)
      #expect(got == "200 1000")
      #expect(ContinuousClock.now - begun < .seconds(10))
      _ = held
    }
  }

  /// A transfer that moves is not what makes place.
  @Test func aTransferOfAUserGoesOnWhileOthersComeInMasses() async throws {
    try await withLab { addresses, _ in
      let files = try #require(addresses.fileServer)
      let folder = try TemporaryFolder()
      let file = folder.file("slow")
      try Data(count: 600_000).write(to: file)
      async let answer = curl(
        "--digest", "-u", "alice:alice", "-F", "File=@\(file.path)", "-H", "Expect:", "--limit-rate", "200000",
        files.absoluteString)
      var held: [LoopbackSocket] = []
      for _ in 0..<8 {
        held += try hold(100, on: files, sending: "POST \(files.path) HTTP/1.1\r\n")
        try await Task.sleep(for: .milliseconds(300))
      }
      #expect(try FileTransferInfo(parsing: Data(try await answer.utf8)).file.size == 600_000)
    }
  }

  private func runServer(
    isOpen: Bool = false, _ change: (inout HTTPLimits) -> Void, _ body: (URL, TemporaryFolder) async throws -> Void
  ) async throws {
    var configuration = FileServer.Configuration()
    change(&configuration.connections)
    if !isOpen { configuration.authentication = .init(realm: "x", secret: { .password($0) }) }
    let server = FileServer(configuration)
    let url = try await server.start()
    do { try await body(url, try TemporaryFolder()) } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  /// Sends `piece` ten times a second, and reads as much, until the server has had enough.
  /// - Returns: after how many seconds it ended the connection; nil when it did not within 20.
  private func trickle(_ socket: LoopbackSocket, _ piece: String) async throws -> Double? {
    let begun = ContinuousClock.now
    var buffer = [UInt8](repeating: 0, count: 10)
    while ContinuousClock.now - begun < .seconds(20) {
      if !piece.isEmpty, !send(piece, on: socket) { return (ContinuousClock.now - begun) / .seconds(1) }
      let count = recv(socket.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count == 0 || (count < 0 && errno != EAGAIN) { return (ContinuousClock.now - begun) / .seconds(1) }
      // The answer to what did not come to its end.
      if count > 0, !piece.isEmpty { return (ContinuousClock.now - begun) / .seconds(1) }
      try await Task.sleep(for: .milliseconds(100))
    }
    return nil
  }

  @Test func aRequestHasToBeHereInTime() async throws {
    try await runServer(isOpen: true) {
      $0.headTime = .seconds(2)
      $0.windowTime = .seconds(2)
    } _: { url, _ in
      let head = "POST \(url.path) HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
      for (begin, piece) in [("", "X"), (head, "X-A: b\r\n"), (head + "Content-Length: 999999\r\n\r\n", "abc")] {
        let socket = try #require(try hold(1, on: url, sending: begin).first)
        let seconds = try #require(try await trickle(socket, piece), "\(begin)")
        #expect((1.5..<6).contains(seconds), "\(begin)")
      }
    }
  }

  @Test func anUploadOfAnyLengthMayTakeItsTime() async throws {
    try await runServer {
      $0.headTime = .seconds(1)
      $0.bodyTime = .seconds(1)
      $0.windowTime = .seconds(1)
    } _: { url, folder in
      let file = folder.file("up")
      try Data(count: 800_000).write(to: file)
      let status = try await curl(
        "--digest", "-u", "a:a", "-F", "File=@\(file.path)", "-H", "Expect:", "--limit-rate", "150000", "-o",
        "/dev/null", "-w", "%{http_code}", url.absoluteString)
      #expect(status == "200")
    }
  }

  @Test func whoReadsNextToNothingOfAnAnswerLosesIt() async throws {
    try await runServer {
      $0.windowTime = .seconds(1)
      $0.bytesPerSecond = 5000
    } _: { url, folder in
      // More than the system keeps on its way.
      let file = folder.file("large")
      try Data(count: 64 << 20).write(to: file)
      let answer = try await curl(
        "--digest", "-u", "a:a", "-F", "File=@\(file.path)", "-H", "Expect:", url.absoluteString)
      let link = try #require(URL(string: try FileTransferInfo(parsing: Data(answer.utf8)).file.url))
      let socket = try #require(try hold(1, on: url, sending: "GET \(link.path) HTTP/1.1\r\n\r\n").first)
      // What was on its way is still there to be read; the end shows in the server's having closed.
      try await Task.sleep(for: .seconds(4))
      var received = 0
      var buffer = [UInt8](repeating: 0, count: 1 << 20)
      while true {
        let count = recv(socket.descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        received += count
      }
      #expect(received < 64 << 20)
      let whole = try await curl("-o", "/dev/null", "-w", "%{size_download}", link.absoluteString)
      #expect(whole == "\(64 << 20)")
    }
  }

  @Test func aUserHasNoMoreThanSoManyRequestsAtATime() async throws {
    try await runServer {
      $0.requestsPerUser = 3
    } _: { url, folder in
      let file = folder.file("slow")
      try Data(count: 600_000).write(to: file)
      func upload(_ user: String, _ more: String...) async throws -> String {
        try await CommandRun(
          URL(fileURLWithPath: "/usr/bin/curl"),
          [
            "-sS", "--noproxy", "*", "--max-time", "15", "--digest", "-u", "\(user):\(user)", "-F",
            "File=@\(file.path)", "-H", "Expect:", "-o", "/dev/null", "-w", "%{http_code}", url.absoluteString,
          ] + more, within: 20
        ).output
      }
      try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<3 { group.addTask { try await upload("a", "--limit-rate", "150000") } }
        try await Task.sleep(for: .seconds(1.5))
        #expect(try await upload("a") == "429")
        #expect(try await upload("b") == "200")
        for try await status in group { #expect(status == "200") }
      }
      #expect(try await upload("a") == "200")
    }
  }

  @Test func anAddressHasNoMoreThanSoManyConnections() async throws {
    try await runServer {
      $0.connectionsPerAddress = 3
      $0.connections = 6
    } _: { url, folder in
      let file = folder.file("slow")
      try Data(count: 600_000).write(to: file)
      func upload(_ address: String, _ more: String...) async throws -> String {
        try await CommandRun(
          URL(fileURLWithPath: "/usr/bin/curl"),
          [
            "-sS", "--noproxy", "*", "--max-time", "15", "--digest", "-u", "a:a", "-F", "File=@\(file.path)",
            "--interface", address, "-H", "Expect:", "-o", "/dev/null", "-w", "%{http_code}", url.absoluteString,
          ] + more, within: 20
        ).output
      }
      try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<3 { group.addTask { try await upload("127.0.0.1", "--limit-rate", "150000") } }
        try await Task.sleep(for: .seconds(1.5))
        #expect(try await upload("127.0.0.1") != "200")
        #expect(try await upload("127.0.0.2") == "200")
        for try await status in group { #expect(status == "200") }
      }
    }
  }
}
