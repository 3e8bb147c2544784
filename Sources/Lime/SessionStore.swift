// SessionStore.swift: sessions, keys of missing messages and accepted first messages, in the database

import Foundation
import GRDB

/// A session with one device, as stored.
struct StoredSession: Sendable {
  /// nil before it is inserted.
  var id: Int64?
  let peerID: Int64
  /// Whether it is the one to encrypt with.
  var isActive = false
  var ratchet: DoubleRatchet
  /// What each message carries until the peer has answered.
  var x3dhInit: X3DHInit?
}

/// What encrypting with a session takes whose sending chain runs: messages to a large room read a thousand of these.
/// A class, as passing a structure of so many references on costs as much as the encryption.
final class SendingSession: Sendable {
  let id: Int64
  let peerID: Int64
  let device: DeviceID
  /// What is known of the device.
  let status: PeerStatus
  let associatedData: Data
  /// nil when a ratchet step is due before the next message.
  let chain: SendingChain?
  /// Of that chain: empty when there is none.
  let ratchetKey: Data
  let previousChainLength: UInt16
  /// The bytes that each message carries until the peer has answered.
  let x3dhInit: Data?

  init(
    id: Int64, peerID: Int64, device: DeviceID, status: PeerStatus, associatedData: Data, chain: SendingChain?,
    ratchetKey: Data, previousChainLength: UInt16, x3dhInit: Data?
  ) {
    self.id = id
    self.peerID = peerID
    self.device = device
    self.status = status
    self.associatedData = associatedData
    self.chain = chain
    self.ratchetKey = ratchetKey
    self.previousChainLength = previousChainLength
    self.x3dhInit = x3dhInit
  }
}

struct SessionStore {
  let db: Database
  let accountID: Int64
  let curve: Curve

  // MARK: Finding

  /// The sessions to try on a message, most likely first.
  func all(peerID: Int64) throws -> [StoredSession] {
    try fetch("peer_id = ? ORDER BY active DESC, stale_since DESC, id DESC", [peerID])
  }

  func session(id: Int64) throws -> StoredSession? {
    try fetch("id = ?", [id]).first
  }

