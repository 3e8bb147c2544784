// LimeAccount+Encrypt.swift: encrypting one message to several devices (LIME §3.3, §3.4)

import Foundation
import GRDB

extension LimeAccount {
  /// Encrypts to each device that there is a session with. Commit before sending any of it.
  /// - Parameters:
  ///   - plaintext: at most `maximumPlaintextLength` bytes.
  ///   - recipientUser: the SIP URI the message is addressed to, without its `gr` parameter.
  ///   - devices: named twice they count once; this device must not be among them.
  /// - Returns: `failures` names the devices left out: `noSession` when there is none or it may not be used any longer.
  /// - Throws: `LimeError.messageTooLong`, `LimeError.noKeys`; a device alone never makes it throw.
  public func encrypt(
    _ db: Database, plaintext: Data, recipientUser: String, devices: [DeviceID],
    policy: EncryptionPolicy = .cipherMessage
  ) throws -> EncryptedMessage {
    guard plaintext.count <= Self.maximumPlaintextLength else { throw LimeError.messageTooLong(bytes: plaintext.count) }
    let keys = try keys(db)
    return try db.atomically {
      try encrypt(keys, plaintext: plaintext, recipientUser: recipientUser, devices: devices, policy: policy)
    }
  }

  /// Bytes of the longest plaintext.
  public static var maximumPlaintextLength: Int { RatchetLimits.plaintextLength }

  private func encrypt(
    _ keys: LocalKeyStore, plaintext: Data, recipientUser: String, devices: [DeviceID], policy: EncryptionPolicy
  ) throws -> EncryptedMessage {
    var result = EncryptedMessage(ratchetMessages: [], cipherMessage: nil, failures: [:])
    let sessions = sessionStore(keys)
    let recipients = unique(devices)
    let known = try sessions.sending(to: recipients)
    var ready: [SendingSession] = []
    for (recipient, session) in zip(recipients, known) {
      if let session, !(session.chain?.isExhausted ?? false) {
        ready.append(session.chain == nil ? try stepForSending(sessions, session) : session)
      } else {
        result.failures[recipient] = .noSession(recipient)
      }
    }
    let payload: Payload
    if policy.usesCipherMessage(plaintextLength: plaintext.count, devices: ready.count) {
      let seed = random.seed()
      let (message, tag) = try CipherMessage.seal(
        plaintext, seed: seed, sender: device, recipientUser: recipientUser)
      payload = .seed(seed, MessageBinding.cipherMessage(tag: tag))
      result.cipherMessage = message
    } else {
      payload = .plaintext(plaintext, MessageBinding.recipientUser(recipientUser))
    }
    let encrypted = try ready.concurrentMap(minimum: Self.concurrentMessages) { try encrypt(payload, with: $0) }
    try sessions.save(zip(ready, encrypted).map { ($0.id, $1.chain) })
    let peers = peerStore(keys)
    for session in ready { try peers.recordContact(id: session.peerID, status: session.status) }
    result.ratchetMessages = zip(ready, encrypted).map { session, encrypted in
      EncryptedMessage.RatchetMessage(device: session.device, data: encrypted.message, status: session.status)
    }
    return result
  }

  /// Messages that are worth being encrypted on all processors.
  private static let concurrentMessages = 64

  /// What goes into each device's ratchet message.
  private enum Payload: Sendable {
    case plaintext(Data, MessageBinding)
    case seed(SecretBytes, MessageBinding)
  }

  private func unique(_ devices: [DeviceID]) -> [DeviceID] {
    var seen: Set<DeviceID> = []
    return devices.filter { seen.insert($0).inserted }
  }

  /// The Diffie-Hellman ratchet step that the first message after one of the peer's makes.
  private func stepForSending(_ sessions: SessionStore, _ sending: SendingSession) throws -> SendingSession {
    guard var session = try sessions.session(id: sending.id) else {
      throw LimeError.internalFailure("a session is gone")
    }
    try session.ratchet.stepForSending(with: random.ratchetKey(curve))
    try sessions.save(session)
    return SendingSession(
      id: sending.id, peerID: sending.peerID, device: sending.device, status: sending.status,
      associatedData: sending.associatedData, chain: session.ratchet.sending?.chain,
      ratchetKey: session.ratchet.sending?.keyPair.publicKey ?? Data(),
      previousChainLength: session.ratchet.previousChainLength, x3dhInit: sending.x3dhInit)
  }

  /// - Returns: the message for the session's device, and the chain after it.
  private func encrypt(
    _ payload: Payload, with session: SendingSession
  ) throws -> (message: Data, chain: SendingChain) {
    guard var chain = session.chain, let next = chain.advance() else {
      throw LimeError.internalFailure("a sending chain gave no key")
    }
    func seal(
      _ bytes: some ContiguousBytes, _ kind: RatchetHeader.Payload, _ binding: MessageBinding
    ) throws -> Data {
      let header = RatchetHeader.serialized(
        curve: curve, payload: kind, x3dhInit: session.x3dhInit, messageNumber: next.number,
        previousChainLength: session.previousChainLength, ratchetKey: session.ratchetKey)
      let associatedData = binding.associatedData(
        sender: device, recipient: session.device, session: session.associatedData, header: header)
      return try RatchetMessage.seal(bytes, header: header, key: next.key, associatedData: associatedData)
    }
    let message =
      switch payload {
      case .plaintext(let plaintext, let binding): try seal(plaintext, .plaintext, binding)
      case .seed(let seed, let binding): try seal(seed, .seed, binding)
      }
    return (message, chain)
  }
}
