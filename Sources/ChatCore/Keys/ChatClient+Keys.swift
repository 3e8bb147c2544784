// ChatClient+Keys.swift: publishing our LIME keys and fetching those of others (LIME paper, key distribution).
import Foundation
import GRDB
import Lime

extension ChatClient {
  /// How long the answer "no such device" is believed.
  private static let keylessMemory: TimeInterval = 5

  /// Publishes identity, signed prekey and one-time prekeys once. A failure is reported and tried again with the next
  /// message that has to be encrypted.
  func publishKeysIfNeeded() async {
    guard keyServer != nil else { return }
    do { try await publishKeys() } catch { hub.send(.error(room: nil, text: describe(error))) }
  }

  func publishKeys() async throws {
    guard let lime, keyServer != nil else { throw ChatError.noKeyServer }
    if try await store.database.read({ try lime.isRegistered($0) }) { return }
    let request = try await store.database.write { try lime.makeRegistration($0) }
    switch try await ask(request).content {
    case .acknowledged(.registered): try await store.database.write { try lime.registrationAccepted($0) }
    case .error(let code, let text): throw ChatError.keyServer(Self.explain(code, text, device: lime.device))
    default: throw ChatError.keyServer("the key server's answer to the registration of keys makes no sense")
    }
  }

  /// Gets bundles and starts sessions for the devices that have none. What could not be had is in the result.
  func ensureSessions(with devices: [DeviceID]) async throws -> [DeviceID: String] {
    guard let lime else { throw ChatError.notConnected }
    var (bundles, refused) = try await missingBundles(for: devices)
    if !bundles.isEmpty {
      let results = try await store.database.write { [bundles] in try lime.startSessions($0, with: bundles) }
      refused.merge(try await reasons(of: results)) { $1 }
    }
    return refused
  }

  /// The bundles of the devices that there is no session with, for `LimeAccount.startSessions`, and why there is none
  /// for some of them.
  func missingBundles(for devices: [DeviceID]) async throws -> (bundles: [KeyBundle], refused: [DeviceID: String]) {
    guard let lime else { throw ChatError.notConnected }
    guard keyServer != nil else { throw ChatError.noKeyServer }
    try await publishKeys()
    var refused: [DeviceID: String] = [:]
    let missing = try await store.database.writeWithoutTransaction { db in
      // By the connection that encrypts next: it has read these rows before, and statements for them are prepared.
      try lime.devicesWithoutSession(db, among: devices)
    }
    let now = Date()
    keylessDevices = keylessDevices.filter { now.timeIntervalSince($0.value) < Self.keylessMemory }
    for device in missing where keylessDevices[device] != nil { refused[device] = Self.keyless }
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
    for (device, result) in results {
      guard case .failure(let error) = result else { continue }
      refused[device] = describe(error)
      if case .noKeysPublished = error {
        keylessDevices[device] = Date()
        refused[device] = Self.keyless
      } else if let alert = try await identityAlert(error, room: nil) {
        hub.send(alert)
      } else {
        hub.send(.security(room: nil, device: device.string, text: describe(error)))
      }
    }
    return refused
  }

  /// The bundles of devices, in one request. A server that does not know us any longer is told our keys first.
  private func bundles(_ lime: LimeAccount, for devices: [DeviceID]) async throws -> [KeyBundle] {
    var answer = try await ask(lime.bundleRequest(for: devices))
    if case .error(.deviceNotFound, _) = answer.content {
      _ = try await updateKeys()
      answer = try await ask(lime.bundleRequest(for: devices))
    }
    if case .error(let code, let text) = answer.content {
      throw ChatError.keyServer(Self.explain(code, text, device: lime.device))
    }
    do { return try lime.bundles(in: answer, for: devices) } catch {
      throw ChatError.keyServer("the key server's answer to a request for keys makes no sense: \(describe(error))")
    }
  }

  /// One exchange with the key server, unless it asked to be left alone.
  func ask(_ request: KeyServerRequest) async throws -> KeyServerAnswer {
    guard let keyServer else { throw ChatError.noKeyServer }
    if let seconds = keyHold.remaining(at: clock.now()) {
      throw ChatError.keyServer(
        "the key server asked to wait: too many requests; it is asked again in \(Int(seconds.rounded(.up))) s")
    }
    let answer = try await keyServer.exchange(request)
    if case .error(.resourceLimit, _) = answer.content {
      keyHold.refused(at: clock.now())
    } else {
      keyHold.answered()
    }
    return answer
  }

  private static let keyless = """
    it has no keys on the key server; its user has to connect again, or run 'limeade keys publish'
    """

  static func explain(_ code: KeyServerErrorCode, _ text: String, device: DeviceID) -> String {
    let cause = text.isEmpty ? "" : " (\(text))"
    return switch code {
    case .deviceAlreadyRegistered:
      """
      the key server already has other keys for this device, \(device)\(cause): the account's data was probably lost \
      or restored; remove the account's data folder so that a new device is made
      """
    case .missingSender: "the key server did not accept this device's identity, \(device)\(cause)"
    case .resourceLimit: "the key server asks to wait: too many requests\(cause)"
    default: "the key server answered with error \(code)\(cause)"
    }
  }
}
