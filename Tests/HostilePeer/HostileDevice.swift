// HostileDevice.swift: a LIME device under any name, with keys at a key server
import Foundation
import GRDB
import HTTPClient
import Lime
import MessageFormats
import TestSupport

/// Has its keys in memory, and encrypts what a test wants in the name of its id, whoever's that is.
public final class HostileDevice: Sendable {
  public let id: String
  private let queue: DatabaseQueue
  private let account: LimeAccount
  private let http: HTTPClient
  private let keyServer: URL

  /// - Parameters:
  ///   - id: a GRUU.
  ///   - user: whose password the key server wants: that of the account of `id`, for a server that checks it. A hostile
  ///     server makes such keys without one.
  public init(_ id: String, keyServer: URL, user: String, password: String? = nil, curve: Curve = .c25519) throws {
    self.id = id
    self.keyServer = keyServer
    queue = try DatabaseQueue()
    account = LimeAccount(device: DeviceID(id), curve: curve)
    var migrator = DatabaseMigrator()
    LimeAccount.registerMigrations(&migrator)
    try migrator.migrate(queue)
    http = HTTPClient(credentials: HTTPCredentials(username: user, password: password ?? user))
  }

  public var fingerprint: String {
    get throws { try queue.read { try account.identity($0).fingerprint } }
  }

  /// Publishes its keys.
  public func publish() async throws {
    let request = try await queue.write { [account] in try account.makeRegistration($0) }
    let answer = try await ask(request)
    guard case .acknowledged(.registered) = answer.content else { throw TestFailure("keys of \(id): \(answer)") }
    try await queue.write { [account] in try account.registrationAccepted($0) }
  }

  /// Encrypts an inner message for devices of a room; sessions are started as needed.
  public func envelope(_ cpim: CPIMMessage, to devices: [String], room: String) async throws -> LimeEnvelope {
    let recipients = devices.map { DeviceID($0) }
    let missing = try await queue.read { [account] in try account.devicesWithoutSession($0, among: recipients) }
    if !missing.isEmpty {
      let answer = try await ask(account.bundleRequest(for: missing))
      let results = try await queue.write { [account] in
        try account.startSessions($0, with: answer, for: missing)
      }
      for (device, result) in results {
        if case .failure(let error) = result { throw TestFailure("\(id): no session with \(device): \(error)") }
      }
    }
    guard let room = SIPURI(room), let sender = SIPURI(id) else { throw TestFailure("\(room) is no address") }
    let encrypted = try await queue.write { [account] db in
      try account.encrypt(
        db, plaintext: cpim.serialized, recipientUser: room.without(parameter: "gr").description, devices: recipients)
    }
    return LimeEnvelope(
      sender: sender, messageID: cpim.messageID,
      deviceParts: Dictionary(encrypted.ratchetMessages.map { ($0.device.string, $0.data) }) { first, _ in first },
      cipherMessage: encrypted.cipherMessage)
  }

  /// Opens what came for this device.
  public func open(_ message: WireMessage, room: String) async throws -> CPIMMessage {
    let envelope = try LimeEnvelope(parsing: message.body, contentType: message["Content-Type"] ?? "")
    guard let part = envelope.deviceParts[id], let room = SIPURI(room) else { throw TestFailure("\(id): no part") }
    let opened = try await queue.write { [account] db in
      try account.decrypt(
        db, ratchetMessage: part, cipherMessage: envelope.cipherMessage, sender: DeviceID(envelope.sender.description),
        recipientUser: room.without(parameter: "gr").description)
    }
    return try CPIMMessage(parsing: opened.plaintext)
  }

  private func ask(_ request: KeyServerRequest) async throws -> KeyServerAnswer {
    let response = try await http.send(
      .post(
        request.serialized, to: keyServer.absoluteString, contentType: keyServerMediaType,
        headers: [HTTPField("From", id), HTTPField("X-Lime-user-identity", id)]))
    guard response.status == 200 else { throw TestFailure("key server, \(id): HTTP \(response.status)") }
    return try KeyServerAnswer(parsing: response.body)
  }
}
