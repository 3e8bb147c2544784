// LighttpdTests.swift: uploads and downloads at a web server made by others, with its errors and its Range
import Foundation
import HTTPClient
import TestSupport
import Testing

@testable import FileTransfer

@Suite struct LighttpdTests {
  /// A file transfer script as a shell can do it: keeps the request, answers with an address of this server.
  private static let script = """
    #!/bin/sh
    if [ "$CONTENT_LENGTH" = 0 ]; then printf 'Status: 204\\r\\n\\r\\n'; exit; fi
    cat > FOLDER/request
    printf '%s' "$CONTENT_TYPE" > FOLDER/type
    printf 'Content-Type: text/xml\\r\\n\\r\\n<?xml version="1.0"?>'
    printf '<file xmlns="urn:gsma:params:xml:ns:rcs:rcs:fthttp"><file-info type="file"><file-size>1</file-size>'
    printf '<file-name>x</file-name><content-type>a/b</content-type>'
    printf '<data url="http://%s/x.bin" until="2099-01-01T00:00:00Z"/></file-info></file>' "$HTTP_HOST"
    """
  private static let cgi = """
    server.modules = ("mod_cgi", "mod_redirect")
    cgi.assign = (".sh" => "/bin/sh")
    url.redirect = ("^/moved" => "/big.bin", "^/away" => "http://192.0.2.1/big.bin", "^/round" => "/round")

    """

  private func client(
    _ server: Lighttpd, _ script: String = "/hft.sh", account: FileServerClient.Account? = nil, anyHost: Bool = false
  ) throws -> FileServerClient {
    let url = try #require(URL(string: "http://127.0.0.1:\(server.port)\(script)"))
    return FileServerClient(
      url: url, sender: "sip:alice@sip.example.org;gr=1", account: account, caFile: nil,
      policy: DownloadPolicy(fileServer: url, allowsAnyHost: anyHost))
  }

  private func withServer(
    _ settings: String = LighttpdTests.cgi, files: [String: Data] = [:], _ body: (Lighttpd) async throws -> Void
  ) async throws {
    try await Lighttpd.run(settings, files: files) { server in
      for (name, text) in [("hft.sh", Self.script)] {
        try Data(text.replacingOccurrences(of: "FOLDER", with: server.folder.path).utf8)
          .write(to: server.documents.appendingPathComponent(name))
      }
      try await body(server)
    }
  }

  private func outgoing(_ server: Lighttpd, _ data: Data, encrypted: Bool) async throws -> OutgoingFile {
    try data.write(to: server.folder.appendingPathComponent("my plan.txt"))
    return try await OutgoingFile.prepare(
      server.folder.appendingPathComponent("my plan.txt").path, copy: server.folder.appendingPathComponent("copy").path,
      encrypted: encrypted)
  }

  @Test(arguments: [true, false])
  func `an upload is a form with the file, and hides name and type if it is encrypted`(encrypted: Bool) async throws {
    try await withServer { server in
      let copy = server.folder.appendingPathComponent("copy")
      let file = try await outgoing(server, Data("the plan\r\n--x".utf8), encrypted: encrypted)
      let offer = try await client(server).upload(file, copy: copy.path)
      #expect(offer.url == "http://127.0.0.1:\(server.port)/x.bin")
      #expect(offer.name == "my plan.txt" && offer.size == 13 && offer.contentType == "text/plain")
      #expect(offer.key == file.key?.data && offer.authTag == file.tag)
      #expect(offer.until != nil)

      let type = try String(contentsOf: server.folder.appendingPathComponent("type"), encoding: .utf8)
      let boundary = try #require(type.components(separatedBy: "boundary=").last)
      let name = encrypted ? "filename.txt" : "my plan.txt"
      let head = """
        --\(boundary)\r\nContent-Disposition: form-data; name="File"; filename="\(name)"\r
        Content-Type: \(encrypted ? "application/octet-stream" : "text/plain")\r\n\r\n
        """
      let body = try Data(head.utf8) + Data(contentsOf: copy) + Data("\r\n--\(boundary)--\r\n".utf8)
      #expect(try Data(contentsOf: server.folder.appendingPathComponent("request")) == body)
    }
  }

