// DialogTests.swift: INVITE dialogs without media through Kamailio
import Foundation
import MessageFormats
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(1)))
struct DialogTests {
  private let list = Data(
    """
    <?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>\
    <entry uri="sip:bob@\(Kamailio.domain)"/></list></resource-lists>
    """.utf8)
  private let headers = [
    SIPHeader("Subject", "Team"), SIPHeader("Require", "recipient-list-invite"),
    SIPHeader("Content-Disposition", "recipient-list"), SIPHeader("End-To-End-Encrypted", "true"),
  ]

  private func invite(_ client: Client, _ target: SIPURI) async throws -> InviteResult {
    try await client.agent.invite(
      target, headers: headers, contentType: "application/resource-lists+xml", body: list)
  }

  @Test func aRedirectionIsHandedToTheCaller() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice"], server: server.port) { clients in
      let factory = SIPURI(user: "conference-factory", host: Kamailio.domain)
      guard case .moved(let room) = try await invite(clients[0], factory) else {
        Issue.record("not redirected")
        return
      }
      #expect(room.uri.description == "sip:chatroom-1@\(Kamailio.domain);gr=abc")
      #expect(room.parameters.has(parameter: "isfocus"))
    }
    // The challenged one and the authenticated one: the agent does not follow by itself.
    #expect(server.finalCount("INVITE", user: "conference-factory") == 2)
    #expect(server.finalCount("INVITE", user: "chatroom-1") == 0)
  }

  @Test func aRoomIsJoinedRenamedAndLeft() async throws {
    let server = try await Kamailio(.both)
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port) { clients in
      let aliceGRUU = try #require(await clients[0].agent.registration?.gruu)
      let bobGRUU = try #require(await clients[1].agent.registration?.gruu)
      async let result = invite(clients[0], bobGRUU)
      let invitation = try await clients[1].nextInvitation()
      #expect(invitation.headers["subject"] == "Team")
      #expect(invitation.headers["End-To-End-Encrypted"] == "true")
      #expect(invitation.body == list)
      #expect(invitation.contact?.uri == aliceGRUU)
      #expect(invitation.contact?.parameters.has(parameter: "text") == true)
      #expect(
        invitation.contact?.parameters[parameter: "+org.linphone.specs"] == "groupchat/1.1,lime,ephemeral/1.1")
      try await clients[1].agent.accept(invitation)
      guard case .established(let dialog) = try await result else {
        Issue.record("no dialog")
        return
      }
      #expect(dialog.contact?.uri == bobGRUU)
      async let renamed = clients[0].agent.reinvite(dialog.id, headers: [SIPHeader("Subject", "Crew")])
      let again = try await clients[1].next {
        if case .reinvitation(let invite) = $0 { invite } else { nil as IncomingInvite? }
      }
      #expect(again.headers["Subject"] == "Crew")
      #expect(again.dialog == invitation.dialog)
      #expect(again.contact?.uri == aliceGRUU)
      #expect(try await renamed.status == 200)
      try await clients[0].agent.bye(dialog.id)
      #expect(try await clients[1].nextDialogEnd() == invitation.dialog)
      await #expect(throws: SIPError.noSuchDialog) { try await clients[0].agent.bye(dialog.id) }
    }
  }

  /// As a focus that was restarted.
  @Test func aDialogThatThePeerHasForgottenIsOverWithoutAnEvent() async throws {
    let server = try await Kamailio(.both)
    defer { server.stop() }
    try await withClients(["alice"], server: server.port) { clients in
      let instance = "urn:uuid:\(UUID().uuidString.lowercased())"
      func bob() async throws -> Client {
        let bob = try Client("bob", server: server.port) { $0.instanceID = instance }
        try await bob.agent.register()
        return bob
      }
      let before = try await bob()
      let gruu = try #require(await before.agent.registration?.gruu)
      var dialogs: [SIPDialog] = []
      for _ in 0..<2 {
        async let result = invite(clients[0], gruu)
        try await before.agent.accept(try await before.nextInvitation())
        guard case .established(let dialog) = try await result else {
          Issue.record("no dialog")
          return
        }
        dialogs.append(dialog)
      }
      await before.agent.shutdown()
      let after = try await bob()
      await #expect(throws: SIPError.noSuchDialog) { try await clients[0].agent.reinvite(dialogs[0].id) }
      await #expect(throws: SIPError.noSuchDialog) { try await clients[0].agent.reinvite(dialogs[0].id) }
      await #expect(throws: SIPError.noSuchDialog) { try await clients[0].agent.bye(dialogs[1].id) }
      // Nothing was told of either: the next is the end of a third dialog.
      async let result = invite(clients[0], gruu)
      let invitation = try await after.nextInvitation()
      try await after.agent.accept(invitation)
      guard case .established(let third) = try await result else {
        Issue.record("no dialog")
        return
      }
      try await after.agent.bye(invitation.dialog)
      #expect(try await clients[0].nextDialogEnd() == third.id)
      await after.agent.shutdown()
    }
  }

  @Test func aRejectedInviteIsRefused() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port) { clients in
      async let result = invite(clients[0], clients[1].address)
      let invitation = try await clients[1].nextInvitation()
      await clients[1].agent.reject(invitation, status: 603)
      do {
        _ = try await result
        Issue.record("accepted")
      } catch {
        guard case SIPError.refused(status: 603, _) = error else { throw error }
      }
    }
  }

  @Test func shutdownSendsNoBYE() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob", "carol"], server: server.port) { clients in
      for (inviter, invited) in [(clients[0], clients[1]), (clients[2], clients[0])] {
        async let result = invite(inviter, invited.address)
        let invitation = try await invited.nextInvitation()
        try await invited.agent.accept(invitation)
        _ = try await result
      }
      // Alice has one dialog that she opened and one that she accepted.
      await clients[0].agent.shutdown()
      let response = try await clients[1].agent.message(
        to: clients[0].address, contentType: "text/plain", body: Data())
      #expect(response.status == 480, "alice is un-registered")
    }
    // Bob and Carol have dialogs of their own when they shut down.
    for user in ["alice", "bob", "carol"] { #expect(server.finalCount("BYE", user: user) == 0) }
  }

  @Test func shutdownReturnsSoonWhenTheServerIsGone() async throws {
    let server = try await Kamailio()
    let alice = try Client("alice", server: server.port)
    try await alice.agent.register()
    server.stop()
    let clock = ContinuousClock()
    let start = clock.now
    await alice.agent.shutdown()
    #expect(start.duration(to: clock.now) < .seconds(6))
  }
}
