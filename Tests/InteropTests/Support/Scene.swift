// Scene.swift: alice and bob on limeade and carol on Linphone, registered at one service.
import ChatCore
import Foundation
import MessageFormats
import TestSupport
import Testing

struct Scene {
  let service: ChatService
  let alice: ChatAccount
  let bob: ChatAccount
  let carol: LinphoneClient

  /// Runs `body` with all three ready, and ends everything after it.
  /// - Parameter curve: carol's; nil for that of all.
  static func play(
    _ kind: ServiceKind, curve: String? = nil, _ body: (Scene) async throws -> Void
  ) async throws {
    let scene = try await Scene(kind, curve)
    do {
      try await scene.ready()
      try await body(scene)
    } catch {
      await scene.end()
      throw error
    }
    await scene.end()
  }

  private init(_ kind: ServiceKind, _ curve: String?) async throws {
    let service = try await ChatService(kind)
    func account(_ user: String) throws -> ChatAccount {
      try ChatAccount(
        user: user, domain: ChatService.domain, proxy: #require(SIPURI(service.proxy)),
        factory: #require(SIPURI(service.factory)), keyServer: service.keyServer, fileServer: service.fileServer,
        caFile: service.caFile)
    }
    self.service = service
    alice = try account("alice")
    bob = try account("bob")
    carol = try LinphoneClient(
      user: "carol", domain: ChatService.domain, proxy: service.proxy, factory: service.factory,
      keyServer: service.keyServer.absoluteString, fileServer: service.fileServer?.absoluteString,
      caFile: service.caFile, curve: curve)
  }

  private func ready() async throws {
    try await alice.start()
    try await bob.start()
    try await carol.waitUntilReady()
  }

  private func end() async {
    carol.process.stop()
    await alice.stop()
    await bob.stop()
    await service.stop()
  }

  func address(_ user: String) -> SIPURI { SIPURI(user: user, host: ChatService.domain) }
  func aor(_ user: String) -> String { "sip:\(user)@\(ChatService.domain)" }

  /// Ends the test case where carol's Linphone and limeade cannot read each other: before 5.3 it leaves the room's
  /// `conf-id` out of what LIME authenticates.
  func passOverUnreadable(_ room: RoomSummary) async throws {
    guard room.room.isEncrypted, SIPURI(room.room.address)?.has(parameter: "conf-id") == true else { return }
    let version = try #require(try await carol.process.event("version")["version"])
    guard version.compare("5.3", options: .numeric) == .orderedAscending else { return }
    try Test.cancel("Linphone \(version) and others cannot read each other in rooms with conf-id")
  }

  /// A room made by alice with bob and carol; waits until all are in.
  func room(
    named name: String, encrypted: Bool = true
  ) async throws -> (room: RoomSummary, atBob: RoomSummary, atCarol: String) {
    let room = try await alice.client.createRoom(
      named: name, members: [address("bob"), address("carol")], encrypted: encrypted)
    #expect(room.room.isEncrypted == encrypted)
    try await passOverUnreadable(room)
    let atBob = try await bob.room(named: name)
    #expect(atBob.room.isEncrypted == encrypted)
    let joined = try await carol.process.event("joined")
    try await alice.members(of: room.room.address, are: ["alice", "bob", "carol"].map(aor))
    return (room, atBob, try #require(joined["room"]))
  }
}
