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
    guard await !waitsForUser(invitation, uri) else {
      // What a device says that is away: the room's people learn nothing.
      await agent.reject(invitation, status: 480)
      return
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
      context.complain("an invitation could not be taken up: ", of: error, in: uri.description)
    }
  }

  /// Keeps the invitation of a stranger for the user, if it is to be kept. The focus names the people of the room, whoever
  /// made it first; the first one is taken for its maker.
  private func waitsForUser(_ invite: IncomingInvite, _ uri: SIPURI) async -> Bool {
    guard context.account.invitations == .ask else { return false }
    let people = ((try? ResourceList(parsing: invite.body))?.entries ?? []).map(\.addressOfRecord.description)
      .filter { $0 != context.account.address.description }
    let invitation = Invitation(
      room: uri.description, key: uri.conferenceKey, subject: String((invite.headers["Subject"] ?? "").prefix(300)),
      isEncrypted: invite.headers["End-To-End-Encrypted"]?.lowercased() == "true",
      isOneToOne: invite.headers["One-To-One-Chat-Room"]?.lowercased() == "true",
      people: Array(people.prefix(Invitation.maximumPeople)), time: Date(), isDeclined: false)
    let limit = Invitation.maximum
    // What cannot be looked up waits.
    if let isOpen = try? await isOpen(uri, people.first), isOpen { return false }
    let isNews = try? await context.store.database.write { db -> Bool in
      guard try Invitation.find(db, uri) == nil else { return false }
      try Invitation.makeRoom(db, for: limit)
      guard try Invitation.fetchCount(db) < limit else { return false }
      try invitation.insert(db)
      return true
    }
    if isNews == true { context.hub.send(.invitation(invitation)) }
    return true
  }

  /// Whether the room is one that this account is in, or made by a contact or somebody whom it has written with.
  private func isOpen(_ uri: SIPURI, _ maker: String?) async throws -> Bool {
    let isContact = maker.map { (try? context.store.contacts.read())?.name(of: $0) != nil } ?? false
    return try await context.store.database.read { db in
      if let room = try Room.find(db, uri), room.state != .left { return true }
      guard try Invitation.find(db, uri) == nil else { return false }
      return try isContact || maker.map { try Invitation.isKnown(db, $0) } ?? false
    }
  }

  /// Enters the room that a stranger made: as Linphone enters one it is a member of, by an INVITE of its own.
  /// - Returns: the room with its members.
  func accept(_ invitation: Invitation) async throws -> RoomSummary {
    guard let agent = ownDevice.agent, ownDevice.isConnected else { throw ChatError.notConnected }
    guard let uri = SIPURI(invitation.room) else { throw ChatError.badInput("\(invitation.room) is not a SIP address") }
    try origins.requireOurs(invitation.room)
    let what = "entering \(invitation.isOneToOne ? "the chat" : invitation.subject)"
    let dialog: SIPDialog
    do {
      guard case .established(let opened) = try await agent.invite(uri) else {
        throw ChatError.factoryDidNotRedirect(factory: invitation.room, status: 302)
      }
      dialog = opened
    } catch {
      if case SIPError.refused(let status, _) = error, RoomEnd(refusal: status) != nil { try await drop(invitation) }
      throw ChatError(from: error, during: what)
    }
    let account = context.account.address
    let room = try await context.store.database.write { db in
      let room = try RoomQueries.join(
        db, uri: uri, subject: invitation.subject, encrypted: invitation.isEncrypted, oneToOne: invitation.isOneToOne,
        now: Date())
      try RoomEvent.invited(db, to: room, account: account, isFirstContact: false, at: Date())
      // The user knows.
      _ = try RoomEvent.markRead(db, room: room.address)
      return room
    }
    try await drop(invitation)
    follower.opened(dialog.id, with: room.address, entity: SIPURI(room.address) ?? uri)
    try await follower.subscribe(to: room)
    try await follower.waitForState(of: room.address)
    // The server keeps what was written meanwhile until this device registers.
    _ = try? await agent.register()
    guard let summary = try await context.store.database.read({ try RoomQueries.summary($0, room.address) }) else {
      throw ChatError.noStateFromFocus(room: invitation.subject)
    }
    return summary
  }

  private func drop(_ invitation: Invitation) async throws {
    _ = try await context.store.database.write { try invitation.delete($0) }
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
