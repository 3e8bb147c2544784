// RoomEntry.swift: making rooms and entering them, asked by us or by their focus (RFC 4579; protocol/chat.md).
import Foundation
import GRDB
import MessageFormats
import SIPAgent

@ChatActor final class RoomEntry {
  /// Rooms that nobody here has written into: more invitations are declined until some are left or forgotten.
  nonisolated static let maximumUnansweredRooms = 2000

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let keyServer: KeyServerExchange
  private let factory: ConferenceFactory
  private let origins: RoomOrigins
  private let follower: RoomFollower
  private let resumption: RoomResumption
  /// Handles messages that waited for their room's invitation.
  private let takeAgain: @ChatActor ([IncomingMessage]) -> Void

  init(
    _ context: ChatContext, _ ownDevice: OwnDevice, _ keyServer: KeyServerExchange, _ factory: ConferenceFactory,
    _ origins: RoomOrigins, _ follower: RoomFollower, _ resumption: RoomResumption,
    takeAgain: @escaping @ChatActor ([IncomingMessage]) -> Void
  ) {
    (self.context, self.ownDevice, self.keyServer) = (context, ownDevice, keyServer)
    (self.factory, self.origins, self.follower) = (factory, origins, follower)
    self.resumption = resumption
    self.takeAgain = takeAgain
  }

  // MARK: Making

  /// Makes a room through the conference factory and waits for its first state.
  /// - Returns: the room with its members.
  func createRoom(
    named subject: String, members: [SIPURI], encrypted: Bool = true, oneToOne: Bool = false, lifetime: Int? = nil
  ) async throws -> RoomSummary {
    guard ownDevice.agent != nil else { throw ChatError.notConnected }
    if encrypted, !keyServer.isThere { throw ChatError.noKeyServer }
    let others = members.filter { $0.addressOfRecord != context.account.address }
    guard !others.isEmpty else { throw ChatError.badInput("a room needs at least one other member") }
    try Self.requireName(subject)
    if let lifetime, Ephemeral.sensible(lifetime) == nil {
      throw ChatError.badInput("messages live between 1 and \(Ephemeral.longest) seconds after being read")
    }

    let request = FactoryRequest(
      subject: subject, members: others, isEncrypted: encrypted, isOneToOne: oneToOne, lifetime: lifetime)
    // The factory answers 302 with the room's address; the room then wants an INVITE of its own (new Call-ID and To),
    // else Flexisip makes another room each time.
    return try await enter(try await factory.ask(request), request)
  }

  /// Enters the room that the factory named, inviting the request's members, and waits for its first state.
  ///
  /// The room is stored first: if this program is killed before the answer, it is taken up, or forgotten if the focus
  /// does not know it, at the next start.
  func enter(_ named: SIPURI, _ request: FactoryRequest) async throws -> RoomSummary {
    let account = context.account.address
    let room = try await context.store.database.write { db in
      var room = try RoomQueries.join(
        db, uri: named, subject: request.subject, encrypted: request.isEncrypted, oneToOne: request.isOneToOne,
        now: Date())
      if request.isOneToOne {
        (room.isOneToOne, room.isConfirmed) = (true, true)
        try room.update(db)
      } else if room.version == 0 {
        var event = RoomEvent(
          .made, room: room.address, account: account, time: Date().wholeSeconds, by: account.description)
        try event.record(db)
      }
      return room
    }
    guard let address = SIPURI(room.address) else { throw ChatError.badInput("\(room.address) is not a SIP address") }
    do {
      guard case .established(let dialog) = try await factory.invite(address, request) else {
        throw ChatError.factoryDidNotRedirect(factory: address.description, status: 302)
      }
      follower.opened(dialog.id, with: room.address, entity: address)
    } catch {
      // After a refusal there is no room. When no answer came there may be one.
      if let error = error as? ChatError, error.isRefusal { try await follower.dropUnentered(room.address) }
      throw error
    }
    try await follower.subscribe(to: room)
    try await follower.waitForState(of: room.address)
    guard let summary = try await context.store.database.read({ try RoomQueries.summary($0, room.address) }) else {
      throw ChatError.noStateFromFocus(room: request.subject)
    }
    return summary
  }

  /// A room without a name could not be told from others in a list, nor be opened by it.
  nonisolated static func requireName(_ name: String) throws(ChatError) {
    guard name.contains(where: { !$0.isWhitespace }) else { throw .badInput("a room needs a name") }
  }

  // MARK: Being invited

  func invited(_ invitation: IncomingInvite) async {
    guard let agent = ownDevice.agent else { return }
    guard invitation.contact?.has(parameter: "isfocus") == true else {
      // Only rooms call us: this is a chat client.
      await agent.reject(invitation, status: 488)
      return
    }
    let uri = invitation.from.uri
    guard await origins.isFocus(uri, invitation.headers) else {
      await agent.reject(invitation, status: 403)
      return origins.reportStranger(uri, "an invitation")
    }
    guard await mayEnter(uri) else {
      await agent.reject(invitation, status: 480)
      return
    }
    let isEncrypted = invitation.headers["End-To-End-Encrypted"]?.lowercased() == "true"
    let isOneToOne = invitation.headers["One-To-One-Chat-Room"]?.lowercased() == "true"
    let (account, isFirstContact) = (context.account.address, ownDevice.isFirstContact)
    do {
      let room = try await context.store.database.write { db in
        let known = try Room.find(db, uri)
        let room = try RoomQueries.join(
          db, uri: uri, subject: invitation.headers["Subject"] ?? "", encrypted: isEncrypted, oneToOne: isOneToOne,
          now: Date())
        // A message may have made it known before; a dialog that is made anew is no news.
        let isNews =
          switch known?.state {
          case nil, .left: true
          case .joining: try RoomEvent.countAll(db, room: room.address) == 0
          case .active: false
          }
        if isNews {
          try RoomEvent.invited(
            db, to: room, account: account, isFirstContact: isFirstContact && known == nil, at: Date())
        }
        return room
      }
      resumption.drop(room.address)
      try await agent.accept(invitation)
      let entity = SIPURI(room.address) ?? uri
      follower.opened(invitation.dialog, with: room.address, entity: entity)
      // They come behind the invitation, which they overtook.
      let overtaking = origins.takeWaiting(uri.conferenceKey)
      if !overtaking.isEmpty { takeAgain(overtaking) }
      try await follower.subscribe(to: room)
    } catch {
      context.hub.send(
        .error(room: uri.description, text: "an invitation could not be taken up: \(context.describe(error))"))
    }
  }

  /// Somebody who makes rooms and invites us to them cannot fill the list without end.
  private func mayEnter(_ uri: SIPURI) async -> Bool {
    let limit = Self.maximumUnansweredRooms
    let isOpen = try? await context.store.database.read { db in
      try Room.find(db, uri) != nil || RoomQueries.countUnanswered(db) < limit
    }
    if isOpen == true { return true }
    context.hub.send(
      .security(
        room: nil, device: nil,
        text: """
          an invitation was declined: there are \(limit) rooms in which this account has not written. Leave some with \
          'limeade room leave' or 'limeade room forget'
          """))
    return false
  }
}
