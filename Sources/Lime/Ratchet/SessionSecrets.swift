// SessionSecrets.swift: the secrets of a session that are stored together

import Foundation

/// All secrets of a ratchet but the sending chain's, which has a row of its own: root key, our private ratchet key and
/// the receiving chain's key, joined in this order. What there is follows from the session's public values.
struct SessionSecrets {
  let rootKey: SecretBytes
  let ratchetPrivate: SecretBytes?
  let receivingKey: SecretBytes?

  init(of ratchet: DoubleRatchet) {
    rootKey = ratchet.rootKey
    ratchetPrivate = ratchet.sending?.keyPair.privateKey.bytes
    receivingKey = ratchet.receiving?.keyBytes
  }

  /// - Throws: `LimeError.internalFailure` for a wrong length.
  init(_ joined: SecretBytes, curve: Curve, hasRatchetKey: Bool, isReceiving: Bool) throws {
    let ratchetLength = hasRatchetKey ? curve.privateKeyLength : 0
    let receivingLength = isReceiving ? ChainKey.length : 0
    guard joined.count == DoubleRatchet.rootKeyLength + ratchetLength + receivingLength else {
      throw LimeError.internalFailure("a session in the store is damaged")
    }
    var end = 0
    func next(_ count: Int) -> SecretBytes {
      defer { end += count }
      return SecretBytes(copying: joined, range: end..<end + count)
    }
    rootKey = next(DoubleRatchet.rootKeyLength)
    ratchetPrivate = hasRatchetKey ? next(ratchetLength) : nil
    receivingKey = isReceiving ? next(receivingLength) : nil
  }

  var joined: SecretBytes {
    let parts = [rootKey, ratchetPrivate, receivingKey].compactMap { $0 }
    return SecretBytes(count: parts.reduce(0) { $0 + $1.count }) { target in
      var next = target
      for part in parts {
        part.withBytePointer { next.update(from: $0, count: $1) }
        next += part.count
      }
    }
  }
}
