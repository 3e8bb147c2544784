// SessionStore+Sending.swift: the sending chains of many sessions, read and written for one message

import Foundation
import GRDB

extension SessionStore {
  /// What `SendingReader.append` found.
  enum SendingState: Equatable {
    case appended
    /// A ratchet step has to come first, in the session of that row.
    case stepDue(Int64)
    /// There is no session that another message may be encrypted with.
    case none
  }

  /// Reads the sending chain of one device after the other.
  struct SendingReader {
    fileprivate let statement: RawStatement
    fileprivate let accountID: Int64
    fileprivate let storage: SecretStorage

    /// - Parameter index: of the device among those that the message is for.
    func append(_ device: DeviceID, _ index: Int, to batch: SendingBatch) throws -> SendingState {
      try statement.run {
        statement.bind(1, accountID)
        statement.bind(2, device.string)
        guard try statement.step() else { return .none }
        if statement.isNull(4) { return .stepDue(statement.int64(0)) }
        let number = try statement.integer(5, as: UInt16.self)
        guard number < RatchetLimits.sendingChainLength else { return .none }
        guard let status = PeerStatus(rawValue: statement.text(2)) else {
          throw LimeError.internalFailure("a peer in the store is damaged")
        }
        let x3dhInit = statement.blob(8)
        let (id, key) = (statement.int64(0), statement.blob(4))
        guard try storage.length(key.count) == ChainKey.length else { throw LimeError.damagedSecret }
        try batch.append(
          SendingBatch.Entry(
            id: id, peerID: statement.int64(1), device: index, status: status, number: number,
            previousChainLength: statement.integer(7), initLength: x3dhInit.count),
          associatedData: statement.blob(3), ratchetKey: statement.blob(6), x3dhInit: x3dhInit
        ) { try storage.load(key, at: SecretColumn.sendingChain(id), into: $0) }
        return .appended
      }
    }
  }

  func sendingReader() throws -> SendingReader {
    SendingReader(
      statement: try RawStatement(
        db,
        """
        SELECT lime_session.id, peer_id, status, associated_data, chain_key, number, ratchet_public,
          previous_chain_length, x3dh_init
        FROM lime_peer CROSS JOIN lime_session ON peer_id = lime_peer.id AND active = 1
        CROSS JOIN lime_sending ON session_id = lime_session.id
        WHERE account_id = ? AND device = ?
        """),
      accountID: accountID, storage: storage)
  }

  /// Writes the chains after a message was encrypted with each.
  func save(_ batch: SendingBatch) throws {
    let statement = try RawStatement(db, "UPDATE lime_sending SET chain_key = ?, number = ? WHERE session_id = ?")
    for (index, entry) in batch.entries.enumerated() {
      let key = batch.chainKey(of: index)
      try storage.store(key, ChainKey.length, at: SecretColumn.sendingChain(entry.id)) { key, count in
        try statement.run {
          statement.bind(1, at: key, count: count)
          statement.bind(2, Int(entry.number) + 1)
          statement.bind(3, entry.id)
          try statement.step()
        }
      }
    }
  }
}
