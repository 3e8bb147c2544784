// RatchetChains.swift: symmetric-key ratchets, one for each direction (Double Ratchet §3.1, KDF_CK)

import Foundation

/// Limits that keep a hostile or broken peer from costing time and space.
enum RatchetLimits {
  /// Bytes of a plaintext.
  static let plaintextLength = 1 << 24
  /// Bytes of a ratchet message or cipher message: a plaintext and what is added to it.
  static let messageLength = plaintextLength + 1024
  /// Messages that may be missing before one that arrives, over a ratchet step included.
  static let skippedPerMessage = 1024
  /// Keys of missing messages kept for one session; the oldest give way.
  static let skippedPerSession = 4096
  /// Messages sent without an answer before a new session is due: bounds what one stolen chain key opens.
  static let sendingChainLength = 1000
  /// Sessions kept with one device; the longest unused give way.
  static let sessionsPerPeer = 32
}

/// A chain key: gives message keys one after the other and cannot be turned back.
struct ChainKey: Sendable {
  static let length = 32
  /// Key and IV for AES-GCM.
  static let messageKeyLength = AESGCM.keyLength + AESGCM.ivLength

  let bytes: SecretBytes

  /// KDF_CK: the message key and the chain key after this one.
  func advance() -> (messageKey: SecretBytes, next: ChainKey) {
    let keys = SecretBytes(count: Self.messageKeyLength + Self.length) { target in
      bytes.withBytePointer { key, _ in
        Self.advance(key, messageKey: target, next: target + Self.messageKeyLength)
      }
    }
    return (
      SecretBytes(copying: keys, range: 0..<Self.messageKeyLength),
      ChainKey(bytes: SecretBytes(copying: keys, range: Self.messageKeyLength..<keys.count))
    )
  }

  /// KDF_CK on bytes in place.
  /// - Parameters:
  ///   - key: 32 bytes.
  ///   - messageKey: gets 48 bytes.
  ///   - next: gets 32 bytes; may be `key`.
  static func advance(
    _ key: UnsafePointer<UInt8>, messageKey: UnsafeMutablePointer<UInt8>, next: UnsafeMutablePointer<UInt8>
  ) {
    var messageCode = HMACSHA512(key: UnsafeRawBufferPointer(start: key, count: length))
    var nextCode = messageCode.copy()
    messageCode.update(byte: 0x01)
    nextCode.update(byte: 0x02)
    messageCode.finish(messageKeyLength, into: messageKey)
    nextCode.finish(length, into: next)
  }
}

/// The chain whose keys encrypt.
struct SendingChain: Sendable {
  private var key: ChainKey
  /// Ns: the number of the next message.
  private(set) var nextNumber: UInt16

  init(key: SecretBytes, nextNumber: UInt16 = 0) {
    self.key = ChainKey(bytes: key)
    self.nextNumber = nextNumber
  }

  var keyBytes: SecretBytes { key.bytes }

  /// Whether it gives no more keys until the peer answers.
  var isExhausted: Bool { nextNumber >= RatchetLimits.sendingChainLength }

  /// The next message's number and key; nil when the chain is exhausted.
  mutating func advance() -> (number: UInt16, key: SecretBytes)? {
    guard !isExhausted else { return nil }
    defer { nextNumber += 1 }
    let (messageKey, next) = key.advance()
    key = next
    return (nextNumber, messageKey)
  }
}

/// The key of a message that was missing when a later one arrived.
struct SkippedKey: Sendable {
  /// The sender's ratchet public key of its chain.
  let ratchetKey: Data
  let number: UInt16
  /// Key and IV for AES-GCM, 48 bytes.
  let key: SecretBytes
}

/// The chain whose keys decrypt.
struct ReceivingChain: Sendable {
  private var key: ChainKey
  /// Nr: the number of the next message expected; beyond 16 bits after message 65535.
  private(set) var nextNumber: Int

  init(key: SecretBytes, nextNumber: Int = 0) {
    self.key = ChainKey(bytes: key)
    self.nextNumber = nextNumber
  }

  var keyBytes: SecretBytes { key.bytes }

  /// The key of the next message.
  mutating func advance() -> SecretBytes {
    nextNumber += 1
    let (messageKey, next) = key.advance()
    key = next
    return messageKey
  }

  /// The keys of all messages before `number`. How many there may be is for the caller to limit first.
  mutating func skip(to number: UInt16, ratchetKey: Data) -> [SkippedKey] {
    var skipped: [SkippedKey] = []
    while nextNumber < Int(number) {
      let number = UInt16(nextNumber)
      skipped.append(SkippedKey(ratchetKey: ratchetKey, number: number, key: advance()))
    }
    return skipped
  }
}
