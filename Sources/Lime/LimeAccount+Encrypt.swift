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
    let recipients = unique(devices)
    let sessions = sessionStore(keys)
    let known = try sessions.active(among: recipients)
    var ready: [(peer: PeerStore.Entry, session: StoredSession)] = []
    for recipient in recipients {
      if let (peer, session) = known[recipient], let session, !session.ratchet.isExhausted {
        ready.append((peer, session))
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
    let encrypted = try ready.concurrentMap(minimum: Self.concurrentMessages) { peer, session in
      try encrypt(payload, to: peer.peer, with: session)
    }
    try sessions.saveSendingChains(encrypted.filter { !$0.madeRatchetStep }.map(\.session))
    for message in encrypted where message.madeRatchetStep { try sessions.save(message.session) }
    for (peer, _) in ready { try peerStore(keys).recordContact(peer) }
    result.ratchetMessages = encrypted.map(\.message)
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

  /// A message for one device, and the state of its session after it.
  private struct Encrypted: Sendable {
    let message: EncryptedMessage.RatchetMessage
    let session: StoredSession
    let madeRatchetStep: Bool
  }

  private func encrypt(_ payload: Payload, to peer: Peer, with session: StoredSession) throws -> Encrypted {
    var session = session
    let needsStep = session.ratchet.needsSendingStep
    if needsStep {
      try session.ratchet.stepForSending(with: random.ratchetKey(curve))
    }
    guard let next = session.ratchet.nextSendingKey() else {
      throw LimeError.internalFailure("a sending chain gave no key")
    }
    func seal(
      _ bytes: some ContiguousBytes, _ kind: RatchetHeader.Payload, _ binding: MessageBinding
    ) throws -> Data {
      let header = RatchetHeader(
        curve: curve, payload: kind, x3dhInit: session.x3dhInit, messageNumber: next.number,
        previousChainLength: session.ratchet.previousChainLength, ratchetKey: next.ratchetKey)
      return try RatchetMessage.seal(bytes, header: header, key: next.key) { headerBytes in
        binding.associatedData(
          sender: device, recipient: peer.device, session: session.ratchet.associatedData, header: headerBytes)
      }
    }
    let data =
      switch payload {
      case .plaintext(let plaintext, let binding): try seal(plaintext, .plaintext, binding)
      case .seed(let seed, let binding): try seal(seed, .seed, binding)
      }
    return Encrypted(
      message: EncryptedMessage.RatchetMessage(device: peer.device, data: data, status: peer.status),
      session: session, madeRatchetStep: needsStep)
  }
}
