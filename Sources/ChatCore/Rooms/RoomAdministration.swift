// RoomAdministration.swift: changing a room one is in: members, roles, name, and leaving it (RFC 4579 §5).
import Foundation
import GRDB
import MessageFormats
import SIPAgent

/// What became of a change of who is in a room.
public enum MembershipChange: String, Codable, Sendable {
  case done
  /// It was so before.
  case already
  /// The focus took it, and the room's state does not show it.
  case notSeen = "not-seen"
  case refused
}

@ChatActor final class RoomAdministration {
  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let follower: RoomFollower
  private let resumption: RoomResumption
  private let expiry: Expiry

  init(
    _ context: ChatContext, _ ownDevice: OwnDevice, _ follower: RoomFollower, _ resumption: RoomResumption,
    _ expiry: Expiry
  ) {
    (self.context, self.ownDevice, self.follower) = (context, ownDevice, follower)
    (self.resumption, self.expiry) = (resumption, expiry)
  }

  func invite(_ address: SIPURI, to room: String) async throws -> MembershipChange {
    try await follower.doing(.adding(address.addressOfRecord.description), in: room) {
      try await refer(room, address, [], what: "inviting \(address)") { $0.member(address) != nil }
    }
  }

  func remove(_ address: SIPURI, from room: String) async throws -> MembershipChange {
    let target = address.with(parameter: "method", "BYE")
    return try await follower.doing(.removing(address.addressOfRecord.description), in: room) {
      try await refer(room, target, [], what: "removing \(address)") { $0.member(address) == nil }
    }
  }

  func makeAdmin(_ address: SIPURI, in room: String, _ isAdmin: Bool = true) async throws {
    let role = Parameter("admin", isAdmin ? "true" : "false")
    try await follower.doing(.changingRole(address.addressOfRecord.description), in: room) {
      _ = try await refer(room, address, [role], what: "changing the role of \(address)") {
        $0.member(address)?.isAdmin == isAdmin
      }
    }
  }

  /// Renames the room: a re-INVITE with another Subject, in a dialog that is made first when a restart ended it, ours
  /// or the server's.
  func rename(_ room: String, to subject: String) async throws {
    guard let agent = ownDevice.agent else { throw ChatError.notConnected }
    try RoomEntry.requireName(subject)
    let known = try await context.store.database.read { try Room.find($0, room) }
    let headers = [SIPHeader("Subject", subject), SIPHeader("Require", "recipient-list-invite")]
    try await follower.doing(.renaming(subject), in: room) {
      try await update(
        room, headers + Self.lifetimeHeaders(known?.lifetime ?? 0, unread: known?.unreadLifetime), agent,
        what: "renaming the room")
      // The focus answers 200 to everyone, but takes the name only from an administrator.
      guard await stateCame(room, where: { $0.room.subject == subject }) else {
        throw ChatError.notDone(
          what: "renaming the room", why: "it kept its name, which only an administrator may change")
      }
    }
  }

  /// Has the messages of all members delete themselves so long after being read, 0 not at all (liblinphone's mode
  /// "admin-managed"): a re-INVITE with the name that the room has and the new time.
  func setLifetime(_ room: String, to seconds: Int) async throws {
    guard let agent = ownDevice.agent else { throw ChatError.notConnected }
    guard seconds == 0 || Ephemeral.sensible(seconds) != nil else {
      throw ChatError.badInput(
        "messages live between 1 and \(Ephemeral.longest) seconds after being read, or 0: they stay")
    }
    await resumption.waitUntilResumed(room)
    guard let known = try await context.store.database.read({ try RoomQueries.summary($0, room) }) else {
      throw ChatError.unknownRoom(room, known: [])
    }
    let what = "setting how long messages of the room live"
    guard known.member(context.account.address)?.isAdmin == true else {
      throw ChatError.notDone(what: what, why: "only an administrator may change it")
    }
    guard known.room.lifetime != seconds || known.room.unreadLifetime != nil else { return }
    let headers = [SIPHeader("Subject", known.room.subject), SIPHeader("Require", "recipient-list-invite")]
    try await follower.doing(.changingLifetime, in: room) {
      try await update(room, headers + Self.lifetimeHeaders(seconds), agent, what: what)
      // The focus answers 200 also where it changes nothing.
      guard await stateCame(room, where: { $0.room.lifetime == seconds && $0.room.unreadLifetime == nil }) else {
        throw ChatError.notDone(
          what: what,
          why: """
            nothing changed: the room must have been made with a lifetime ('limeade room create --ephemeral'), and \
            Flexisip has such rooms from 2.5 on
            """)
      }
    }
  }

  /// A re-INVITE without them ends, for good, that administrators decide for all; where they never did they do nothing.
  private static func lifetimeHeaders(_ seconds: Int, unread: Int? = nil) -> [SIPHeader] {
    [
      SIPHeader("Ephemeral-Life-Time", String(seconds)), SIPHeader("Ephemeral-Not-Read-Life-Time", String(unread ?? 0)),
    ]
  }

