// PeerSessions.swift: fetching the keys of other devices, and starting sessions with them (LIME paper, key distribution).
import Foundation
import GRDB
import Lime

@ChatActor final class PeerSessions {
  /// How long the answer "no such device" is believed.
  private static let keylessMemory: TimeInterval = 5

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let keyServer: KeyServerExchange
  private let keyUpkeep: KeyUpkeep
  /// Devices that the key server does not know, and when we asked: not asked again for a few seconds.
  private var keylessDevices: [DeviceID: (since: Date, reason: String)] = [:]
  /// Devices without keys of which is asked what keys they have, with one request to be sent to.
  private static let questionsAtOnce = 4

  init(_ context: ChatContext, _ ownDevice: OwnDevice, _ keyServer: KeyServerExchange, _ keyUpkeep: KeyUpkeep) {
    (self.context, self.ownDevice, self.keyServer, self.keyUpkeep) = (context, ownDevice, keyServer, keyUpkeep)
  }

  /// Gets bundles and starts sessions for the devices that have none. What could not be had is in the result.
  func ensureSessions(with devices: [DeviceID]) async throws -> [DeviceID: String] {
    guard let lime = ownDevice.lime else { throw ChatError.notConnected }
    var (bundles, refused) = try await missingBundles(for: devices)
    if !bundles.isEmpty {
      let results = try await context.store.database.write { [bundles] in try lime.startSessions($0, with: bundles) }
      refused.merge(try await reasons(of: results)) { $1 }
    }
    return refused
  }

  /// The bundles of the devices that there is no session with, for `LimeAccount.startSessions`, and why there is none
  /// for some of them.
  func missingBundles(for devices: [DeviceID]) async throws -> (bundles: [KeyBundle], refused: [DeviceID: String]) {
    guard let lime = ownDevice.lime else { throw ChatError.notConnected }
    guard keyServer.isThere else { throw ChatError.noKeyServer }
    try await keyUpkeep.publishKeys()
    var refused: [DeviceID: String] = [:]
    let missing = try await context.store.database.writeWithoutTransaction { db in
      // By the connection that encrypts next: it has read these rows before, and statements for them are prepared.
      try lime.devicesWithoutSession(db, among: devices)
    }
    let now = Date()
    keylessDevices = keylessDevices.filter { now.timeIntervalSince($0.value.since) < Self.keylessMemory }
    for device in missing { refused[device] = keylessDevices[device]?.reason }
    let wanted = missing.filter { keylessDevices[$0] == nil }
    var bundles: [KeyBundle] = []
    for start in stride(from: 0, to: wanted.count, by: KeyServerRequest.devicesPerRequest) {
      let part = Array(wanted[start..<min(start + KeyServerRequest.devicesPerRequest, wanted.count)])
      bundles += try await self.bundles(lime, for: part)
    }
    return (bundles, refused)
  }

  /// Reports the devices that no session could be started with.
  /// - Returns: why, for each of them.
  func reasons(of results: [DeviceID: Result<Void, LimeError>]) async throws -> [DeviceID: String] {
    var refused: [DeviceID: String] = [:]
    var questions = 0
    for (device, result) in results {
      guard case .failure(let error) = result else { continue }
      refused[device] = context.describe(error)
      if case .noKeysPublished = error {
        let reason = await keylessReason(device, mayAsk: questions < Self.questionsAtOnce)
        questions += 1
        keylessDevices[device] = (Date(), reason)
        refused[device] = reason
      } else if let alert = try await identityAlert(error, room: nil) {
        context.hub.send(alert)
      } else {
        context.hub.send(.security(room: nil, device: device.string, text: context.describe(error)))
      }
    }
    return refused
  }

  /// The bundles of devices, in one request. A server that does not know us any longer is told our keys first.
  private func bundles(_ lime: LimeAccount, for devices: [DeviceID]) async throws -> [KeyBundle] {
    var answer = try await keyServer.ask(lime.bundleRequest(for: devices))
    if case .error(.deviceNotFound, _) = answer.content {
      _ = try await keyUpkeep.updateKeys()
      answer = try await keyServer.ask(lime.bundleRequest(for: devices))
    }
    if case .error(let code, let text) = answer.content {
      throw ChatError.keyServer(KeyServerExchange.explain(code, text, device: lime.device))
    }
    do { return try lime.bundles(in: answer, for: devices) } catch {
      throw ChatError.keyServer(
        "the key server's answer to a request for keys makes no sense: \(context.describe(error))")
    }
  }

  /// Why a device has no keys of our algorithm, as far as it can be known.
  private func keylessReason(_ device: DeviceID, mayAsk: Bool) async -> String {
    let own = context.account.curve
    let known = try? await context.store.database.read { try DeviceAlgorithms.recent($0, of: device.string) }
    if let known = known ?? nil { return DeviceAlgorithms.reason(known, own: own) }
    guard mayAsk, let found = await keyServer.otherAlgorithms(of: device) else {
      return DeviceAlgorithms.reason([], own: own)
    }
    try? await context.store.database.write { try DeviceAlgorithms.record($0, device.string, found) }
    return DeviceAlgorithms.reason(found.map(\.description), own: own)
  }

  // MARK: Changed identities

  /// Remembers that another identity key was offered, so that the rooms of the device count as unsafe, and gives the
  /// event that tells the user; nil for other errors.
  func identityAlert(_ error: any Error, room: String?) async throws -> ChatEvent? {
    guard case LimeError.identityChanged(let device, let known, let offered) = error else { return nil }
    try await context.store.database.write { try RefusedIdentity.record($0, device, offered: offered) }
    return .security(
      room: room, device: device.string, text: RefusedIdentity.text(device, known: known, offered: offered))
  }
}
