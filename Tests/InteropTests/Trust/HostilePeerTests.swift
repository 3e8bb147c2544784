// HostilePeerTests.swift: what the other tests attack with works where it does nothing wrong
import ChatCore
import Foundation
import HostilePeer
import Lab
import MessageFormats
import TestSupport
import Testing

extension HostilePeer {
  /// The keys of its device, published.
  nonisolated func limeDevice(at addresses: LabAddresses) async throws -> HostileDevice {
    guard let keyServer = addresses.keyServer else { throw TestFailure("the lab has no key server") }
    let lime = try HostileDevice(device, keyServer: keyServer, user: user)
    try await lime.publish()
    return lime
  }

  /// Encrypts and sends to a room, as a member does.
  @discardableResult
  nonisolated func send(
    _ cpim: CPIMMessage, as lime: HostileDevice, to devices: [String], room: String
  ) async throws -> WireMessage {
    let (contentType, body) = try await lime.envelope(cpim, to: devices, room: room).serialized
    return try await message(room, contentType: contentType, body)
  }
}

extension CPIMMessage {
  /// A text as clients send it, with a Message-ID.
  static func text(_ text: String, id: String = MessageID.make(), from: String, to room: String) -> CPIMMessage {
    var cpim = CPIMMessage(from: SIPURI(from), to: SIPURI(room), dateTime: Date(), body: Data(text.utf8))
    cpim.messageID = id
    cpim.dispositionNotification = .usual
    return cpim
  }
}

@Suite(.serialized) struct HostilePeers {
  @Test func anHonestPeerByHandIsAMemberLikeOthers() async throws {
    let lab = Lab(.example)
    let addresses = try await lab.start()
    let server = try HostileServer(to: addresses.sip)
    let carol = try HostilePeer("carol", sip: addresses.sip)
    let alice = try ChatAccount(
      user: "alice", domain: addresses.domain, proxy: #require(SIPURI(server.address)),
      factory: #require(SIPURI(addresses.factory)), keyServer: addresses.keyServer)
    try await carol.start()
    let lime = try await carol.limeDevice(at: addresses)
    try await alice.start()

    let room = try await alice.client.createRoom(
      named: "Honest", members: [SIPURI(user: "carol", host: addresses.domain)]
    ).room.address
    #expect(try await carol.invitation() == room)
    try await alice.stored(room, "both devices", within: 20) { $0.deviceCount == 2 }
    let device = try #require(await alice.client.device)
    let answer = try await carol.send(
      .text("by hand", from: carol.device, to: room), as: lime, to: [device], room: room)
    #expect(answer.status == 200)
    #expect(try await alice.message("by hand").senderDevice == carol.device)
    let sent = try await alice.client.send("and back", to: room)
    _ = try await alice.outcome(of: sent)
    let came = try await carol.received("MESSAGE") { $0["Priority"] == nil }
    #expect(try await lime.open(came, room: room).text == "and back")

    // What the server adds in the subscription is the room's state.
    let full = ConferenceInfo(
      entity: SIPURI(room)!, state: .full, version: 1000, subject: "Renamed",
      users: [
        .init(entity: SIPURI(alice.address)!, roles: ["admin"], endpoints: [.init(entity: SIPURI(device)!)]),
        .init(entity: SIPURI(carol.address)!, roles: [], endpoints: [.init(entity: SIPURI(carol.device)!)]),
      ])
    #expect(try await server.notify("alice", room: room, body: full.serialized).status == 200)
    try await alice.stored(room, "the new name", within: 20) { $0.room.subject == "Renamed" }
    await alice.stop()
    await carol.stop()
    server.stop()
    await lab.stop()
  }
}