  private func update(_ room: String, _ headers: [SIPHeader], _ agent: SIPAgent, what: String) async throws {
    do {
      let response = try await inDialog(with: room) { try await agent.reinvite($0, headers: headers) }
      guard response.isSuccess else {
        throw ChatError.refused(what: what, status: response.status, reason: response.reason)
      }
    } catch { throw ChatError(from: error, during: what) }
  }

  private func refer(
    _ room: String, _ target: SIPURI, _ parameters: [Parameter], what: String, until isSo: (RoomSummary) -> Bool
  ) async throws -> MembershipChange {
    guard let agent = ownDevice.agent else { throw ChatError.notConnected }
    guard let uri = SIPURI(room) else { throw ChatError.badInput("'\(room)' is not a room address") }
    // The change comes over the subscription.
    await resumption.waitUntilResumed(room)
    let wasSo = try await context.store.database.read { try RoomQueries.summary($0, room) }.map(isSo) ?? false
    do {
      let referTo = NameAddress(target, parameters: [Parameter("text")] + parameters)
      let response = try await agent.refer(to: uri, referTo: referTo)
      guard response.isSuccess else {
        // A focus refuses to remove who is not there.
        if wasSo { return .already }
        throw ChatError.refused(what: what, status: response.status, reason: response.reason)
      }
    } catch { throw ChatError(from: error, during: what) }
    // The change itself comes as a NOTIFY; none comes of somebody invited who has no device.
    return await stateCame(room, where: isSo) ? (wasSo ? .already : .done) : .notSeen
  }

  /// Waits a moment for the focus to report the room as it should be now.
  private func stateCame(_ room: String, where isSo: (RoomSummary) -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < deadline {
      let now = try? await context.store.database.read { try RoomQueries.summary($0, room) }
      if let now = now ?? nil, isSo(now) { return true }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  /// Does something in the dialog with the room's focus, and in a new one when that does not stand any more.
  private func inDialog<Value>(with room: String, _ request: (DialogID) async throws -> Value) async throws -> Value {
    do { return try await request(try await dialog(with: room)) } catch SIPError.noSuchDialog {
      follower.closedDialog(with: room)
      return try await request(try await dialog(with: room))
    }
  }

  /// The dialog with the room's focus. After a restart there is none, so it is made by an INVITE without body.
  private func dialog(with room: String) async throws -> DialogID {
    guard let agent = ownDevice.agent else { throw ChatError.notConnected }
    await resumption.waitUntilResumed(room)
    if let dialog = follower.dialog(with: room) { return dialog }
    guard let uri = SIPURI(room) else { throw ChatError.badInput("'\(room)' is not a room address") }
    guard case .established(let dialog) = try await agent.invite(uri) else {
      throw ChatError.factoryDidNotRedirect(factory: room, status: 302)
    }
    follower.opened(dialog.id, withKnown: room)
    return dialog.id
  }

  // MARK: Leaving

  /// Leaves the room: un-SUBSCRIBE and BYE. After a restart, ours or the server's, there is no dialog to end, so one is
  /// made first.
  func leave(_ address: String) async throws {
    try await follower.doing(.leaving, in: address) { try await end(address) }
  }

  private func end(_ address: String) async throws {
    guard let agent = ownDevice.agent else { throw ChatError.notConnected }
    await resumption.waitUntilResumed(address)
    await follower.unsubscribe(from: address)
    do {
      try await inDialog(with: address) { try await agent.bye($0) }
    } catch SIPError.noSuchDialog {
      // Not known although it was made just now: over.
    } catch SIPError.refused(let status, _) where RoomEnd(refusal: status) != nil {
      // The focus no longer counts us as a member: that is what was wanted.
    } catch { throw ChatError(from: error, during: "leaving the room") }
    follower.closedDialog(with: address)
    try await follower.markLeft(address, .leaving)
  }

  /// Removes a room with its messages from this device. The focus is told, if it listens, for at most `limit`.
  func forget(_ address: String, within limit: Duration = .seconds(5)) async throws {
    if ownDevice.agent != nil, ownDevice.isConnected {
      let leaving = Task { try? await self.leave(address) }
      await withTimeout(limit) { await leaving.value }
      leaving.cancel()
    }
    follower.forget(address)
    try await context.store.forget(room: address)
    expiry.forgetOnDisk()
  }
}

extension RoomSummary {
  /// Those of `addresses` that are no members.
  public func missing(of addresses: [String]) -> [String] {
    addresses.filter { address in SIPURI(address).flatMap(member) == nil }
  }

  /// What to say of somebody who was invited and is no member.
  public func whyMissing(_ address: String) -> String {
    "\(address) is not in the room: it has no registered device that can take part"
      + (room.isEncrypted ? " (capabilities groupchat and lime)" : " (capability groupchat)")
  }

  fileprivate func member(_ address: SIPURI) -> Participant? {
    participants.first { $0.address == address.addressOfRecord.description }
  }
}
