// SecretColumn.swift: all columns that hold secrets, and what binds each to its row

import Foundation
import GRDB

/// A column with secrets. Its rows are written and read one by one where they are used, and all at once when a
/// passphrase is set or removed.
enum SecretColumn: CaseIterable {
  case identitySeed, signedPrekey, oneTimeKey, session, sendingChain, skippedKey

  /// Encrypts all secrets anew; in one transaction with what changes in `lime_protection`.
  static func rewrite(_ db: Database, from old: SecretStorage, to new: SecretStorage) throws {
    for column in allCases {
      let (table, name, identity) = column.names
      let rows = try Int64.fetchAll(db, sql: "SELECT rowid FROM \(table) WHERE \(name) IS NOT NULL")
      let read = try RawStatement(db, "SELECT \(name), \(identity) FROM \(table) WHERE rowid = ?")
      let write = try RawStatement(db, "UPDATE \(table) SET \(name) = ?1 WHERE rowid = ?2")
      for row in rows {
        let (secret, place) = try read.run {
          read.bind(1, row)
          guard try read.step() else { throw LimeError.internalFailure("a row is gone") }
          let place = column.place(read, from: 1)
          return (try old.load(read.blob(0), at: place), place)
        }
        try new.store(secret, at: place) { bytes, count in
          try write.run {
            write.bind(1, at: bytes, count: count)
            write.bind(2, row)
            try write.step()
          }
        }
      }
    }
  }

  /// Table, column, and the columns that the place is made of.
  private var names: (table: String, column: String, identity: String) {
    switch self {
    case .identitySeed: ("lime_account", "identity_seed", "device, curve, identity_key")
    case .signedPrekey: ("lime_signed_prekey", "private_key", "account_id, key_id, public_key")
    case .oneTimeKey: ("lime_one_time_key", "private_key", "account_id, key_id, public_key")
    case .session: ("lime_session", "secrets", "id, peer_id, associated_data, peer_key, ratchet_public")
    case .sendingChain: ("lime_sending", "chain_key", "session_id")
    case .skippedKey: ("lime_skipped_key", "message_key", "session_id, ratchet_key, number")
    }
  }

  private func place(_ row: RawStatement, from first: Int32) -> SecretPlace {
    func blob(_ index: Int32) -> Data { Data(row.blob(first + index)) }
    return switch self {
    case .identitySeed: Self.identitySeed(row.text(first), row.int64(first + 1), blob(2))
    case .signedPrekey: Self.signedPrekey(row.int64(first), row.int64(first + 1), blob(2))
    case .oneTimeKey: Self.oneTimeKey(row.int64(first), row.int64(first + 1), blob(2))
    case .session: Self.session(row.int64(first), row.int64(first + 1), blob(2), blob(3), blob(4))
    case .sendingChain: Self.sendingChain(row.int64(first))
    case .skippedKey: Self.skippedKey(row.int64(first), blob(1), row.int64(first + 2))
    }
  }

  // MARK: Places

  static func identitySeed(_ device: String, _ curve: Int64, _ key: Data) -> SecretPlace {
    var place = SecretPlace("lime_account.identity_seed")
    place.append(device.utf8)
    place.append(curve)
    place.append(key)
    return place
  }

  static func signedPrekey(_ account: Int64, _ id: Int64, _ key: Data) -> SecretPlace {
    prekey("lime_signed_prekey.private_key", account, id, key)
  }

  static func oneTimeKey(_ account: Int64, _ id: Int64, _ key: Data) -> SecretPlace {
    prekey("lime_one_time_key.private_key", account, id, key)
  }

  private static func prekey(_ name: StaticString, _ account: Int64, _ id: Int64, _ key: Data) -> SecretPlace {
    var place = SecretPlace(name)
    place.append(account)
    place.append(id)
    place.append(key)
    return place
  }

  /// - Parameter ratchetKey: empty when there is none.
  static func session(
    _ id: Int64, _ peer: Int64, _ associatedData: Data, _ peerKey: Data, _ ratchetKey: Data
  ) -> SecretPlace {
    var place = SecretPlace("lime_session.secrets")
    place.append(id)
    place.append(peer)
    place.append(associatedData)
    place.append(peerKey)
    place.append(ratchetKey)
    return place
  }

  static func sendingChain(_ session: Int64) -> SecretPlace {
    var place = SecretPlace("lime_sending.chain_key")
    place.append(session)
    return place
  }

  static func skippedKey(_ session: Int64, _ ratchetKey: Data, _ number: Int64) -> SecretPlace {
    var place = SecretPlace("lime_skipped_key.message_key")
    place.append(session)
    place.append(ratchetKey)
    place.append(number)
    return place
  }
}
