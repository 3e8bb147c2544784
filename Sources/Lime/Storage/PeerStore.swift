// PeerStore.swift: what is known of other devices, in the database

import Foundation
import GRDB

/// A device that messages were exchanged with, or whose identity the user verified.
public struct Peer: Hashable, Sendable {
  /// As its messages and the key server name it.
  public var device: DeviceID
  /// nil when the user flagged the device before its key was seen.
  public var identity: IdentityKey?
  /// What the user decided of it, and what was seen.
  public var status: PeerStatus
}

struct PeerStore {
  let db: Database
  let accountID: Int64
  let curve: Curve

  struct Entry: Sendable {
    let id: Int64
    var peer: Peer
  }

  func find(_ device: DeviceID) throws -> Entry? { try finder()(device) }

  /// As `find`, for many devices.
  func finder() throws -> (DeviceID) throws -> Entry? {
    let statement = try RawStatement(
      db, "SELECT id, identity_key, status FROM lime_peer WHERE account_id = ? AND device = ?")
    return { device in
      try statement.run {
        statement.bind(1, accountID)
        statement.bind(2, device.string)
        guard try statement.step() else { return nil }
        return try entry(
          id: statement.int64(0), device, identity: statement.isNull(1) ? nil : Data(statement.blob(1)),
          status: statement.text(2))
      }
    }
  }

  func all() throws -> [Peer] {
    try Row.fetchAll(
      db, sql: "SELECT id, device, identity_key, status FROM lime_peer WHERE account_id = ? ORDER BY device",
      arguments: [accountID]
    ).map { try entry(id: $0[0], DeviceID($0[1]), identity: $0[2], status: $0[3]).peer }
  }

  /// The entry of a device whose identity key was offered or proved.
  /// - Throws: `LimeError.identityChanged` when another key is known for it.
  func entry(for device: DeviceID, identity: IdentityKey) throws -> Entry {
    guard var entry = try find(device) else {
      return try insert(Peer(device: device, identity: identity, status: .unknown))
    }
    try Self.check(entry.peer, offered: identity)
    if entry.peer.identity == nil {
      entry.peer.identity = identity
      try db.execute(
        sql: "UPDATE lime_peer SET identity_key = ? WHERE id = ?", arguments: [identity.bytes, entry.id])
    }
    return entry
  }

  /// - Throws: `LimeError.identityChanged` when another key is known for the peer.
  static func check(_ peer: Peer, offered: IdentityKey) throws(LimeError) {
    if let known = peer.identity, known != offered {
      throw .identityChanged(peer.device, known: known, offered: offered)
    }
  }

  func insert(_ peer: Peer) throws -> Entry {
    let statement = try RawStatement(
      db, "INSERT INTO lime_peer (account_id, device, identity_key, status) VALUES (?, ?, ?, ?)")
    try statement.run {
      statement.bind(1, accountID)
      statement.bind(2, peer.device.string)
      statement.bind(3, peer.identity?.bytes)
      statement.bind(4, peer.status.rawValue)
      try statement.step()
    }
    return Entry(id: db.lastInsertedRowID, peer: peer)
  }

  func setStatus(_ status: PeerStatus, of entry: Entry) throws { try setStatus(status, id: entry.id) }

  private func setStatus(_ status: PeerStatus, id: Int64) throws {
    try db.cachedStatement(sql: "UPDATE lime_peer SET status = ? WHERE id = ?")
      .execute(arguments: [status.rawValue, id])
  }

  /// Sessions go with it.
  func delete(_ device: DeviceID) throws {
    try db.execute(
      sql: "DELETE FROM lime_peer WHERE account_id = ? AND device = ?", arguments: [accountID, device.string])
  }

  /// After a message was exchanged the device is no longer new.
  func recordContact(_ entry: Entry) throws { try recordContact(id: entry.id, status: entry.peer.status) }

  private func recordContact(id: Int64, status: PeerStatus) throws {
    if status == .unknown { try setStatus(.untrusted, id: id) }
  }

  /// As `recordContact`, for the devices of one message.
  func recordContacts(_ entries: [SendingBatch.Entry]) throws {
    guard entries.contains(where: { $0.status == .unknown }) else { return }
    let statement = try RawStatement(db, "UPDATE lime_peer SET status = ?1 WHERE id = ?2")
    for entry in entries where entry.status == .unknown {
      try statement.run {
        statement.bind(1, PeerStatus.untrusted.rawValue)
        statement.bind(2, entry.peerID)
        try statement.step()
      }
    }
  }

  private func entry(id: Int64, _ device: DeviceID, identity bytes: Data?, status: String) throws -> Entry {
    let identity = bytes.flatMap { IdentityKey(curve: curve, bytes: $0) }
    guard let status = PeerStatus(rawValue: status), (identity == nil) == (bytes == nil) else {
      throw LimeError.internalFailure("a peer in the store is damaged")
    }
    return Entry(id: id, peer: Peer(device: device, identity: identity, status: status))
  }
}
