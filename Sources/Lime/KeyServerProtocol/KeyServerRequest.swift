// KeyServerRequest.swift: what a device asks of the key server (LIME §4: X3DH server protocol)

import Foundation

/// A request to the key server: the body of an HTTP POST of `keyServerMediaType`.
///
/// The asking device is not part of it: its id travels in the HTTP headers `From` and `X-Lime-user-identity`.
public struct KeyServerRequest: Hashable, Sendable {
  /// Devices to ask for at once. The format takes 65535; a server may take less, and answers some 300 bytes for each.
  public static let devicesPerRequest = 256

  /// What is asked, with its fields.
  public enum Content: Hashable, Sendable {
    /// Publishes a device's keys; accepted again with the same identity and signed prekey.
    case register(identity: IdentityKey, signedPrekey: SignedPrekey, oneTimeKeys: [OneTimeKey])
    /// Removes the asking device and all its keys.
    case deleteDevice
    /// Replaces the signed prekey.
    case postSignedPrekey(SignedPrekey)
    /// Adds one-time keys.
    case postOneTimeKeys([OneTimeKey])
    /// Asks for the keys of devices; hands out one of each device's one-time keys.
    case getBundles([DeviceID])
    /// Asks which of the asking device's own one-time keys are left.
    case getOneTimeKeyIDs
  }

  /// Of all keys in the request and its answer.
  public var curve: Curve
  /// Decides the message type of the header.
  public var content: Content

  public init(curve: Curve, content: Content) {
    self.curve = curve
    self.content = content
  }

  /// - Throws: `KeyServerMessageError`; its `answerCode` is what a server answers.
  public init(parsing data: Data) throws {
    do {
      try self.init(reading: KeyServerMessageReader(data))
    } catch is ByteReader.Truncated {
      throw KeyServerMessageError.wrongSize
    }
  }

  private init(reading reader: KeyServerMessageReader) throws {
    var reader = reader
    let curve = try reader.curve()
    self.curve = curve
    switch KeyServerMessageType(rawValue: reader.type) {
    case .register:
      let identity = try reader.identity(curve)
      let publicKey = try reader.bytes(curve.publicKeyLength)
      let signature = try reader.bytes(curve.signatureLength)
      content = .register(
        identity: identity,
        signedPrekey: SignedPrekey(id: try reader.keyID(), publicKey: publicKey, signature: signature),
        oneTimeKeys: try reader.list(limit: KeyServerLimits.oneTimeKeys) { try $0.oneTimeKey(curve) })
    case .deleteDevice:
      content = .deleteDevice
    case .postSignedPrekey:
      let publicKey = try reader.bytes(curve.publicKeyLength)
      let signature = try reader.bytes(curve.signatureLength)
      content = .postSignedPrekey(
        SignedPrekey(id: try reader.keyID(), publicKey: publicKey, signature: signature))
    case .postOneTimeKeys:
      content = .postOneTimeKeys(try reader.list(limit: KeyServerLimits.oneTimeKeys) { try $0.oneTimeKey(curve) })
    case .getBundles:
      content = .getBundles(try reader.list(limit: KeyServerLimits.devices) { try $0.deviceID() })
    case .getOneTimeKeyIDs:
      content = .getOneTimeKeyIDs
    case .bundles, .oneTimeKeyIDs, .error, nil:
      throw KeyServerMessageError.unexpectedType(reader.type)
    }
    try reader.expectEnd()
  }

  /// The bytes to post.
  public var body: Data { serialized }

  /// The bytes of the body: version, type and curve, then the fields.
  public var serialized: Data {
    var data = KeyServerMessageReader.header(type, curveByte: curve.rawValue)
    switch content {
    case .register(let identity, let signedPrekey, let oneTimeKeys):
      data.append(identity.bytes)
      data.append(signedPrekey.publicKey)
      data.append(signedPrekey.signature)
      data.append(bigEndian: signedPrekey.id)
      data.appendList(oneTimeKeys) { $0.append($1) }
    case .postSignedPrekey(let signedPrekey):
      data.append(signedPrekey.publicKey)
      data.append(signedPrekey.signature)
      data.append(bigEndian: signedPrekey.id)
    case .postOneTimeKeys(let oneTimeKeys):
      data.appendList(oneTimeKeys) { $0.append($1) }
    case .getBundles(let devices):
      data.appendList(devices) { $0.append($1) }
    case .deleteDevice, .getOneTimeKeyIDs:
      break
    }
    return data
  }

  var type: KeyServerMessageType {
    switch content {
    case .register: .register
    case .deleteDevice: .deleteDevice
    case .postSignedPrekey: .postSignedPrekey
    case .postOneTimeKeys: .postOneTimeKeys
    case .getBundles: .getBundles
    case .getOneTimeKeyIDs: .getOneTimeKeyIDs
    }
  }
}
