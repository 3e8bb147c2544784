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

struct SessionStore {
  let db: Database
  let accountID: Int64
  let curve: Curve
  let storage: SecretStorage

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
    let find = try PeerStore(db: db, accountID: accountID, curve: curve).finder()
    var found: [DeviceID: (peer: PeerStore.Entry, session: StoredSession?)] = [:]
    for device in devices {
      guard let peer = try find(device) else { continue }
      found[device] = (peer, try fetch("peer_id = ? AND active = 1", [peer.id]).first)
    }
    return found
  }

  /// The devices there is no session with that another message may be encrypted with.
  func unusable(among devices: [DeviceID]) throws -> [DeviceID] {
    let statement = try RawStatement(
      db,
      """
      SELECT 1 FROM lime_peer CROSS JOIN lime_session ON peer_id = lime_peer.id AND active = 1
      CROSS JOIN lime_sending ON session_id = lime_session.id
      WHERE account_id = ? AND device = ? AND (chain_key IS NULL OR number < ?)
      """)
    return try devices.filter { device in
      try statement.run {
        statement.bind(1, accountID)
        statement.bind(2, device.string)
        statement.bind(3, RatchetLimits.sendingChainLength)
        return try !statement.step()
      }
    }
  }

  /// How many messages can be encrypted with each of the sessions before the first of them may not be used any longer.
  /// - Parameter limit: more is not asked for.
  func headroom(among devices: [DeviceID], upTo limit: Int) throws -> Int {
    let statement = try RawStatement(
      db,
      """
      SELECT number FROM lime_peer CROSS JOIN lime_session ON peer_id = lime_peer.id AND active = 1
      CROSS JOIN lime_sending ON session_id = lime_session.id
      WHERE account_id = ? AND device = ? AND chain_key IS NOT NULL AND number BETWEEN ? AND ?
      """)
    var least = limit
    for device in devices {
      try statement.run {
        statement.bind(1, accountID)
        statement.bind(2, device.string)
        statement.bind(3, RatchetLimits.sendingChainLength - limit + 1)
        statement.bind(4, RatchetLimits.sendingChainLength - 1)
        guard try statement.step() else { return }
        least = min(least, RatchetLimits.sendingChainLength - Int(statement.int64(0)))
      }
    }
    return least
  }

  private func fetch(_ condition: String, _ arguments: StatementArguments) throws -> [StoredSession] {
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT id, peer_id, active, associated_data, secrets, peer_key, ratchet_public, chain_key, number,
            receiving_number, previous_chain_length, x3dh_init
          FROM lime_session JOIN lime_sending ON session_id = id WHERE \(condition)
          """),
      arguments: arguments)
    var sessions: [StoredSession] = []
    while let row = try rows.next() { sessions.append(try session(row)) }
    return sessions
  }

  private func session(_ row: Row) throws -> StoredSession {
    let (id, peerID): (Int64, Int64) = (row[0], row[1])
    let (associatedData, peerKey): (Data, Data) = (row[3], row[5])
    let ratchetPublic: Data? = row[6]
    let receivingNumber: Int? = row[9]
    let secrets = try SessionSecrets(
      row.secret(4, storage, SecretColumn.session(id, peerID, associatedData, peerKey, ratchetPublic ?? Data())),
      curve: curve, hasRatchetKey: ratchetPublic != nil, isReceiving: receivingNumber != nil)
    var sending: DoubleRatchet.Sending?
    if let ratchetPublic, let privateKey = secrets.ratchetPrivate {
      sending = DoubleRatchet.Sending(
        keyPair: AgreementKeyPair(
          privateKey: try AgreementPrivateKey(curve: curve, bytes: privateKey), publicKey: ratchetPublic),
        chain: SendingChain(
          key: try row.secret(7, storage, SecretColumn.sendingChain(id)), nextNumber: row[8]))
    }
    var receiving: ReceivingChain?
    if let receivingNumber, let key = secrets.receivingKey {
      receiving = ReceivingChain(key: key, nextNumber: receivingNumber)
    }
    let block: Data? = row[11]
    return StoredSession(
      id: id, peerID: peerID, isActive: row[2],
      ratchet: DoubleRatchet(
        curve: curve, associatedData: associatedData, rootKey: secrets.rootKey, peerKey: peerKey, sending: sending,
        receiving: receiving, previousChainLength: row[10]),
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
    let statement =
      if session.id != nil {
        try RawStatement(
          db,
          """
          UPDATE lime_session SET secrets = ?1, peer_key = ?2, ratchet_public = ?3, receiving_number = ?4,
            previous_chain_length = ?5, x3dh_init = ?6, received = received + ?7 WHERE id = ?8
          """)
      } else {
        try RawStatement(
          db,
          """
          INSERT INTO lime_session (secrets, peer_key, ratchet_public, receiving_number, previous_chain_length,
            x3dh_init, received, id, peer_id, active, associated_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """)
      }
    // The row's number is chosen here, as the secrets are bound to it.
    let id = try session.id ?? nextID()
    let place = SecretColumn.session(
      id, session.peerID, ratchet.associatedData, ratchet.peerKey, ratchet.sending?.keyPair.publicKey ?? Data())
    try storage.store(SessionSecrets(of: ratchet).joined, at: place) { secrets, count in
      try statement.run {
        statement.bind(1, at: secrets, count: count)
        statement.bind(2, ratchet.peerKey)
        statement.bind(3, ratchet.sending?.keyPair.publicKey)
        if let receiving = ratchet.receiving { statement.bind(4, receiving.nextNumber) }
        statement.bind(5, Int(ratchet.previousChainLength))
        statement.bind(6, session.x3dhInit?.serialized)
        statement.bind(7, received)
        statement.bind(8, id)
        if session.id == nil {
          statement.bind(9, session.peerID)
          statement.bind(10, session.isActive ? 1 : 0)
          statement.bind(11, ratchet.associatedData)
        }
        try statement.step()
      }
    }
    try saveSending(ratchet.sending?.chain, session: id)
    return id
  }

  /// - Parameter chain: nil when a ratchet step is due.
  private func saveSending(_ chain: SendingChain?, session: Int64) throws {
    let statement = try RawStatement(
      db, "INSERT OR REPLACE INTO lime_sending (session_id, number, chain_key) VALUES (?, ?, ?)")
    func write(_ key: UnsafePointer<UInt8>?, _ count: Int) throws {
      try statement.run {
        statement.bind(1, session)
        statement.bind(2, Int(chain?.nextNumber ?? 0))
        if let key { statement.bind(3, at: key, count: count) }
        try statement.step()
      }
    }
    guard let chain else { return try write(nil, 0) }
    try storage.store(chain.keyBytes, at: SecretColumn.sendingChain(session), write)
  }

  private func nextID() throws -> Int64 {
    let statement = try RawStatement(db, "SELECT coalesce(max(id), 0) + 1 FROM lime_session")
    return try statement.run {
      try statement.step()
      return statement.int64(0)
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
    try db.cachedStatement(
      sql: """
        DELETE FROM lime_session WHERE id IN (
          SELECT id FROM lime_session WHERE peer_id = ?
          ORDER BY active DESC, stale_since DESC, id DESC LIMIT -1 OFFSET ?)
        """
    ).execute(arguments: [peerID, RatchetLimits.sessionsPerPeer])
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
    let statement = try RawStatement(
      db, "SELECT id, message_key FROM lime_skipped_key WHERE session_id = ? AND ratchet_key = ? AND number = ?")
    return try statement.run {
      statement.bind(1, session)
      statement.bind(2, header.ratchetKey)
      statement.bind(3, Int(header.messageNumber))
      guard try statement.step() else { return nil }
      let place = SecretColumn.skippedKey(session, header.ratchetKey, Int64(header.messageNumber))
      return (statement.int64(0), try storage.load(statement.blob(1), at: place))
    }
  }

  func deleteSkippedKey(id: Int64) throws {
    try db.cachedStatement(sql: "DELETE FROM lime_skipped_key WHERE id = ?").execute(arguments: [id])
  }

  func insert(_ keys: [SkippedKey], session: Int64) throws {
    guard !keys.isEmpty else { return }
    let statement = try RawStatement(
      db,
      """
      INSERT INTO lime_skipped_key (session_id, ratchet_key, number, message_key, received)
      SELECT id, ?1, ?2, ?3, received FROM lime_session WHERE id = ?4
      """)
    for key in keys {
      let place = SecretColumn.skippedKey(session, key.ratchetKey, Int64(key.number))
      try storage.store(key.key, at: place) { messageKey, count in
        try statement.run {
          statement.bind(1, key.ratchetKey)
          statement.bind(2, Int(key.number))
          statement.bind(3, at: messageKey, count: count)
          statement.bind(4, session)
          try statement.step()
        }
      }
    }
    try db.cachedStatement(
      sql: """
        DELETE FROM lime_skipped_key WHERE id IN (
          SELECT id FROM lime_skipped_key WHERE session_id = ? ORDER BY id DESC LIMIT -1 OFFSET ?)
        """
    ).execute(arguments: [session, RatchetLimits.skippedPerSession])
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
    try db.cachedStatement(
      sql: """
        INSERT INTO lime_accepted_init
          (account_id, identity_key, ephemeral_key, signed_prekey_id, used_one_time_key, session_id)
        VALUES (?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
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
