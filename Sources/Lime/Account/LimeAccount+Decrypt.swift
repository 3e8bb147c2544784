// LimeAccount+Decrypt.swift: opening a message of another device (Double Ratchet §3.5, X3DH §3.4)

import Foundation
import GRDB

extension LimeAccount {
  /// Opens a message. Commit the plaintext together with the change: the message cannot be opened again.
  /// - Parameters:
  ///   - ratchetMessage: the part for this device, base64 decoded.
  ///   - cipherMessage: the common part, base64 decoded; nil with the direct policy.
  ///   - sender: the device the message claims to come from; a message of another one does not open.
  ///   - recipientUser: the SIP URI the message was addressed to, without its `gr` parameter.
  /// - Throws: `LimeError`; then nothing has changed, and the message may be tried again.
  public func decrypt(
    _ db: Database, ratchetMessage: Data, cipherMessage: Data?, sender: DeviceID, recipientUser: String
  ) throws -> DecryptedMessage {
    let message = try RatchetMessage(parsing: ratchetMessage)
    guard message.header.curve == curve else { throw LimeError.otherCurve(message.header.curve.rawValue) }
    let incoming = try IncomingMessage(
      message: message, cipherMessage: cipherMessage, sender: sender, recipient: device, recipientUser: recipientUser)
    let keys = try keys(db)
    return try db.atomically { try keys.storage.during { try decrypt(keys, incoming) } }
  }

  private func decrypt(_ keys: LocalKeyStore, _ incoming: IncomingMessage) throws -> DecryptedMessage {
    guard let block = incoming.message.header.x3dhInit else {
      guard let peer = try peerStore(keys).find(incoming.sender), let identity = peer.peer.identity else {
        throw LimeError.cannotDecrypt(incoming.sender)
      }
      let sessions = try sessionStore(keys).all(peerID: peer.id)
      return try decrypt(keys, incoming, from: peer, identity: identity, trying: sessions)
    }
    if let known = try peerStore(keys).find(incoming.sender) {
      try PeerStore.check(known.peer, offered: block.identity)
    }
    switch try sessionStore(keys).acceptance(of: block) {
    case .new:
      return try acceptSession(keys, incoming, block)
    case .spent:
      throw LimeError.replayedFirstMessage(incoming.sender)
    case .session(let id):
      // The block names its session: no other one is tried, and no second one is made of it.
      guard let session = try sessionStore(keys).session(id: id), let peer = try peerStore(keys).find(incoming.sender),
        session.peerID == peer.id
      else { throw LimeError.replayedFirstMessage(incoming.sender) }
      return try decrypt(keys, incoming, from: peer, identity: block.identity, trying: [session])
    }
  }

  /// Tries the sessions in turn; the one that opens the message becomes the one to answer with.
  private func decrypt(
    _ keys: LocalKeyStore, _ incoming: IncomingMessage, from peer: PeerStore.Entry, identity: IdentityKey,
    trying sessions: [StoredSession]
  ) throws -> DecryptedMessage {
    let store = sessionStore(keys)
    var reason = LimeError.cannotDecrypt(incoming.sender)
    for var session in sessions {
      guard let id = session.id else { continue }
      if session.ratchet.mayHaveSkipped(incoming.message.header),
        let skipped = try store.skippedKey(session: id, header: incoming.message.header)
      {
        guard let plaintext = try incoming.open(with: skipped.key, session: session) else { continue }
        try store.deleteSkippedKey(id: skipped.id)
        return try finish(keys, session: session, plaintext: plaintext, from: peer, identity: identity)
      }
      do {
        guard let receipt = try session.ratchet.receipt(for: incoming.message.header),
          let plaintext = try incoming.open(with: receipt.messageKey, session: session)
        else { continue }
        session.ratchet = receipt.ratchet
        try store.insert(receipt.skipped, session: id)
        return try finish(keys, session: session, plaintext: plaintext, from: peer, identity: identity)
      } catch let error as LimeError
        where error == .alreadyDecrypted || error == .tooManySkippedMessages
        || error == .weakKey
      {
        // Another session may still open it; if none does, this says more than that none did.
        reason = error
      }
    }
    throw reason
  }

