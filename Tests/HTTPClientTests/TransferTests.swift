// TransferTests.swift: bodies, limits, time and failures of transfers
import Foundation
import TestSupport
import Testing

@testable import HTTPClient

@Suite struct TransferTests {
  private static let echo = """
    #!/bin/sh
    printf 'Content-Type: application/octet-stream\\r\\nX-Method: %s\\r\\nX-From: %s\\r\\nX-Type: %s\\r\\n\\r\\n' \
    "$REQUEST_METHOD" "$HTTP_FROM" "$CONTENT_TYPE"
    cat
    """
  private static let settings = """
    server.modules = ("mod_cgi", "mod_redirect")
    cgi.assign = (".sh" => "/bin/sh")
    url.redirect = ("^/moved" => "/a.txt")
    """

  private func withServer(_ body: (Lighttpd, String) async throws -> Void) async throws {
    try await Lighttpd.run(Self.settings) { server in
      try Data(Self.echo.utf8).write(to: server.documents.appendingPathComponent("echo.sh"))
      try Data(repeating: 7, count: 5000).write(to: server.documents.appendingPathComponent("a.txt"))
      try await body(server, "http://127.0.0.1:\(server.port)")
    }
  }

  @Test func `method, headers and binary body arrive unchanged`() async throws {
    try await withServer { _, base in
      let body = Data((0...255).map { UInt8($0) })
      let response = try await HTTPClient().send(
        .post(
          body, to: base + "/echo.sh", contentType: "x3dh/octet-stream",
          headers: [HTTPField("From", "sip:alice@sip.example.org;gr=urn:uuid:a")]))
      #expect(response.status == 200)
      #expect(response.body == body)
      #expect(response[header: "x-method"] == "POST")
      #expect(response[header: "X-From"] == "sip:alice@sip.example.org;gr=urn:uuid:a")
      #expect(response[header: "X-Type"] == "x3dh/octet-stream")
    }
  }

  @Test(arguments: ["POST", "PUT", "GET"])
  func `a request without body is sent with its method`(method: String) async throws {
    try await withServer { _, base in
      let response = try await HTTPClient().send(HTTPRequest(url: base + "/echo.sh", method: method))
      #expect(response.status == 200)
      #expect(response[header: "X-Method"] == method)
      #expect(response.body.isEmpty)
    }
  }

  @Test func `HEAD returns headers and no body`() async throws {
    try await withServer { _, base in
      let response = try await HTTPClient().send(HTTPRequest(url: base + "/a.txt", method: "HEAD"))
      #expect(response.status == 200)
      #expect(response[header: "Content-Length"] == "5000")
      #expect(response.body.isEmpty)
    }
  }

