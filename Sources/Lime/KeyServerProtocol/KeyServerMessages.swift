// KeyServerMessages.swift: what requests and answers of the key server share (LIME §4: X3DH server protocol)

import Foundation

/// Limits on messages of the key-server protocol; a message beyond them is refused before it is looked at further.
public enum KeyServerLimits {
  /// Bytes of a whole request or answer.
  public static let messageLength = 1 << 20
  /// One-time keys in one registration or upload, and ids in one list.
  public static let oneTimeKeys = 2000
  /// Devices in one request for bundles, and bundles in its answer.
  public static let devices = 2000
  /// Bytes of a device id.
  public static let deviceIDLength = 1024
  /// Bytes of the text in an error answer that are kept.
  public static let errorTextLength = 1024
}

/// The media type of requests and answers.
public let keyServerMediaType = "x3dh/octet-stream"

/// The second byte of every message.
enum KeyServerMessageType: UInt8 {
  case deleteDevice = 0x02
  case postSignedPrekey = 0x03
  case postOneTimeKeys = 0x04
  case getBundles = 0x05
  case bundles = 0x06
  case getOneTimeKeyIDs = 0x07
  case oneTimeKeyIDs = 0x08
  case register = 0x09
  case error = 0xFF
}

/// The error code of an error answer. Codes of newer servers keep their number.
public struct KeyServerErrorCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The byte of the error answer.
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The request's media type is not `keyServerMediaType`.
  public static let badContentType = Self(rawValue: 0)
  /// The server serves another curve.
  public static let badCurve = Self(rawValue: 1)
  /// The request does not say which device asks (`From`).
  public static let missingSender = Self(rawValue: 2)
  /// The first byte is not the server's version.
  public static let badProtocolVersion = Self(rawValue: 3)
  /// The request is shorter or longer than its fields.
  public static let badSize = Self(rawValue: 4)
  /// Other keys are registered under the device's id.
  public static let deviceAlreadyRegistered = Self(rawValue: 5)
  /// The asking device has no keys here.
  public static let deviceNotFound = Self(rawValue: 6)
  /// The server could not store or read.
  public static let databaseFailure = Self(rawValue: 7)
  /// The request is no message of the protocol.
  public static let badRequest = Self(rawValue: 8)
  /// Anything else on the server's side.
  public static let serverFailure = Self(rawValue: 9)
  /// The device has more keys, or asks for more devices, than the server allows.
  public static let resourceLimit = Self(rawValue: 0x0A)

  public var description: String {
    switch self {
    case .badContentType: "the content type is not \(keyServerMediaType)"
    case .badCurve: "the server serves another curve"
    case .missingSender: "the request names no device"
    case .badProtocolVersion: "the server speaks another protocol version"
    case .badSize: "the request has a wrong size"
    case .deviceAlreadyRegistered: "the device is registered with other keys"
    case .deviceNotFound: "the device is not registered"
    case .databaseFailure: "the server's database failed"
    case .badRequest: "the request is malformed"
    case .serverFailure: "the server failed"
    case .resourceLimit: "a limit of the server is reached"
    default: "error \(rawValue)"
    }
  }
}

/// Why bytes are not a message of the key-server protocol.
public enum KeyServerMessageError: Error, Hashable, Sendable, CustomStringConvertible, LocalizedError {
  case empty
  case tooLong(bytes: Int)
  case unsupportedVersion(UInt8)
  case unsupportedCurve(UInt8)
  case unexpectedType(UInt8)
  /// Fields missing, bytes left over, or a count beyond `KeyServerLimits`.
  case wrongSize
  case malformedDeviceID
  /// The answer is not about the devices that were asked for.
  case otherDevices
  /// The answer is for another curve than the request.
  case otherCurve

  public var description: String {
    switch self {
    case .empty: "the key-server message is empty"
    case .tooLong(let bytes): "the key-server message is too long (\(bytes) bytes)"
    case .unsupportedVersion(let version): "the key-server message has version \(version), not 1"
    case .unsupportedCurve(let curve): "the key-server message is for an unsupported curve (\(curve))"
    case .unexpectedType(let type): "the key-server message has an unexpected type (\(type))"
    case .wrongSize: "the key-server message is truncated, too long or has too many entries"
    case .malformedDeviceID: "the key-server message has a malformed device id"
    case .otherDevices: "the key server answered for other devices than those asked for"
    case .otherCurve: "the key server answered for another curve; check the account's \"curve\" setting"
    }
  }

