// ConferenceFactory.swift: what the conference factory is asked for, and the focuses that it names (RFC 4579 §5.4).
import Foundation
import GRDB
import MessageFormats
import SIPAgent

/// An INVITE to the factory, and the one to the room that it names (RFC 4579 §5.4, RFC 5366; protocol/chat.md).
struct FactoryRequest: Sendable {
  /// The name of a one-to-one room is not shown; Linphone sends this one.
  static let oneToOneSubject = "dummy subject"

  var subject: String
  var members: [SIPURI]
  var isEncrypted: Bool
  var isOneToOne = false
  /// Seconds that the administrators let messages live after being read; nil where each member decides for its own.
  var lifetime: Int?

  static func oneToOne(with member: SIPURI, isEncrypted: Bool) -> FactoryRequest {
    FactoryRequest(subject: oneToOneSubject, members: [member], isEncrypted: isEncrypted, isOneToOne: true)
  }

  /// Addresses of record: with a `gr`, or a host in capitals, Flexisip takes a pair for another one.
  var body: Data { ResourceList(members.map(\.addressOfRecord)).serialized }

  var headers: [SIPHeader] {
    var headers = [
      SIPHeader("Subject", subject), SIPHeader("Require", "recipient-list-invite"),
      SIPHeader("Content-Disposition", "recipient-list"),
    ]
    if isEncrypted { headers.append(SIPHeader("End-To-End-Encrypted", "true")) }
    if isOneToOne { headers.append(SIPHeader("One-To-One-Chat-Room", "true")) }
    if let lifetime {
      headers += [
        SIPHeader("Ephemerable", "true"), SIPHeader("Ephemeral-Life-Time", String(lifetime)),
        SIPHeader("Ephemeral-Not-Read-Life-Time", "0"),
      ]
    }
    return headers
  }
}

/// Knows which conference servers are the account's: those of its factory.
@ChatActor final class ConferenceFactory {
  private let context: ChatContext
  private let ownDevice: OwnDevice
  private(set) var focuses: KnownFocuses

  init(_ context: ChatContext, _ ownDevice: OwnDevice) {
    (self.context, self.ownDevice) = (context, ownDevice)
    focuses = KnownFocuses(factory: context.account.conferenceFactory, domains: context.account.conferenceDomains)
  }

  /// The focuses that it named earlier.
  func recall() async throws {
    focuses = try await context.store.database.read { [context] in try KnownFocuses($0, of: context.account) }
  }

  func invite(_ target: SIPURI, _ request: FactoryRequest) async throws -> InviteResult {
    guard let agent = ownDevice.agent else { throw ChatError.notConnected }
    do {
      return try await agent.invite(
        target, headers: request.headers, contentType: ContentType.resourceLists.description, body: request.body)
    } catch {
      let names = context.store.names(for: context.account.address)
      let people = request.members.map { names.short($0.addressOfRecord.description) }
      throw ChatError(from: error, during: ChatError.making(roomWith: people))
    }
  }

  /// The address that the factory gives the room. For a one-to-one room it is always the same for the pair and the kind
  /// of encryption, whoever asks and however often. Nobody is invited by it.
  func ask(_ request: FactoryRequest) async throws -> SIPURI {
    let factory = context.account.conferenceFactory
    switch try await invite(factory, request) {
    case .moved(let contact):
      let uri = contact.uri
      if focuses.learn(uri) {
        try await context.store.database.write { [focuses] in try focuses.write($0) }
      }
      return uri
    case .established(let dialog):
      try? await ownDevice.agent?.bye(dialog.id)
      throw ChatError.factoryDidNotRedirect(factory: factory.description, status: 200)
    }
  }
}
