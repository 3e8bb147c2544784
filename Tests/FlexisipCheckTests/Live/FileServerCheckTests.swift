// FileServerCheckTests.swift: what is said of a file server, against one on Python's HTTP server
import ChatCore
import FlexisipCheck
import Foundation
import Logging
import MessageFormats
import TestSupport
import Testing

@Suite struct FileServers {
  private static func check(_ options: [String]) async throws -> Results {
    let server = try PeerProcess(TestPaths.package.appendingPathComponent("Tests/Peers/file-server"), options)
    defer { server.stop() }
    let url = try #require(try await server.event("ready", within: 60)["url"])
    let nobody = try LoopbackSocket.refusing()
    defer { withExtendedLifetime(nobody) {} }
    let account = AccountConfiguration(
      name: "alice", address: try #require(SIPURI("sip:alice@sip.example.org")), password: Password("alice"),
      outboundProxy: SIPURI("sip:127.0.0.1:\(nobody.port);transport=tcp"), fileServer: URL(string: url))
    let results = Results()
    _ = await LiveCheck(account: account, logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }) {
      results.add($0)
    }.run()
    return results
  }

  private static let steps: Set<CheckStep> = [.fileServer, .fileUpload, .fileDownload, .largeFile]

  @Test func aGoodOnePasses() async throws {
    let results = try await Self.check([])
    #expect(Set(results.list.filter { $0.outcome == .passed }.map(\.step)).isSuperset(of: Self.steps))
  }

  @Test(arguments: [
    ("--limit=2097152", CheckStep.largeFile, "post_max_size"), ("--chunked", .fileUpload, "chunks"),
    ("--bad-link", .fileDownload, "link"),
  ])
  func theCauseIsNamed(option: String, step: CheckStep, words: String) async throws {
    let failed = try await Self.check([option]).failed.filter { Self.steps.contains($0.step) }
    #expect(failed.first?.step == step)
    #expect(failed.first?.causes.first?.text.contains(words) == true, "\(failed)")
  }
}