  /// Makes the session that a first message asks for. The one-time key goes only when the message has proved right.
  private func acceptSession(
    _ keys: LocalKeyStore, _ incoming: IncomingMessage, _ block: X3DHInit
  ) throws -> DecryptedMessage {
    let header = incoming.message.header
    guard let signedPrekey = try keys.signedPrekey(id: block.signedPrekeyID) else {
      throw LimeError.signedPrekeyUnknown(id: block.signedPrekeyID)
    }
    let oneTimeKey = try block.oneTimeKeyID.map { id in
      guard let key = try keys.oneTimeKey(id: id) else { throw LimeError.oneTimeKeyUnknown(id: id) }
      return key
    }
    let agreement = try X3DH.respond(
      from: keys.identity, device: device, signedPrekey: signedPrekey.privateKey, oneTimeKey: oneTimeKey, to: block,
      peerDevice: incoming.sender)
    let start = try DoubleRatchet(
      responding: agreement, curve: curve, signedPrekey: signedPrekey.privateKey, peerKey: header.ratchetKey)
    guard let receipt = try start.receipt(for: header),
      let plaintext = try incoming.open(with: receipt.messageKey, associatedData: agreement.associatedData)
    else { throw LimeError.cannotDecrypt(incoming.sender) }

    let sessions = sessionStore(keys)
    let peer = try peerStore(keys).entry(for: incoming.sender, identity: block.identity)
    var session = StoredSession(id: nil, peerID: peer.id, ratchet: receipt.ratchet, x3dhInit: nil)
    let id = try sessions.save(session)
    session.id = id
    try sessions.insertAccepted(block, session: id)
    try sessions.insert(receipt.skipped, session: id)
    if let oneTimeKeyID = block.oneTimeKeyID { try keys.consumeOneTimeKey(id: oneTimeKeyID) }
    let result = try finish(keys, session: session, plaintext: plaintext, from: peer, identity: block.identity)
    try sessions.trim(peerID: peer.id)
    return result
  }

  private func finish(
    _ keys: LocalKeyStore, session: StoredSession, plaintext: Data, from peer: PeerStore.Entry, identity: IdentityKey
  ) throws -> DecryptedMessage {
    var session = session
    // The peer has the session now: it need not be told again how to make it.
    session.x3dhInit = nil
    let sessions = sessionStore(keys)
    let id = try sessions.save(session, received: 1)
    if !session.isActive { try sessions.activate(id: id, peerID: peer.id, at: now().seconds) }
    try peerStore(keys).recordContact(peer)
    return DecryptedMessage(plaintext: plaintext, status: peer.peer.status, identity: identity)
  }
}

/// A parsed message with what it is bound to.
private struct IncomingMessage {
  let message: RatchetMessage
  let sender: DeviceID
  private let recipient: DeviceID
  private let recipientUser: String
  private let binding: MessageBinding
  private let cipherMessage: Data?

  init(
    message: RatchetMessage, cipherMessage: Data?, sender: DeviceID, recipient: DeviceID, recipientUser: String
  ) throws {
    self.message = message
    self.sender = sender
    self.recipient = recipient
    self.recipientUser = recipientUser
    switch message.header.payload {
    case .plaintext:
      binding = .recipientUser(recipientUser)
      self.cipherMessage = nil
    case .seed:
      guard let cipherMessage, let tag = CipherMessage.tag(of: cipherMessage) else {
        throw LimeError.malformedMessage("the cipher message is missing")
      }
      guard cipherMessage.count <= RatchetLimits.messageLength else {
        throw LimeError.messageTooLong(bytes: cipherMessage.count)
      }
      binding = .cipherMessage(tag: tag)
      self.cipherMessage = cipherMessage
    }
  }

  func open(with key: SecretBytes, session: StoredSession) throws -> Data? {
    try open(with: key, associatedData: session.ratchet.associatedData)
  }

  /// The plaintext: with a cipher message only if that opens as well, so that a bad one costs no ratchet key.
  /// - Returns: nil when something is not as it was sent.
  func open(with key: SecretBytes, associatedData: Data) throws -> Data? {
    let payload = try message.open(
      key: key,
      associatedData: binding.associatedData(
        sender: sender, recipient: recipient, session: associatedData, header: message.headerBytes))
    guard let payload else { return nil }
    guard let cipherMessage else { return payload.withUnsafeBytes { Data($0) } }
    return try CipherMessage.open(cipherMessage, seed: payload, sender: sender, recipientUser: recipientUser)
  }
}
