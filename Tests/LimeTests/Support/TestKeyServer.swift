// TestKeyServer.swift: a key server that is a table in memory
import Foundation

@testable import Lime

/// A key server for one test: a table in memory.
final class TestKeyServer: Sendable {
  private struct Device {
    var identity: IdentityKey
    var signedPrekey: SignedPrekey
    var oneTimeKeys: [OneTimeKey]
  }

  private let curve: Curve
  private let lock = NSLock()
  // Only touched under the lock.
  nonisolated(unsafe) private var devices: [DeviceID: Device] = [:]

  init(curve: Curve = .c25519) { self.curve = curve }

  func oneTimeKeyCount(of device: DeviceID) -> Int { lock.withLock { devices[device]?.oneTimeKeys.count ?? 0 } }

  func signedPrekeyID(of device: DeviceID) -> UInt32? { lock.withLock { devices[device]?.signedPrekey.id } }

  func remove(_ device: DeviceID) { lock.withLock { devices[device] = nil } }

  func answer(_ body: Data, from sender: DeviceID) throws -> Data {
    let request = try KeyServerRequest(parsing: body)
    return lock.withLock { content(for: request, from: sender) }.serialized
  }

  private func content(for request: KeyServerRequest, from sender: DeviceID) -> KeyServerAnswer {
    let acknowledgement = KeyServerAnswer(acknowledging: request)
    let content: KeyServerAnswer.Content
    switch request.content {
    case .register(let identity, let signedPrekey, let oneTimeKeys):
      devices[sender] = Device(identity: identity, signedPrekey: signedPrekey, oneTimeKeys: oneTimeKeys)
      content = .acknowledged(.registered)
    case .deleteDevice:
      devices[sender] = nil
      content = .acknowledged(.deviceDeleted)
    case .getBundles(let asked):
      content = .bundles(asked.map { bundle(of: $0) })
    case _ where devices[sender] == nil:
      content = .error(.deviceNotFound, text: "register first")
    case .postSignedPrekey(let signedPrekey):
      devices[sender]?.signedPrekey = signedPrekey
      content = .acknowledged(.signedPrekeyPosted)
    case .postOneTimeKeys(let oneTimeKeys):
      devices[sender]?.oneTimeKeys += oneTimeKeys
      content = .acknowledged(.oneTimeKeysPosted)
    case .getOneTimeKeyIDs:
      content = .oneTimeKeyIDs(devices[sender]?.oneTimeKeys.map(\.id) ?? [])
    }
    if let acknowledgement, acknowledgement.content == content { return acknowledgement }
    return KeyServerAnswer(curve: request.curve, content: content)
  }

  private func bundle(of id: DeviceID) -> KeyBundle {
    guard var device = devices[id] else { return KeyBundle(device: id, keys: nil) }
    let oneTimeKey = device.oneTimeKeys.isEmpty ? nil : device.oneTimeKeys.removeFirst()
    devices[id] = device
    return KeyBundle(
      device: id,
      keys: KeyBundle.Keys(
        identity: device.identity, signedPrekey: device.signedPrekey, oneTimeKey: oneTimeKey))
  }
}
