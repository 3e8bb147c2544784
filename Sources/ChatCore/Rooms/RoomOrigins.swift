// RoomOrigins.swift: who may invite this account and write to it: the conference servers of its factory.
import Foundation
import GRDB
import MessageFormats
import SIPAgent

/// What is known of those who want to open rooms here.
@ChatActor final class RoomOrigins {
  /// Messages of rooms without encryption that overtook their room's invitation, at most, and their bytes.
  private static let maximumWaiting = 64
  private static let maximumWaitingBytes = 1 << 20
  /// Strangers of whom the user was told, at most; of later ones nothing is said.
  private static let maximumReported = 100
  /// Spellings of rooms' addresses that are remembered.
  private static let maximumAddresses = 10_000
  /// How long a message may wait for the invitation to its room.
  private static let overtakingTimeout: Duration = .seconds(5)
  /// Seconds between two questions to the factory that strangers cause.
  private static let askInterval: TimeInterval = 600

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let factory: ConferenceFactory
  /// When the factory was asked for its focus because of a stranger.
  private var asked: Date?
  /// Addresses of record, and devices with their room, each said once.
  private var reported: Set<String> = []
  /// Under the room's `conferenceKey`.
  private var waiting = HeldMessages(maximumCount: maximumWaiting, maximumSize: maximumWaitingBytes)
  /// The stored address of rooms, by the From of their messages.
  private var addresses: [String: String] = [:]

  init(_ context: ChatContext, _ ownDevice: OwnDevice, _ factory: ConferenceFactory) {
    (self.context, self.ownDevice, self.factory) = (context, ownDevice, factory)
  }

  /// Whether the sender of a request is one of our conference servers.
  func isFocus(_ room: SIPURI, _ headers: [SIPHeader]) async -> Bool {
    guard !Self.hasOtherIdentity(room, headers) else { return false }
    switch factory.focuses.verdict(on: room) {
    case .ours: return true
    case .foreign: return false
    case .unproven:
      if let asked, Date().timeIntervalSince(asked) < Self.askInterval { return false }
      asked = Date()
      // The answer names the focus; the room it is for is not entered.
      _ = try? await factory.ask(
        FactoryRequest(subject: "limeade", members: [context.account.address], isEncrypted: true))
      return factory.focuses.verdict(on: room) == .ours
    }
  }

  /// Whether the request says that somebody else sends it (RFC 3325 §9.2). Flexisip up to 2.3.4, and 2.4.0 and 2.4.1,
  /// authenticates whoever P-Preferred-Identity names and leaves any From as it is.
  private nonisolated static func hasOtherIdentity(_ room: SIPURI, _ headers: [SIPHeader]) -> Bool {
    headers.contains { header in
      guard header.name.equalsIgnoringCase("P-Preferred-Identity") else { return false }
      return NameAddress(header.value)?.uri.addressOfRecord != room.addressOfRecord
    }
  }

  /// The address under which the room is stored, in whichever spelling it is asked for.
  func storedAddress(of room: SIPURI) async throws -> String? {
    let text = room.description
    if let known = addresses[text] { return known }
    let found = try await context.store.database.read { try Room.find($0, room)?.address }
    if addresses.count > Self.maximumAddresses { addresses = [:] }
    addresses[text] = found
    return found
  }

  /// After a room was removed.
  func forgetAddresses() { addresses = [:] }

  /// A MESSAGE under the stored address of its room, or nil when it was refused or waits for the room's invitation.
  func fromItsRoom(_ message: IncomingMessage) async -> IncomingMessage? {
    guard let agent = ownDevice.agent else { return message }
    let room = message.from.uri
    do {
      if let address = try await storedAddress(of: room), factory.focuses.verdict(on: room) != .foreign,
        !Self.hasOtherIdentity(room, message.headers)
      {
        guard address != room.description, let uri = SIPURI(address) else { return message }
        var message = message
        message.from.uri = uri
        return message
      }
      guard await isFocus(room, message.headers) else {
        await agent.respond(to: message.id, status: 403)
        reportStranger(room, "a message")
        return nil
      }
      // What is encrypted makes its room known; a room without encryption is made by its invitation only, or whoever
      // can put a message in front of that would decide what the room is.
      guard context.account.invitations == .ask else {
        if LimeEnvelope.matches(contentType: message.contentType) { return message }
        return await wait(message, for: room)
      }
      // Nor does a message open a room that the user is to be asked about; the server keeps it until then.
      if let invitation = try await context.store.database.read({ try Invitation.find($0, room) }) {
        await agent.respond(to: message.id, status: invitation.isDeclined ? 403 : 503)
        return nil
      }
    } catch { return message }
    return await wait(message, for: room)
  }

  private func wait(_ message: IncomingMessage, for room: SIPURI) async -> IncomingMessage? {
    await hold(message, in: room.conferenceKey)
    return nil
  }

  private func hold(_ message: IncomingMessage, in key: String) async {
    let entry = HeldMessages.Entry(message: message, deadline: .now + Self.overtakingTimeout)
    guard waiting.add(entry, room: key) else {
      await ownDevice.agent?.respond(to: message.id, status: 503)
      return
    }
    Task { [weak self] in
      try? await Task.sleep(until: entry.deadline)
      await self?.refuseOverdue()
    }
  }

  private func refuseOverdue() async {
    for late in waiting.takeOverdue(at: .now) { await ownDevice.agent?.respond(to: late.message.id, status: 503) }
  }

  /// What waited for the room to be known.
  func takeWaiting(_ key: String) -> [IncomingMessage] { waiting.take(room: key).map(\.message) }

  /// Says, once for each, that somebody who is no conference server of ours wanted to open a room.
  func reportStranger(_ uri: SIPURI, _ what: String) {
    let address = uri.addressOfRecord.description
    guard reported.count < Self.maximumReported, reported.insert(address).inserted else {
      return
    }
    context.logger.warning(
      "refused \(what) of \(uri): it is no conference server of \(context.account.conferenceFactory)")
    context.hub.send(
      .security(
        room: nil, device: uri.gruu == nil ? nil : uri.description,
        text: """
          \(what) from \(address) was refused: it is not the conference server of this account. If it is one of yours, \
          add its domain to conference-domains
          """))
  }

  /// A conference server that gives somebody a device at another address is in error, or wants to read along.
  func reportForeignDevice(_ device: SIPURI, of user: SIPURI, in room: String) {
    let key = "\(room) \(device.deviceKey)"
    guard reported.count < Self.maximumReported, reported.insert(key).inserted else {
      return
    }
    context.hub.send(
      .security(
        room: room, device: device.description,
        text: """
          the conference server says that \(device) is a device of \(user), whose address it does not have: an attack, \
          or a fault of the server. Nothing is encrypted to it and nothing from it counts
          """))
  }

  /// - Throws: `ChatError.foreignRoom` for a room that is not of one of our conference servers: nothing is sent to it.
  func requireOurs(_ address: String) throws {
    guard let uri = SIPURI(address), factory.focuses.verdict(on: uri) == .foreign else { return }
    throw ChatError.foreignRoom(address)
  }
}