  @Test func `the password is asked for by digest, and a wrong one is told`() async throws {
    let settings =
      Self.cgi.replacing("\"mod_cgi\"", with: "\"mod_auth\", \"mod_authn_file\", \"mod_cgi\"") + """
        auth.backend = "plain"
        auth.backend.plain.userfile = "FOLDER/users"
        auth.require = ("/hft.sh" => ("method" => "digest", "realm" => "sip.example.org", "require" => "valid-user"))
        """
    try await withServer(settings, files: ["users": Data("alice:secret\n".utf8)]) { server in
      let copy = server.folder.appendingPathComponent("copy").path
      let file = try await outgoing(server, Data("x".utf8), encrypted: true)
      let account = FileServerClient.Account(username: "alice", realm: "sip.example.org", password: "secret")
      let offer = try await client(server, account: account).upload(file, copy: copy)
      #expect(offer.url.hasSuffix("/x.bin"))
      for (user, realm) in [("mallory", "sip.example.org"), ("alice", "another.example.org")] {
        let client = try client(server, account: .init(username: user, realm: realm, password: "secret"))
        let error = await #expect(throws: FileTransferError.self) { try await client.upload(file, copy: copy) }
        #expect(error?.exitCode == 77)
      }
    }
  }

  @Test(arguments: [
    ("413", 65), ("415", 76), ("403", 76), ("404", 76), ("507", 76), ("503", 76), ("400", 76),
  ])
  func `a refusal of an upload is explained`(status: String, code: Int) async throws {
    try await withServer { server in
      let script = """
        if [ "$CONTENT_LENGTH" = 0 ]; then printf 'Status: 204\\r\\n\\r\\n'; exit; fi
        cat > /dev/null; printf 'Status: \(status)\\r\\nContent-Length: 0\\r\\n\\r\\n'
        """
      try Data(script.utf8).write(to: server.documents.appendingPathComponent("no.sh"))
      let copy = server.folder.appendingPathComponent("copy").path
      let file = try await outgoing(server, Data("x".utf8), encrypted: false)
      let error = await #expect(throws: FileTransferError.self) {
        try await client(server, "/no.sh").upload(file, copy: copy)
      }
      #expect(error?.description.contains(status) == true)
      #expect(error?.isTransient == (status == "503"))
    }
  }

  @Test func `an answer without an address is told as such`() async throws {
    try await withServer { server in
      try Data("printf 'Content-Type: text/html\\r\\n\\r\\n<html>hello</html>'".utf8)
        .write(to: server.documents.appendingPathComponent("page.sh"))
      let copy = server.folder.appendingPathComponent("copy").path
      let file = try await outgoing(server, Data("x".utf8), encrypted: false)
      let error = await #expect(throws: FileTransferError.self) {
        try await client(server, "/page.sh").upload(file, copy: copy)
      }
      #expect(error?.description.contains("file-server") == true)
    }
  }

  // MARK: Downloads

  private static let size = 1_000_000
  private static let big = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 5) })

  private func download(
    _ client: FileServerClient, _ server: Lighttpd, _ name: String, size: Int? = LighttpdTests.size,
    limit: Int = 10_000_000, until: Date? = nil, progress: (@Sendable (Int, Int?) -> Void)? = nil
  ) async throws {
    try await client.download(
      "http://127.0.0.1:\(server.port)/\(name)", name: name, size: size, until: until, part: part(server), limit: limit,
      progress: progress)
  }

  private func part(_ server: Lighttpd) -> String { server.folder.appendingPathComponent("part").path }

  private func withFile(_ settings: String = LighttpdTests.cgi, _ body: (Lighttpd) async throws -> Void) async throws {
    try await withServer(settings) { server in
      try Self.big.write(to: server.documents.appendingPathComponent("big.bin"))
      try await body(server)
    }
  }

  @Test func `what a cancelled download has is kept, and only the rest is fetched`() async throws {
    let settings =
      Self.cgi.replacing("\"mod_cgi\"", with: "\"mod_cgi\", \"mod_accesslog\"") + """
        connection.kbytes-per-second = 400
        accesslog.filename = "FOLDER/access"
        accesslog.format = "%s %{Range}i %b"

        """
    try await withFile(settings) { server in
      let client = try client(server)
      let (begun, signal) = AsyncStream.makeStream(of: Void.self)
      let (url, path) = ("http://127.0.0.1:\(server.port)/big.bin", part(server))
      let first = Task {
        try await client.download(url, name: "big.bin", size: Self.size, until: nil, part: path, limit: Self.size) {
          done, _ in if done > 0 { signal.yield() }
        }
      }
      for await _ in begun { break }
      first.cancel()
      await #expect(throws: CancellationError.self) { try await first.value }
      let kept = try Data(contentsOf: URL(fileURLWithPath: part(server)))
      #expect(kept.count > 0 && kept.count < Self.size)
      #expect(kept == Self.big.prefix(kept.count))

      try await download(client, server, "big.bin")
      #expect(try Data(contentsOf: URL(fileURLWithPath: part(server))) == Self.big)
      server.stop()
      let log = try String(contentsOf: server.folder.appendingPathComponent("access"), encoding: .utf8)
      #expect(log.contains("206 bytes=\(kept.count)- \(Self.size - kept.count)"), "\(log)")
    }
  }

  @Test func `a file that is another by now is fetched from its beginning`() async throws {
    try await withFile { server in
      try Data(repeating: 1, count: 1000).write(to: URL(fileURLWithPath: part(server)))
      try Data("\"other\"".utf8).write(to: URL(fileURLWithPath: part(server) + ".validator"))
      try await download(client(server), server, "big.bin")
      #expect(try Data(contentsOf: URL(fileURLWithPath: part(server))) == Self.big)
    }
  }

  @Test func `a part that is complete is not fetched, and a longer one is thrown away`() async throws {
    try await withFile { server in
      try Self.big.write(to: URL(fileURLWithPath: part(server)))
      try await download(client(server), server, "absent")
      try (Self.big + Data([1])).write(to: URL(fileURLWithPath: part(server)))
      try await download(client(server), server, "big.bin")
      #expect(try Data(contentsOf: URL(fileURLWithPath: part(server))) == Self.big)
      // Without an announced size the server has to say that nothing is missing.
      try await download(client(server), server, "big.bin", size: nil)
      #expect(try Data(contentsOf: URL(fileURLWithPath: part(server))) == Self.big)
    }
  }

  @Test func `more than was announced or allowed is refused before it is fetched`() async throws {
    try await withFile { server in
      let client = try client(server)
      await #expect(throws: FileTransferError.otherSize(name: "big.bin", announced: 999_999, found: 1_000_000)) {
        try await download(client, server, "big.bin", size: 999_999)
      }
      await #expect(throws: FileTransferError.tooLarge(name: "big.bin", size: nil, limit: 999_999)) {
        try await download(client, server, "big.bin", size: nil, limit: 999_999)
      }
      await #expect(throws: FileTransferError.tooLarge(name: "big.bin", size: 1_000_000, limit: 999_999)) {
        try await download(client, server, "big.bin", limit: 999_999)
      }
      #expect(!FileManager.default.fileExists(atPath: part(server)))
    }
  }

  @Test func `a file that is gone is explained with its date`() async throws {
    try await withFile { server in
      let until = Date(timeIntervalSince1970: 1_700_000_000)
      let error = await #expect(throws: FileTransferError.self) {
        try await download(client(server), server, "absent", until: until)
      }
      #expect(error == .gone(name: "absent", until: until))
      #expect(error?.description.contains("expired on 2023-11-14") == true)
    }
  }

  @Test func `redirects are followed to known hosts only, and not for ever`() async throws {
    try await withFile { server in
      let client = try client(server)
      try await download(client, server, "moved")
      #expect(try Data(contentsOf: URL(fileURLWithPath: part(server))) == Self.big)
      try FileManager.default.removeItem(atPath: part(server))
      await #expect(throws: FileTransferError.otherHost("192.0.2.1", known: ["127.0.0.1:\(server.port)"])) {
        try await download(client, server, "away")
      }
      await #expect(throws: FileTransferError.self) { try await download(client, server, "round") }
    }
  }

  @Test func `a server that is busy for a moment is asked again`() async throws {
    try await withServer { server in
      let script = """
        if [ ! -e FOLDER/asked ]; then : > FOLDER/asked; printf 'Status: 503\\r\\n\\r\\n'; exit; fi
        printf 'Content-Type: a/b\\r\\n\\r\\nhere'
        """
      try Data(script.replacing("FOLDER", with: server.folder.path).utf8)
        .write(to: server.documents.appendingPathComponent("busy.sh"))
      try await download(client(server), server, "busy.sh", size: 4)
      #expect(try Data(contentsOf: URL(fileURLWithPath: part(server))) == Data("here".utf8))
    }
  }

  @Test func `only known hosts are asked, and https does not become http`() throws {
    let server = try #require(URL(string: "https://files.example.org/hft.php"))
    let policy = DownloadPolicy(fileServer: server, hosts: ["Other.example.org"])
    for url in ["https://files.example.org/a", "https://FILES.example.org:443/a", "https://other.example.org/"] {
      #expect(policy.allows(url))
    }
    for url in [
      "https://files.example.org:8443/a", "https://files.example.org:80/a", "https://other.example.org:444/",
      "http://files.example.org/a", "https://evil.example.org/a", "https://files.example.org@evil.example.org/",
      "ftp://files.example.org/a", "file:///etc/passwd", "https://files.example.org.evil.example.org/", "",
    ] { #expect(!policy.allows(url), "\(url)") }
    #expect(DownloadPolicy(fileServer: server, allowsAnyHost: true).allows("https://evil.example.org/a"))
    #expect(!DownloadPolicy(fileServer: server, allowsAnyHost: true).allows("http://evil.example.org/a"))
    #expect(DownloadPolicy(fileServer: URL(string: "http://files.example.org/")).allows("http://files.example.org/a"))
  }

  @Test func `another port of a known host is another server`() throws {
    let policy = DownloadPolicy(
      fileServer: URL(string: "http://files.example.org:8080/hft"),
      hosts: ["a.example.org:9000", "b.example.org", "::1", "[2001:db8::1]:81", "c.example.org:443"])
    for url in [
      "http://files.example.org:8080/x", "https://a.example.org:9000/", "http://b.example.org/",
      "https://b.example.org/",
      "http://[::1]/", "http://[2001:DB8::1]:81/", "https://c.example.org/",
    ] { #expect(policy.allows(url), "\(url)") }
    for url in [
      "http://files.example.org/x", "https://files.example.org/x", "http://files.example.org:8081/",
      "http://a.example.org/", "http://b.example.org:8080/", "http://b.example.org:443/", "https://b.example.org:80/",
      "http://[::1]:8080/", "http://[2001:db8::1]/", "http://c.example.org/",
    ] { #expect(!policy.allows(url), "\(url)") }
    for host in ["files.example.org", "a:1", "[::1]:8443", "::1", "192.0.2.1", "A.Example.org:443"] {
      #expect(DownloadPolicy.isHost(host), "\(host)")
    }
    for text in ["", "https://a/", "a/b", "a b", "a:x", "a:0x50", "a@b", "a:70000"] {
      #expect(!DownloadPolicy.isHost(text), "\(text)")
    }
  }

  @Test func `a redirect to another port is refused, and no password goes there`() async throws {
    try await withServer { server in
      let other = try LoopbackSocket.listening()
      let script = "printf 'Status: 302\\r\\nLocation: http://127.0.0.1:\(other.port)/x\\r\\n\\r\\n'\n"
      try Data(script.utf8).write(to: server.documents.appendingPathComponent("other.sh"))
      let known = ["127.0.0.1:\(server.port)"]
      await #expect(throws: FileTransferError.otherHost("127.0.0.1:\(other.port)", known: known)) {
        try await download(client(server), server, "other.sh", size: 4)
      }
      var waiting = pollfd(fd: other.descriptor, events: Int16(POLLIN), revents: 0)
      #expect(poll(&waiting, 1, 0) == 0)
    }
  }
}