  /// What is known of devices, and the sessions to encrypt with. A device nothing is known of is not in the result.
  func active(among devices: [DeviceID]) throws -> [DeviceID: (peer: PeerStore.Entry, session: StoredSession?)] {
    let peers = PeerStore(db: db, accountID: accountID, curve: curve)
    // One query for a whole room: running a statement for each device costs more than encrypting to it.
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT \(PeerStore.columns), \(Self.columns) FROM json_each(?)
          CROSS JOIN lime_peer ON account_id = ? AND device = json_each.value
          LEFT JOIN lime_session ON peer_id = lime_peer.id AND active = 1
          """),
      arguments: [Self.json(devices), accountID])
    var found: [DeviceID: (peer: PeerStore.Entry, session: StoredSession?)] = [:]
    while let row = try rows.next() {
      let peer = try peers.entry(row)
      let hasSession = !row.hasNull(atIndex: PeerStore.columnCount)
      found[peer.peer.device] = (peer, hasSession ? try session(row, from: PeerStore.columnCount) : nil)
    }
    return found
  }

  /// The sessions to encrypt with, one for each device; nil where there is none.
  func sending(to devices: [DeviceID]) throws -> [SendingSession?] {
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT lime_session.id, peer_id, json_each.key, status, associated_data, sending_key, sending_number, ratchet_public,
            previous_chain_length, x3dh_init
          FROM json_each(?)
          CROSS JOIN lime_peer ON account_id = ? AND device = json_each.value
          JOIN lime_session ON peer_id = lime_peer.id AND active = 1
          """),
      arguments: [Self.json(devices), accountID])
    var found = [SendingSession?](repeating: nil, count: devices.count)
    while let row = try rows.next() {
      guard let status = PeerStatus(rawValue: row[3]) else {
        throw LimeError.internalFailure("a peer in the store is damaged")
      }
      let chain = try row.secret(5).map { SendingChain(key: $0, nextNumber: row[6]) }
      let ratchetKey: Data? = row[7]
      let index: Int = row[2]
      found[index] = SendingSession(
        id: row[0], peerID: row[1], device: devices[index], status: status, associatedData: row[4], chain: chain,
        ratchetKey: ratchetKey ?? Data(), previousChainLength: row[8], x3dhInit: row[9])
    }
    return found
  }

  /// The indices of the devices there is a session with that another message may be encrypted with.
  func usable(among devices: [DeviceID]) throws -> Set<Int> {
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT json_each.key FROM json_each(?)
          CROSS JOIN lime_peer ON account_id = ? AND device = json_each.value
          JOIN lime_session ON peer_id = lime_peer.id AND active = 1
          WHERE sending_key IS NULL OR sending_number < ?
          """),
      arguments: [Self.json(devices), accountID, RatchetLimits.sendingChainLength])
    var usable: Set<Int> = []
    while let row = try rows.next() { usable.insert(row[0]) }
    return usable
  }

  /// The devices as the argument of json_each.
  private static func json(_ devices: [DeviceID]) -> String {
    var json: [UInt8] = [UInt8(ascii: "[")]
    json.reserveCapacity(devices.count * 64)
    for device in devices {
      if json.count > 1 { json.append(UInt8(ascii: ",")) }
      json.append(UInt8(ascii: "\""))
      for byte in device.string.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
        case ..<0x20: json += Array("\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
        default: json.append(byte)
        }
      }
      json.append(UInt8(ascii: "\""))
    }
    json.append(UInt8(ascii: "]"))
    return String(decoding: json, as: UTF8.self)
  }

  private func fetch(_ condition: String, _ arguments: StatementArguments) throws -> [StoredSession] {
    let rows = try Row.fetchCursor(
      db.cachedStatement(sql: "SELECT \(Self.columns) FROM lime_session WHERE \(condition)"), arguments: arguments)
    var sessions: [StoredSession] = []
    while let row = try rows.next() { sessions.append(try session(row)) }
    return sessions
  }

  /// What `session` reads, in its order.
  private static let columns = """
    lime_session.id, peer_id, active, associated_data, root_key, peer_key, ratchet_private, ratchet_public, sending_key,
    sending_number, receiving_key, receiving_number, previous_chain_length, x3dh_init
    """

  /// - Parameter first: the index of the first of `columns`.
  private func session(_ row: Row, from first: Int = 0) throws -> StoredSession {
    var sending: DoubleRatchet.Sending?
    if let privateKey = try row.secret(first + 6) {
      let keyPair = AgreementKeyPair(
        privateKey: try AgreementPrivateKey(curve: curve, bytes: privateKey), publicKey: row[first + 7])
      sending = DoubleRatchet.Sending(
        keyPair: keyPair, chain: SendingChain(key: try row.requiredSecret(first + 8), nextNumber: row[first + 9]))
    }
    let receiving = try row.secret(first + 10).map { ReceivingChain(key: $0, nextNumber: row[first + 11]) }
    let block: Data? = row[first + 13]
    return StoredSession(
      id: row[first], peerID: row[first + 1], isActive: row[first + 2],
      ratchet: DoubleRatchet(
        curve: curve, associatedData: row[first + 3], rootKey: try row.requiredSecret(first + 4),
        peerKey: row[first + 5], sending: sending, receiving: receiving, previousChainLength: row[first + 12]),
      x3dhInit: try block.map { block in
        var reader = ByteReader(block)
        return try X3DHInit(reading: &reader, curve: curve)
      })
  }

  // MARK: Changing

  /// Inserts a session that was never stored, or writes the state of one that was.
  /// - Parameter received: how many messages were decrypted with it since.
  /// - Returns: the session's row.
  @discardableResult
  func save(_ session: StoredSession, received: Int = 0) throws -> Int64 {
    let ratchet = session.ratchet
    let state: StatementArguments = [
      ratchet.rootKey.parameter, ratchet.peerKey, ratchet.sending?.keyPair.privateKey.bytes.parameter,
      ratchet.sending?.keyPair.publicKey, ratchet.sending?.chain.keyBytes.parameter,
      ratchet.sending?.chain.nextNumber, ratchet.receiving?.keyBytes.parameter, ratchet.receiving?.nextNumber,
      ratchet.previousChainLength, session.x3dhInit?.serialized,
    ]
    if let id = session.id {
      try db.cachedStatement(
        sql: """
          UPDATE lime_session SET root_key = ?, peer_key = ?, ratchet_private = ?, ratchet_public = ?, sending_key = ?,
            sending_number = ?, receiving_key = ?, receiving_number = ?, previous_chain_length = ?, x3dh_init = ?,
            received = received + ?
          WHERE id = ?
          """
      ).execute(arguments: state + [received, id])
      return id
    }
    try db.cachedStatement(
      sql: """
        INSERT INTO lime_session (root_key, peer_key, ratchet_private, ratchet_public, sending_key, sending_number,
          receiving_key, receiving_number, previous_chain_length, x3dh_init, received, peer_id, active, associated_data)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: state + [received, session.peerID, session.isActive, ratchet.associatedData])
    return db.lastInsertedRowID
  }

  /// Writes sending chains; nothing else of their sessions may have changed.
  func save(_ chains: [(session: Int64, chain: SendingChain)]) throws {
    let statement = try db.cachedStatement(
      sql: "UPDATE lime_session SET sending_key = ?, sending_number = ? WHERE id = ?")
    for (session, chain) in chains {
      try statement.execute(arguments: [chain.keyBytes.parameter, chain.nextNumber, session])
    }
  }

  /// Makes one session the one to encrypt with; the others begin their time of grace.
  func activate(id: Int64, peerID: Int64, at now: Int64) throws {
    try db.cachedStatement(
      sql: "UPDATE lime_session SET active = 0, stale_since = ? WHERE peer_id = ? AND active = 1 AND id <> ?"
    ).execute(arguments: [now, peerID, id])
    try db.cachedStatement(
      sql: "UPDATE lime_session SET active = 1, stale_since = NULL WHERE id = ? AND active = 0"
    ).execute(arguments: [id])
  }

  /// Ends encrypting with the present session; it still decrypts.
  func deactivate(peerID: Int64, at now: Int64) throws {
    try db.execute(
      sql: "UPDATE lime_session SET active = 0, stale_since = ? WHERE peer_id = ? AND active = 1",
      arguments: [now, peerID])
  }

  /// Removes the sessions longest out of use beyond the limit.
  func trim(peerID: Int64) throws {
    try db.execute(
      sql: """
        DELETE FROM lime_session WHERE id IN (
          SELECT id FROM lime_session WHERE peer_id = ?
          ORDER BY active DESC, stale_since DESC, id DESC LIMIT -1 OFFSET ?)
        """,
      arguments: [peerID, RatchetLimits.sessionsPerPeer])
  }

  func deleteStale(before time: Int64) throws {
    try db.execute(
      sql: """
        DELETE FROM lime_session WHERE stale_since < ?
          AND peer_id IN (SELECT id FROM lime_peer WHERE account_id = ?)
        """,
      arguments: [time, accountID])
  }

  // MARK: Keys of missing messages

  /// The key of a message that was missing when a later one arrived, if it is one.
  func skippedKey(session: Int64, header: RatchetHeader) throws -> (id: Int64, key: SecretBytes)? {
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: "SELECT id, message_key FROM lime_skipped_key WHERE session_id = ? AND ratchet_key = ? AND number = ?"),
      arguments: [session, header.ratchetKey, header.messageNumber])
    guard let row = try rows.next() else { return nil }
    return (row["id"], try row.requiredSecret("message_key"))
  }

  func deleteSkippedKey(id: Int64) throws {
    try db.execute(sql: "DELETE FROM lime_skipped_key WHERE id = ?", arguments: [id])
  }

  func insert(_ keys: [SkippedKey], session: Int64) throws {
    guard !keys.isEmpty else { return }
    for key in keys {
      try db.cachedStatement(
        sql: """
          INSERT INTO lime_skipped_key (session_id, ratchet_key, number, message_key, received)
          SELECT id, ?, ?, ?, received FROM lime_session WHERE id = ?
          """
      ).execute(arguments: [key.ratchetKey, key.number, key.key.parameter, session])
    }
    try db.execute(
      sql: """
        DELETE FROM lime_skipped_key WHERE id IN (
          SELECT id FROM lime_skipped_key WHERE session_id = ? ORDER BY id DESC LIMIT -1 OFFSET ?)
        """,
      arguments: [session, RatchetLimits.skippedPerSession])
  }

  /// Deletes the keys of messages that did not come while `count` later ones did.
  func deleteSkippedKeys(olderThan count: Int) throws {
    try db.execute(
      sql: """
        DELETE FROM lime_skipped_key WHERE id IN (
          SELECT lime_skipped_key.id FROM lime_skipped_key
          JOIN lime_session ON lime_session.id = session_id JOIN lime_peer ON lime_peer.id = peer_id
          WHERE account_id = ? AND lime_session.received - lime_skipped_key.received > ?)
        """,
      arguments: [accountID, count])
  }

  // MARK: Accepted first messages

  enum Acceptance {
    case new
    case session(Int64)
    /// It made a session that is gone.
    case spent
  }

  func acceptance(of block: X3DHInit) throws -> Acceptance {
    let row = try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT session_id FROM lime_accepted_init
          WHERE account_id = ? AND identity_key = ? AND ephemeral_key = ?
          """),
      arguments: [accountID, block.identity.bytes, block.ephemeralKey])
    guard let row else { return .new }
    let session: Int64? = row["session_id"]
    return session.map { .session($0) } ?? .spent
  }

  func insertAccepted(_ block: X3DHInit, session: Int64) throws {
    try db.execute(
      sql: """
        INSERT INTO lime_accepted_init
          (account_id, identity_key, ephemeral_key, signed_prekey_id, used_one_time_key, session_id)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        accountID, block.identity.bytes, block.ephemeralKey, block.signedPrekeyID, block.oneTimeKeyID != nil, session,
      ])
  }

  func acceptedInits(withOneTimeKey: Bool) throws -> Int {
    try Int.fetchOne(
      db, sql: "SELECT count(*) FROM lime_accepted_init WHERE account_id = ? AND used_one_time_key = ?",
      arguments: [accountID, withOneTimeKey]) ?? 0
  }

  /// Forgets first messages that can no longer be replayed, as their signed prekey is gone.
  func deleteSpentInits() throws {
    try db.execute(
      sql: """
        DELETE FROM lime_accepted_init WHERE account_id = ?1 AND session_id IS NULL AND signed_prekey_id NOT IN (
          SELECT key_id FROM lime_signed_prekey WHERE account_id = ?1)
        """,
      arguments: [accountID])
  }
}