  public var errorDescription: String? { description }

  /// The code with which a server answers a request that failed with this error.
  public var answerCode: KeyServerErrorCode {
    switch self {
    case .unsupportedVersion: .badProtocolVersion
    case .unsupportedCurve, .otherCurve: .badCurve
    case .empty, .tooLong, .wrongSize: .badSize
    case .unexpectedType, .malformedDeviceID, .otherDevices: .badRequest
    }
  }
}

/// Reads the three bytes every message begins with, then its fields.
struct KeyServerMessageReader {
  static let version: UInt8 = 0x01

  let type: UInt8
  let curveByte: UInt8
  private var reader: ByteReader

  init(_ data: Data) throws {
    guard !data.isEmpty else { throw KeyServerMessageError.empty }
    guard data.count <= KeyServerLimits.messageLength else { throw KeyServerMessageError.tooLong(bytes: data.count) }
    var reader = ByteReader(data)
    let version = try reader.uint8()
    guard version == Self.version else { throw KeyServerMessageError.unsupportedVersion(version) }
    type = try reader.uint8()
    curveByte = try reader.uint8()
    self.reader = reader
  }

  static func header(_ type: KeyServerMessageType, curveByte: UInt8) -> Data {
    Data([version, type.rawValue, curveByte])
  }

  func curve() throws -> Curve {
    guard let curve = Curve(rawValue: curveByte) else { throw KeyServerMessageError.unsupportedCurve(curveByte) }
    return curve
  }

  /// Bytes left over make a message invalid.
  func expectEnd() throws {
    guard reader.remaining == 0 else { throw KeyServerMessageError.wrongSize }
  }

  mutating func uint8() throws -> UInt8 { try reader.uint8() }

  mutating func bytes(_ count: Int) throws -> Data { try reader.bytes(count) }

  mutating func rest() throws -> Data { try reader.bytes(reader.remaining) }

  /// A two-byte count, then as many elements.
  mutating func list<Element>(limit: Int, _ element: (inout Self) throws -> Element) throws -> [Element] {
    let count = Int(try reader.uint16())
    guard count <= limit else { throw KeyServerMessageError.wrongSize }
    var elements: [Element] = []
    for _ in 0..<count { elements.append(try element(&self)) }
    return elements
  }

  mutating func keyID() throws -> UInt32 { try reader.uint32() }

  mutating func identity(_ curve: Curve) throws -> IdentityKey {
    guard let key = IdentityKey(curve: curve, bytes: try reader.bytes(curve.identityKeyLength)) else {
      throw KeyServerMessageError.wrongSize
    }
    return key
  }

  mutating func oneTimeKey(_ curve: Curve) throws -> OneTimeKey {
    let publicKey = try reader.bytes(curve.publicKeyLength)
    return OneTimeKey(id: try reader.uint32(), publicKey: publicKey)
  }

  /// A two-byte length, then that many bytes of visible UTF-8: an id travels in an HTTP header as well.
  mutating func deviceID() throws -> DeviceID {
    let length = Int(try reader.uint16())
    guard (1...KeyServerLimits.deviceIDLength).contains(length) else { throw KeyServerMessageError.malformedDeviceID }
    let bytes = try reader.bytes(length)
    guard let string = String(validating: bytes, as: UTF8.self), bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw KeyServerMessageError.malformedDeviceID
    }
    return DeviceID(string)
  }
}

extension Data {
  /// The count field of a list. Lists longer than 65535 cannot be written and are cut by the caller's limits before.
  mutating func appendList<Element>(_ elements: [Element], _ write: (inout Data, Element) -> Void) {
    let written = elements.prefix(Int(UInt16.max))
    append(bigEndian: UInt16(written.count))
    for element in written { write(&self, element) }
  }

  mutating func append(_ key: OneTimeKey) {
    append(key.publicKey)
    append(bigEndian: key.id)
  }

  mutating func append(_ device: DeviceID) {
    let bytes = device.bytes.prefix(Int(UInt16.max))
    append(bigEndian: UInt16(bytes.count))
    append(contentsOf: bytes)
  }
}
