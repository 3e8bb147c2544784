// RatchetMessage.swift: the message for one device (Double Ratchet §3.4, LIME §3.3)

import Foundation

/// What a ratchet message is bound to besides its session and header.
enum MessageBinding: Sendable {
  /// Direct policy: the user or room that the message is addressed to.
  case recipientUser(String)
  /// Cipher policy: the tag of the cipher message, which in turn is bound to the recipient.
  case cipherMessage(tag: Data)

  func associatedData(sender: DeviceID, recipient: DeviceID, session: Data, header: Data) -> [UInt8] {
    beginning(sender: sender) + recipient.bytes + session + header
  }

  /// The part of the associated data that all devices have in common.
  func beginning(sender: DeviceID) -> [UInt8] {
    switch self {
    case .recipientUser(let user): Array(user.utf8) + sender.bytes
    case .cipherMessage(let tag): tag + sender.bytes
    }
  }
}

/// Header, encrypted payload and 16-byte tag, as they stand one after the other on the wire.
struct RatchetMessage: Sendable {
  let header: RatchetHeader
  /// As received: what the tag covers.
  let headerBytes: Data
  let ciphertext: Data
  let tag: Data

  /// - Throws: `LimeError`.
  init(parsing data: Data) throws {
    guard data.count <= RatchetLimits.messageLength else { throw LimeError.messageTooLong(bytes: data.count) }
    var reader = ByteReader(data)
    do {
      header = try RatchetHeader(reading: &reader)
      headerBytes = reader.consumed
      ciphertext = try reader.bytes(reader.remaining - AESGCM.tagLength)
      tag = try reader.bytes(AESGCM.tagLength)
    } catch is ByteReader.Truncated {
      throw LimeError.malformedMessage("it ends early")
    }
  }

  /// The bytes of a new message.
  static func seal(
    _ payload: some ContiguousBytes, header: Data, key: SecretBytes, associatedData: [UInt8]
  ) throws -> Data {
    var message = header
    try AESGCM.seal(payload, keyAndIV: key, associatedData: associatedData, appendingTo: &message)
    return message
  }

  /// - Returns: the payload, or nil when key or associated data are not those the message was made with.
  func open(key: SecretBytes, associatedData: [UInt8]) throws -> SecretBytes? {
    try AESGCM.open(ciphertext, tag: tag, keyAndIV: key, associatedData: associatedData)
  }
}
