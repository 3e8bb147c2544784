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
      try keys.storage.during {
        try encrypt(keys, plaintext: plaintext, recipientUser: recipientUser, devices: devices, policy: policy)
      }
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
    let batch = SendingBatch(curve: curve, capacity: recipients.count)
    let reader = try sessions.sendingReader()
    for index in recipients.indices {
      var found = try reader.append(recipients[index], index, to: batch)
      if case .stepDue(let session) = found {
        try stepForSending(sessions, session)
        found = try reader.append(recipients[index], index, to: batch)
      }
      if found != .appended { result.failures[recipients[index]] = .noSession(recipients[index]) }
    }
    let messages: [Data]
    if policy.usesCipherMessage(plaintextLength: plaintext.count, devices: batch.entries.count) {
      let seed = random.seed()
      let (message, tag) = try CipherMessage.seal(
        plaintext, seed: seed, sender: device, recipientUser: recipientUser)
      result.cipherMessage = message
      messages = try seal(seed, .seed, .cipherMessage(tag: tag), recipients, batch)
    } else {
      messages = try seal(plaintext, .plaintext, .recipientUser(recipientUser), recipients, batch)
    }
    try sessions.save(batch)
    try peerStore(keys).recordContacts(batch.entries)
    result.ratchetMessages = zip(batch.entries, messages).map { entry, message in
      EncryptedMessage.RatchetMessage(device: recipients[entry.device], data: message, status: entry.status)
    }
    return result
  }

  private func seal(
    _ payload: some ContiguousBytes, _ kind: RatchetHeader.Payload, _ binding: MessageBinding,
    _ recipients: [DeviceID], _ batch: SendingBatch
  ) throws -> [Data] {
    try payload.withUnsafeBytes {
      try batch.seal($0, kind, binding: binding.beginning(sender: device), recipients: recipients)
    }
  }

  private func unique(_ devices: [DeviceID]) -> [DeviceID] {
    var seen = Set<DeviceID>(minimumCapacity: devices.count)
    return devices.filter { seen.insert($0).inserted }
  }

  /// The Diffie-Hellman ratchet step that the first message after one of the peer's makes.
  private func stepForSending(_ sessions: SessionStore, _ id: Int64) throws {
    guard var session = try sessions.session(id: id) else { throw LimeError.internalFailure("a session is gone") }
    try session.ratchet.stepForSending(with: random.ratchetKey(curve))
    try sessions.save(session)
  }
}
