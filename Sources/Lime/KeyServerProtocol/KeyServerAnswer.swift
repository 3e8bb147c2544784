// KeyServerAnswer.swift: what the key server answers (LIME §4: X3DH server protocol)

import Foundation

/// An answer of the key server: the body of an HTTP 200 answer of `keyServerMediaType`, errors included.
public struct KeyServerAnswer: Hashable, Sendable {
  /// What is acknowledged by echoing the three bytes of the request's header.
  public enum Acknowledgement: Hashable, Sendable {
    case registered, deviceDeleted, signedPrekeyPosted, oneTimeKeysPosted
  }

  /// What the server says.
  public enum Content: Hashable, Sendable {
    case acknowledged(Acknowledgement)
    case bundles([KeyBundle])
    /// The ids of the asking device's one-time keys that were not handed out yet.
    case oneTimeKeyIDs([UInt32])
    case error(KeyServerErrorCode, text: String)
  }

  /// nil in an error answer to a request whose curve the server could not read (curve byte 0).
  public var curve: Curve?
  /// Read with the type that the header names.
  public var content: Content

  public init(curve: Curve?, content: Content) {
    self.curve = curve
    self.content = content
  }

  /// The acknowledgement of a request that was carried out; nil for requests that ask for something.
  public init?(acknowledging request: KeyServerRequest) {
    let acknowledgement: Acknowledgement
    switch request.content {
    case .register: acknowledgement = .registered
    case .deleteDevice: acknowledgement = .deviceDeleted
    case .postSignedPrekey: acknowledgement = .signedPrekeyPosted
    case .postOneTimeKeys: acknowledgement = .oneTimeKeysPosted
    case .getBundles, .getOneTimeKeyIDs: return nil
    }
    self.init(curve: request.curve, content: .acknowledged(acknowledgement))
  }

  /// - Throws: `KeyServerMessageError`.
  public init(parsing data: Data) throws {
    do {
      try self.init(reading: KeyServerMessageReader(data))
    } catch is ByteReader.Truncated {
      throw KeyServerMessageError.wrongSize
    }
  }

  private init(reading reader: KeyServerMessageReader) throws {
    var reader = reader
    let type = KeyServerMessageType(rawValue: reader.type)
    if type == .error {
      let code = KeyServerErrorCode(rawValue: try reader.uint8())
      let text = try reader.rest().prefix(KeyServerLimits.errorTextLength).prefix { $0 != 0 }
      curve = try? reader.curve()
      content = .error(code, text: String(decoding: text, as: UTF8.self))
      return
    }
    let curve = try reader.curve()
    self.curve = curve
    switch type {
    case .register: content = .acknowledged(.registered)
    case .deleteDevice: content = .acknowledged(.deviceDeleted)
    case .postSignedPrekey: content = .acknowledged(.signedPrekeyPosted)
    case .postOneTimeKeys: content = .acknowledged(.oneTimeKeysPosted)
    case .bundles:
      content = .bundles(try reader.list(limit: KeyServerLimits.devices) { try $0.bundle(curve) })
    case .oneTimeKeyIDs:
      content = .oneTimeKeyIDs(try reader.list(limit: KeyServerLimits.oneTimeKeys) { try $0.keyID() })
    case .getBundles, .getOneTimeKeyIDs, .error, nil:
      throw KeyServerMessageError.unexpectedType(reader.type)
    }
    try reader.expectEnd()
  }

  /// The bytes to answer with.
  public var serialized: Data {
    var data = KeyServerMessageReader.header(type, curveByte: curve?.rawValue ?? 0)
    switch content {
    case .acknowledged:
      break
    case .bundles(let bundles):
      data.appendList(bundles) { $0.append($1) }
    case .oneTimeKeyIDs(let ids):
      data.appendList(ids) { $0.append(bigEndian: $1) }
    case .error(let code, let text):
      data.append(code.rawValue)
      data.append(contentsOf: text.utf8.prefix(KeyServerLimits.errorTextLength))
    }
    return data
  }

  /// The bundles of an answer, checked against what was asked.
  /// - Parameter devices: the devices of the request; each must be answered exactly once, and no other.
  /// - Throws: `KeyServerMessageError`, or `LimeError.keyServer` for an error answer.
  public func bundles(for devices: [DeviceID], curve: Curve) throws -> [KeyBundle] {
    if case .error(let code, let text) = content { throw LimeError.keyServer(code, text: text) }
    guard self.curve == curve else { throw KeyServerMessageError.otherCurve }
    guard case .bundles(let bundles) = content else {
      throw KeyServerMessageError.unexpectedType(type.rawValue)
    }
    let answered = Set(bundles.map(\.device))
    guard answered.count == bundles.count, answered == Set(devices) else { throw KeyServerMessageError.otherDevices }
    return bundles
  }

  var type: KeyServerMessageType {
    switch content {
    case .acknowledged(.registered): .register
    case .acknowledged(.deviceDeleted): .deleteDevice
    case .acknowledged(.signedPrekeyPosted): .postSignedPrekey
    case .acknowledged(.oneTimeKeysPosted): .postOneTimeKeys
    case .bundles: .bundles
    case .oneTimeKeyIDs: .oneTimeKeyIDs
    case .error: .error
    }
  }
}

/// The flag after each device id of a bundles answer.
private enum BundleFlag: UInt8 {
  case withoutOneTimeKey = 0
  case withOneTimeKey = 1
  case noSuchDevice = 2
}

extension KeyServerMessageReader {
  fileprivate mutating func bundle(_ curve: Curve) throws -> KeyBundle {
    let device = try deviceID()
    guard let flag = BundleFlag(rawValue: try uint8()) else { throw KeyServerMessageError.wrongSize }
    guard flag != .noSuchDevice else { return KeyBundle(device: device, keys: nil) }
    let identity = try identity(curve)
    // The id stands between key and signature here, after the signature in requests.
    let publicKey = try bytes(curve.publicKeyLength)
    let id = try keyID()
    let signature = try bytes(curve.signatureLength)
    return KeyBundle(
      device: device,
      keys: KeyBundle.Keys(
        identity: identity,
        signedPrekey: SignedPrekey(id: id, publicKey: publicKey, signature: signature),
        oneTimeKey: flag == .withOneTimeKey ? try oneTimeKey(curve) : nil))
  }
}

extension Data {
  fileprivate mutating func append(_ bundle: KeyBundle) {
    append(bundle.device)
    guard let keys = bundle.keys else {
      append(BundleFlag.noSuchDevice.rawValue)
      return
    }
    append((keys.oneTimeKey == nil ? BundleFlag.withoutOneTimeKey : .withOneTimeKey).rawValue)
    append(keys.identity.bytes)
    append(keys.signedPrekey.publicKey)
    append(bigEndian: keys.signedPrekey.id)
    append(keys.signedPrekey.signature)
    if let oneTimeKey = keys.oneTimeKey { append(oneTimeKey) }
  }
}
