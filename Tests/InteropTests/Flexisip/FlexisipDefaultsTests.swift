// FlexisipDefaultsTests.swift: what a real Flexisip prints as its default configuration, read with the table of keys
import ChatCore
import FlexisipCheck
import Foundation
import MessageFormats
import TestSupport
import Testing

@Suite struct DefaultsOfARealFlexisip {
  private static func expectNone(_ setup: FlexisipSetup) {
    let found = ConfCheck.findingsOfReading(setup)
    #expect(found.isEmpty, "\(found.map(\.headline))")
  }

  @Test(.enabled(if: FlexisipServer.isHere)) func thoseOfFlexisipHaveNoFinding() async throws {
    let program = try #require(FlexisipServer.program)
    var setup = FlexisipSetup(FlexisipConf(path: "flexisip.conf", text: try await FlexisipOutput.defaults(of: program)))
    setup.assign(version: try await FlexisipOutput.version(of: program))
    Self.expectNone(setup)
  }

  @Test(.enabled(if: FlexisipServer.isHere)) func theServerSaysWhichVersionItIs() async throws {
    let server = try await FlexisipServer()
    try await server.start()
    defer { server.stop() }
    let account = AccountConfiguration(
      name: "alice", address: SIPURI(user: "alice", host: ChatService.domain), password: Password("alice"),
      outboundProxy: SIPURI(server.proxy), conferenceFactory: server.factory, keyServer: nil, caFile: server.caFile)
    let version = try await FlexisipOutput.version(of: try #require(FlexisipServer.program))
    #expect(await FlexisipVersion.ofServer(of: account, timeout: 5) == version)
  }

  @Test(.enabled(if: FlexisipServer.conferenceProgram != nil)) func thoseOfFlexisipConferenceHaveNone() async throws {
    let program = try #require(FlexisipServer.conferenceProgram)
    let conf = FlexisipConf(path: "flexisip-conference.conf", text: try await FlexisipOutput.defaults(of: program))
    var setup = FlexisipSetup(files: [], conference: conf)
    setup.assign(version: nil, conferenceVersion: try await FlexisipOutput.version(of: program))
    Self.expectNone(setup)
  }
}
