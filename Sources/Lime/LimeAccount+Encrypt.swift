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
    var ready: [(peer: PeerStore.Entry, session: StoredSession)] = []
    for recipient in unique(devices) {
      if let usable = try usableSession(keys, with: recipient) {
        ready.append(usable)
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
    for (peer, session) in ready {
      let message = try encrypt(keys, payload, to: peer, with: session)
      result.ratchetMessages.append(
        EncryptedMessage.RatchetMessage(device: peer.peer.device, data: message, status: peer.peer.status))
    }
    return result
  }

  /// What goes into each device's ratchet message.
  private enum Payload {
    case plaintext(Data, MessageBinding)
    case seed(SecretBytes, MessageBinding)
  }

  private func unique(_ devices: [DeviceID]) -> [DeviceID] {
    var seen: Set<DeviceID> = []
    return devices.filter { seen.insert($0).inserted }
  }

  private func usableSession(
    _ keys: LocalKeyStore, with recipient: DeviceID
  ) throws -> (peer: PeerStore.Entry, session: StoredSession)? {
    guard let peer = try peerStore(keys).find(recipient),
      let session = try sessionStore(keys).active(peerID: peer.id), !session.ratchet.isExhausted
    else { return nil }
    return (peer, session)
  }

  private func encrypt(
    _ keys: LocalKeyStore, _ payload: Payload, to peer: PeerStore.Entry, with session: StoredSession
  ) throws -> Data {
    var session = session
    if session.ratchet.needsSendingStep {
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
          sender: device, recipient: peer.peer.device, session: session.ratchet.associatedData, header: headerBytes)
      }
    }
    let message =
      switch payload {
      case .plaintext(let plaintext, let binding): try seal(plaintext, .plaintext, binding)
      case .seed(let seed, let binding): try seal(seed, .seed, binding)
      }
    try sessionStore(keys).save(session)
    try peerStore(keys).recordContact(peer)
    return message
  }
}