  @Test func `a file is sent between two pieces and progress reaches its end`() async throws {
    try await withServer { server, base in
      let content = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 3) })
      let file = server.folder.appendingPathComponent("upload")
      try content.write(to: file)
      let seen = ProgressLog()
      let response = try await HTTPClient().send(
        HTTPRequest(
          url: base + "/echo.sh", method: "POST",
          body: .file(path: file.path, prefix: Data("<<".utf8), suffix: Data(">>".utf8)), progress: seen.note))
      #expect(response.body == Data("<<".utf8) + content + Data(">>".utf8))
      #expect(seen.last?.sent == content.count + 4)
      #expect(seen.last?.toSend == content.count + 4)
    }
  }

  @Test func `a missing file is named before anything is sent`() async throws {
    let error = await #expect(throws: HTTPClientError.self) {
      try await HTTPClient().send(
        HTTPRequest(url: "http://127.0.0.1:9/", method: "POST", body: .file(path: "/nonexistent/file")))
    }
    guard case .file("/nonexistent/file", _) = error else {
      Issue.record("unexpected error \(String(describing: error))")
      return
    }
  }

  @Test func `a download goes to a private file, an error page does not`() async throws {
    try await withServer { server, base in
      let path = server.folder.appendingPathComponent("download").path
      let missing = try await HTTPClient().send(
        HTTPRequest(url: base + "/missing", download: HTTPDownload(path: path, limit: 10_000)))
      #expect(missing.status == 404)
      #expect(!missing.body.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: path))

      let found = try await HTTPClient(bodyLimit: 10).send(
        HTTPRequest(url: base + "/a.txt", download: HTTPDownload(path: path, limit: 5000)))
      #expect(found.status == 200)
      #expect(found.body.isEmpty)
      #expect(FileManager.default.contents(atPath: path) == Data(repeating: 7, count: 5000))
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }
  }

  @Test func `a download beyond its limit ends and leaves no file`() async throws {
    try await withServer { server, base in
      let path = server.folder.appendingPathComponent("download").path
      await #expect(throws: HTTPClientError.bodyTooLarge(host: "127.0.0.1", limit: 4999)) {
        try await HTTPClient().send(
          HTTPRequest(url: base + "/a.txt", download: HTTPDownload(path: path, limit: 4999)))
      }
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }

  @Test func `a download overwrites nothing`() async throws {
    try await withServer { server, base in
      let file = server.folder.appendingPathComponent("precious")
      try Data("precious".utf8).write(to: file)
      let error = await #expect(throws: HTTPClientError.self) {
        try await HTTPClient().send(
          HTTPRequest(url: base + "/a.txt", download: HTTPDownload(path: file.path, limit: 10_000)))
      }
      guard case .file(file.path, _) = error else {
        Issue.record("unexpected error \(String(describing: error))")
        return
      }
      #expect(try Data(contentsOf: file) == Data("precious".utf8))
    }
  }

  @Test func `an answer larger than the limit is refused, one of just that size is not`() async throws {
    try await withServer { _, base in
      let response = try await HTTPClient(bodyLimit: 5000).send(HTTPRequest(url: base + "/a.txt"))
      #expect(response.body.count == 5000)
      await #expect(throws: HTTPClientError.bodyTooLarge(host: "127.0.0.1", limit: 4999)) {
        try await HTTPClient(bodyLimit: 4999).send(HTTPRequest(url: base + "/a.txt"))
      }
    }
  }

  @Test func `a redirect is returned and not followed`() async throws {
    try await withServer { _, base in
      let response = try await HTTPClient().send(HTTPRequest(url: base + "/moved"))
      #expect(response.status == 301)
      #expect(response[header: "Location"]?.hasSuffix("/a.txt") == true)
    }
  }

  @Test func `a refused connection is named`() async throws {
    let port = try LoopbackSocket.freePort()
    let error = await #expect(throws: HTTPClientError.self) {
      try await HTTPClient().send(HTTPRequest(url: "http://127.0.0.1:\(port)/"))
    }
    guard case .cannotConnect("127.0.0.1", let reason) = error else {
      Issue.record("unexpected error \(String(describing: error))")
      return
    }
    #expect(reason.contains("\(port)"))
  }

  @Test func `a host that cannot be found is named`() async throws {
    // A label of more than 63 bytes fails in the resolver of this machine: no name server is asked.
    let host = String(repeating: "a", count: 64) + ".invalid"
    await #expect(throws: HTTPClientError.cannotResolve(host: host)) {
      try await HTTPClient().send(HTTPRequest(url: "http://\(host)/"))
    }
  }

  @Test func `a server that never answers runs into the timeout`() async throws {
    let socket = try LoopbackSocket.listening()
    let error = await #expect(throws: HTTPClientError.self) {
      try await HTTPClient(timeout: 0.3).send(HTTPRequest(url: "http://127.0.0.1:\(socket.port)/"))
    }
    withExtendedLifetime(socket) {}
    guard case .timedOut("127.0.0.1", _) = error else {
      Issue.record("unexpected error \(String(describing: error))")
      return
    }
  }

  @Test func `cancelling the task ends a transfer long before its timeout`() async throws {
    let socket = try LoopbackSocket.listening()
    let url = "http://127.0.0.1:\(socket.port)/"
    let (started, signal) = AsyncStream<Void>.makeStream()
    let task = Task {
      try await HTTPClient(timeout: 600).send(
        HTTPRequest(url: url, method: "POST", body: .data(Data([1])), progress: { _ in signal.yield() }))
    }
    for await _ in started { break }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    withExtendedLifetime(socket) {}
  }

  @Test(arguments: [
    "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://", "", "http://user:pass@127.0.0.1/",

    "http://127.0.0.1 /", "http://127.0.0.1:99999/", "http://127.0.0.1/\r\nX: y",
  ])
  func `an address that is not plain http or https is refused`(url: String) async {
    let error = await #expect(throws: HTTPClientError.self) {
      try await HTTPClient().send(HTTPRequest(url: url))
    }
    guard case .invalidURL = error else {
      Issue.record("unexpected error \(String(describing: error))")
      return
    }
  }

  @Test func `an address without end is refused`() async {
    await #expect(throws: HTTPClientError.self) {
      try await HTTPClient().send(HTTPRequest(url: "http://127.0.0.1:9/" + String(repeating: "a", count: 9000)))
    }
  }

  @Test(arguments: [
    HTTPField("From", "a\r\nX: y"), HTTPField("Fro m", "a"), HTTPField("", "a"), HTTPField("From:", "a"),
    HTTPField("From", "a\0b"),
  ])
  func `a header that would change the request is refused`(field: HTTPField) async {
    await #expect(throws: HTTPClientError.invalidHeader(field.name)) {
      try await HTTPClient().send(HTTPRequest(url: "http://127.0.0.1:9/", headers: [field]))
    }
  }
}

/// Sendable because the value is touched only under the lock.
private final class ProgressLog: @unchecked Sendable {
  private let lock = NSLock()
  private var value: HTTPProgress?

  var last: HTTPProgress? { lock.withLock { value } }
  @Sendable func note(_ progress: HTTPProgress) { lock.withLock { value = progress } }
}
