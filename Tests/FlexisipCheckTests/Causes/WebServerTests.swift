// WebServerTests.swift: what nginx in front of the key server and the file server does to them, and what is said of it
import ChatCore
import DigestAuth
import FlexisipCheck
import Foundation
import KeyServer
import Lab
import Logging
import MessageFormats
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: NginxServer.isHere, "nginx is not installed"))
struct WebServersInFront {
  private static let domain = "sip.example.org"

  private static func results(keyServer: String? = nil, fileServer: String? = nil) async throws -> Results {
    let nobody = try LoopbackSocket.refusing()
    defer { withExtendedLifetime(nobody) {} }
    let account = AccountConfiguration(
      name: "alice", address: SIPURI(user: "alice", host: domain), password: Password("alice"),
      outboundProxy: SIPURI("sip:127.0.0.1:\(nobody.port);transport=tcp"),
      keyServer: keyServer.flatMap { URL(string: $0) }, fileServer: fileServer.flatMap { URL(string: $0) })
    let results = Results()
    _ = await LiveCheck(account: account, logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }) {
      results.add($0)
    }.run()
    return results
  }

  /// - Parameter server: of nginx; BACKEND stands for the key server's address.
  private static func behindNginx(
    _ server: String, files: [String: String] = [:], authenticates: Bool = true
  ) async throws -> (failed: CheckResult?, seen: [CheckStep: String]) {
    var configuration = KeyServerConfiguration()
    if authenticates {
      configuration.authentication = .init(realm: domain, users: ["alice": DigestSecret.password("alice")])
    }
    let backend = try KeyServer(configuration: configuration)
    let port = try await backend.start()
    let nginx = try await NginxServer(
      server.replacing("BACKEND", with: "http://127.0.0.1:\(port)"), files: files)
    let results = try await results(keyServer: nginx.url)
    nginx.stop()
    await backend.stop()
    let steps: Set = [CheckStep.keyServer, .keyServerDigest, .keyServerAccount]
    return (
      results.failed.first { steps.contains($0.step) },
      Dictionary(results.list.map { ($0.step, $0.seen) }, uniquingKeysWith: { first, _ in first })
    )
  }

  @Test func aGoodOnePassesAndItsAlgorithmsAreListed() async throws {
    let (failed, seen) = try await Self.behindNginx("location / { proxy_pass BACKEND; }")
    #expect(failed == nil, "\(String(describing: failed))")
    #expect(seen[.keyServerAccount]?.contains("accepted, c25519, serves c448 too") == true, "\(seen)")
  }

  @Test(arguments: [
    (
      "location / { proxy_pass BACKEND; proxy_set_header From \"\"; proxy_set_header X-Lime-user-identity \"\"; }",
      CheckStep.keyServerAccount, "takes From and X-Lime-user-identity out"
    ),
    ("return 301 https://lime.example.org$request_uri;", .keyServer, "https://lime.example.org/"),
    ("return 308 /lime/;", .keyServer, "/lime/"),
    ("location / { try_files /index.html =404; error_page 405 =200 /index.html; }", .keyServer, "Welcome to chat"),
    ("location / { deny all; }", .keyServer, "forbids"),
    ("location / { return 404; }", .keyServer, "nothing at"),
    ("location / { proxy_pass http://127.0.0.1:1; }", .keyServer, "reaches no program behind it"),
    ("default_type text/plain; return 200 '<?php echo 1;';", .keyServer, "PHP script instead"),
  ])
  func whatIsInFrontIsNamedFirst(server: String, step: CheckStep, words: String) async throws {
    let page = "<html><head><title>Welcome to chat</title></head></html>"
    let (failed, _) = try await Self.behindNginx(server, files: ["index.html": page])
    #expect(failed?.step == step, "\(String(describing: failed))")
    #expect(failed?.causes.first?.text.contains(words) == true, "\(String(describing: failed))")
  }

  /// Clients that name the device in From only, or in the newer header only, are told apart.
  @Test func oneHeaderIsEnoughForTheKeyServer() async throws {
    let (failed, _) = try await Self.behindNginx("location / { proxy_pass BACKEND; proxy_set_header From \"\"; }")
    #expect(failed == nil, "\(String(describing: failed))")
  }

  @Test(arguments: [
    ("location / { proxy_pass BACKEND; }", "client_max_body_size"),
    (
      """
      client_max_body_size 9m;
      location / { if ($content_length ~ .......) { return 413 'too large'; } proxy_pass BACKEND; }
      """,
      "post_max_size"
    ),
  ])
  func tooLargeAFileIsTheWebServersOrTheScripts(server: String, words: String) async throws {
    var files = FileServer.Configuration()
    files.authentication = FileServer.Authentication(
      realm: Self.domain, algorithms: [.md5], secret: { $0 == "alice" ? .password("alice") : nil })
    let backend = FileServer(files)
    let url = try await backend.start()
    let origin = "http://127.0.0.1:\(url.port ?? 0)"
    let nginx = try await NginxServer(server.replacing("BACKEND", with: origin))
    let results = try await Self.results(fileServer: nginx.url + "hft")
    nginx.stop()
    await backend.stop()
    let failed = try #require(results.failed.first { $0.step != .reachability })
    #expect(failed.step == .largeFile, "\(failed)")
    #expect(failed.causes.first?.text.contains(words) == true, "\(failed)")
  }
}
