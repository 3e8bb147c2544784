// LabServerTests.swift: the lab's file server, asked by curl and by our client
import DigestAuth
import FileTransfer
import Foundation
import Lab
import MessageFormats
import TestSupport
import Testing

@Suite struct LabServerTests {
  /// The server's clock, which tests move.
  ///
  /// `@unchecked Sendable`: `offset` is only touched under `lock`.
  private final class Clock: @unchecked Sendable {
    private let lock = NSLock()
    private var offset: TimeInterval = 0
    var now: Date { lock.withLock { Date() + offset } }
    func advance(_ seconds: TimeInterval) { lock.withLock { offset += seconds } }
  }

  private struct Running {
    let url: URL
    let folder: TemporaryFolder
    let clock: Clock

    /// Status of a request that curl makes; its body goes to the file `out`.
    func status(_ arguments: String...) async throws -> String {
      let run = try await CommandRun(
        URL(fileURLWithPath: "/usr/bin/curl"),
        ["-sS", "--noproxy", "*", "-o", folder.file("out").path, "-w", "%{http_code}"] + arguments, within: 60)
      return run.output
    }

    var out: Data { get throws { try Data(contentsOf: folder.file("out")) } }

    func offer() throws -> FileTransferInfo.File { try FileTransferInfo(parsing: out).file }
  }

  private func run(
    _ change: (inout FileServer.Configuration) -> Void = { _ in }, _ body: (Running) async throws -> Void
  ) async throws {
    var configuration = FileServer.Configuration()
    change(&configuration)
    let clock = Clock()
    let server = FileServer(configuration, now: { clock.now })
    let running = Running(url: try await server.start(), folder: try TemporaryFolder(), clock: clock)
    do { try await body(running) } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  private static let content = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 13 >> 4) })

  @Test func `curl uploads a form and fetches the file, all of it and parts`() async throws {
    try await run { server in
      let url = server.url.absoluteString
      try Self.content.write(to: server.folder.file("in.bin"))
      let form = "File=@\(server.folder.file("in.bin").path);type=image/png;filename=a.png"
      #expect(try await server.status("-F", "other=x", "-F", form, server.url.absoluteString) == "200")
      let offer = try server.offer()
      #expect(offer.size == 300_000 && offer.name == "a.png" && offer.contentType == "image/png")
      #expect(try await server.status(offer.url) == "200")
      #expect(try server.out == Self.content)
      for (range, expected) in [
        ("1000-", Self.content.dropFirst(1000)), ("0-0", Self.content.prefix(1)), ("-5", Self.content.suffix(5)),
        ("299999-400000", Self.content.suffix(1)),
      ] {
        #expect(try await server.status("-r", range, offer.url) == "206")
        #expect(try server.out == Data(expected))
      }
      #expect(try await server.status("-r", "300000-", offer.url) == "416")
      #expect(try await server.status("-r", "5-", "-H", "If-Range: \"other\"", offer.url) == "200")
      #expect(try await server.status("-X", "DELETE", offer.url) == "405")
      #expect(try await server.status("-d", "x=1", server.url.absoluteString) == "400")
      #expect(try await server.status("-F", "other=x", server.url.absoluteString) == "400")
      #expect(try await server.status("-H", "Transfer-Encoding: chunked", "-F", form, url) == "200")
      #expect(try server.offer().size == 300_000)
    }
  }

  @Test func `limits of size and type, and links that expire`() async throws {
    try await run { configuration in
      configuration.sizeLimit = 1000
      configuration.types = ["application/octet-stream"]
      configuration.lifetime = 3600
    } _: { server in
      let url = server.url.absoluteString
      for (size, type, status) in [
        (1000, "application/octet-stream", "200"), (1001, "application/octet-stream", "413"),
        (200_000, "application/octet-stream", "413"), (10, "image/png", "415"),
      ] {
        try Self.content.prefix(size).write(to: server.folder.file("in"))
        let form = "File=@\(server.folder.file("in").path);type=\(type)"
        #expect(try await server.status("-F", form, url) == status)
        if status == "200" {
          let link = try server.offer().url
          #expect(try await server.status(link) == "200")
          server.clock.advance(3000)
          #expect(try await server.status(link) == "200")
          server.clock.advance(601)
          #expect(try await server.status(link) == "410")
        }
      }
      #expect(try await server.status(url.replacing("/hft", with: "/files/absent")) == "404")
      #expect(try await server.status(url.replacing("/hft", with: "/files/../../etc/passwd"), "--path-as-is") == "404")
    }
  }

  @Test func `uploads need the password by digest, for curl and for us`() async throws {
    try await run { configuration in
      configuration.authentication = .init(realm: "sip.example.org", secret: { $0 == "alice" ? .password("a") : nil })
    } _: { server in
      let url = server.url.absoluteString
      try Self.content.write(to: server.folder.file("in.bin"))
      let form = "File=@\(server.folder.file("in.bin").path)"
      #expect(try await server.status("-F", form, url) == "401")
      #expect(try await server.status("--digest", "-u", "alice:wrong", "-F", form, url) == "401")
      #expect(try await server.status("--digest", "-u", "alice:a", "-X", "POST", "-d", "", url) == "204")
      #expect(try await server.status("--digest", "-u", "alice:a", "-F", form, url) == "200")

      let client = FileServerClient(
        url: server.url, sender: "sip:alice@sip.example.org;gr=1",
        account: .init(username: "alice", realm: "sip.example.org", password: "a"), caFile: nil,
        policy: DownloadPolicy(fileServer: server.url))
      try await client.greet()
      let copy = server.folder.file("copy").path
      let file = try await OutgoingFile.prepare(server.folder.file("in.bin").path, copy: copy, encrypted: true)
      let offer = try await client.upload(file, copy: copy)
      let part = server.folder.file("part").path
      try await client.download(
        offer.url, name: "in.bin", size: offer.size, until: offer.until, part: part, limit: 1 << 20)
      let saved = try await IncomingFile(name: "in.bin", key: file.key, tag: file.tag, size: offer.size)
        .finish(part: part, in: server.folder.url.path)
      #expect(saved.hasSuffix("in (1).bin"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: saved)) == Self.content)
      #expect(try Data(contentsOf: URL(fileURLWithPath: part)) != Self.content)
    }
  }
}
