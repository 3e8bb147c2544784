// DoubleRatchet.swift: the state of one session and how messages advance it (Double Ratchet §3)

import Foundation

/// One end of a session.
///
/// Our ratchet key exists only together with the sending chain made from it: a message with a new key of the peer
/// ends both, and the next message sent makes new ones. A value; the caller stores it once a message has proved right.
struct DoubleRatchet: Sendable {
  /// Our ratchet key and what encrypts with it.
  struct Sending: Sendable {
    var keyPair: AgreementKeyPair
    var chain: SendingChain
  }

  static let rootKeyLength = 32

  private static let rootInfo = "DR Root Chain Key Derivation"

  let curve: Curve
  /// From the key agreement, 32 bytes.
  let associatedData: Data
  private(set) var rootKey: SecretBytes
  /// The peer's current ratchet public key.
  private(set) var peerKey: Data
  /// nil when a ratchet step is due before the next message is sent.
  private(set) var sending: Sending?
  /// nil until the peer's first message.
  private(set) var receiving: ReceivingChain?
  /// PN: the length of our sending chain before the present one.
  private(set) var previousChainLength: UInt16

  /// As stored.
  init(
    curve: Curve, associatedData: Data, rootKey: SecretBytes, peerKey: Data, sending: Sending?,
    receiving: ReceivingChain?, previousChainLength: UInt16
  ) {
    self.curve = curve
    self.associatedData = associatedData
    self.rootKey = rootKey
    self.peerKey = peerKey
    self.sending = sending
    self.receiving = receiving
    self.previousChainLength = previousChainLength
  }

  /// The initiator's first state; the peer's signed prekey stands for its first ratchet key.
  /// - Throws: `LimeError.weakKey`.
  init(initiating agreement: X3DHAgreement, curve: Curve, peerPrekey: Data, ratchetKey: AgreementKeyPair) throws {
    self.init(
      curve: curve, associatedData: agreement.associatedData, rootKey: agreement.sharedKey, peerKey: peerPrekey,
      sending: nil, receiving: nil, previousChainLength: 0)
    try stepForSending(with: ratchetKey)
  }

  /// The responder's first state: our signed prekey has met the ratchet key of the initiator's first message.
  /// - Throws: `LimeError.weakKey`.
  init(
    responding agreement: X3DHAgreement, curve: Curve, signedPrekey: AgreementPrivateKey, peerKey: Data
  ) throws {
    self.init(
      curve: curve, associatedData: agreement.associatedData, rootKey: agreement.sharedKey, peerKey: peerKey,
      sending: nil, receiving: nil, previousChainLength: 0)
    receiving = ReceivingChain(key: try advanceRoot(with: signedPrekey.sharedSecret(with: peerKey)))
  }

  // MARK: Sending

  /// Whether a new session is due rather than another message.
  var isExhausted: Bool { sending?.chain.isExhausted ?? false }

  /// The Diffie-Hellman ratchet step of the sender.
  /// - Throws: `LimeError.weakKey`.
  mutating func stepForSending(with keyPair: AgreementKeyPair) throws {
    let chainKey = try advanceRoot(with: keyPair.privateKey.sharedSecret(with: peerKey))
    sending = Sending(keyPair: keyPair, chain: SendingChain(key: chainKey))
  }

  // MARK: Receiving

  /// What a message leads to, if its tag proves right with `messageKey`.
  struct Receipt: Sendable {
    let messageKey: SecretBytes
    /// To store with the new state.
    let skipped: [SkippedKey]
    let ratchet: DoubleRatchet
  }

  /// Whether the key of the message may be among those of missing messages: not if it is yet to come in its chain.
  func mayHaveSkipped(_ header: RatchetHeader) -> Bool {
    guard header.ratchetKey == peerKey, let receiving else { return true }
    return Int(header.messageNumber) < receiving.nextNumber
  }

  /// The key and next state for a message that is not among the skipped ones. `self` stays as it is.
  /// - Throws: `LimeError.alreadyDecrypted`, `.tooManySkippedMessages`, `.weakKey`; nil when the message cannot belong
  ///   to this session.
  func receipt(for header: RatchetHeader) throws -> Receipt? {
    var next = self
    var skipped: [SkippedKey] = []
    if header.ratchetKey == peerKey {
      // Our peer's prekey is its first ratchet key to us, but it never sends with it.
      guard let nextNumber = receiving?.nextNumber else { return nil }
      guard Int(header.messageNumber) >= nextNumber else { throw LimeError.alreadyDecrypted }
      try Self.checkSkipped(Int(header.messageNumber) - nextNumber)
    } else {
      // A peer makes a new key only after one of ours.
      guard let sending else { return nil }
      let missing = receiving.map { max(0, Int(header.previousChainLength) - $0.nextNumber) } ?? 0
      try Self.checkSkipped(missing + Int(header.messageNumber))
      let shared = try sending.keyPair.privateKey.sharedSecret(with: header.ratchetKey)
      skipped = next.receiving?.skip(to: header.previousChainLength, ratchetKey: peerKey) ?? []
      next.receiving = ReceivingChain(key: next.advanceRoot(with: shared))
      next.peerKey = header.ratchetKey
      next.previousChainLength = sending.chain.nextNumber
      next.sending = nil
    }
    guard var chain = next.receiving else { return nil }
    skipped += chain.skip(to: header.messageNumber, ratchetKey: header.ratchetKey)
    let messageKey = chain.advance()
    next.receiving = chain
    return Receipt(messageKey: messageKey, skipped: skipped, ratchet: next)
  }

  private static func checkSkipped(_ count: Int) throws {
    guard count <= RatchetLimits.skippedPerMessage else { throw LimeError.tooManySkippedMessages }
  }

  /// KDF_RK: replaces the root key and gives a new chain's key.
  private mutating func advanceRoot(with shared: SecretBytes) -> SecretBytes {
    let derived = HKDF.derive(64, salt: rootKey, keyMaterial: [shared], info: Self.rootInfo)
    rootKey = SecretBytes(copying: derived, range: 0..<Self.rootKeyLength)
    return SecretBytes(copying: derived, range: Self.rootKeyLength..<64)
  }
}
