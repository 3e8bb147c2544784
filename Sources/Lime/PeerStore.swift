// PeerStore.swift: what is known of other devices, in the database

import Foundation
import GRDB

/// A device that messages were exchanged with, or whose identity the user verified.
public struct Peer: Hashable, Sendable {
  public var device: DeviceID
  /// nil when the user flagged the device before its key was seen.
  public var identity: IdentityKey?
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

  func find(_ device: DeviceID) throws -> Entry? {
    let rows = try Row.fetchCursor(
      db.cachedStatement(sql: "SELECT \(Self.columns) FROM lime_peer WHERE account_id = ? AND device = ?"),
      arguments: [accountID, device.string])
    return try rows.next().map { try entry($0) }
  }

  func all() throws -> [Peer] {
    try Row.fetchAll(
      db, sql: "SELECT \(Self.columns) FROM lime_peer WHERE account_id = ? ORDER BY device", arguments: [accountID]
    ).map { try entry($0).peer }
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
    try db.cachedStatement(
      sql: "INSERT INTO lime_peer (account_id, device, identity_key, status) VALUES (?, ?, ?, ?)"
    ).execute(
      arguments: [accountID, peer.device.string, peer.identity?.bytes, peer.status.rawValue])
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

  func recordContact(id: Int64, status: PeerStatus) throws {
    if status == .unknown { try setStatus(.untrusted, id: id) }
  }

  /// What `entry` reads, in its order: finding columns by name costs more than reading them.
  static let columns = "lime_peer.id, device, identity_key, status"
  static let columnCount = 4

  func entry(_ row: Row) throws -> Entry {
    let bytes: Data? = row[2]
    let identity = bytes.flatMap { IdentityKey(curve: curve, bytes: $0) }
    guard let status = PeerStatus(rawValue: row[3]), (identity == nil) == (bytes == nil) else {
      throw LimeError.internalFailure("a peer in the store is damaged")
    }
    return Entry(id: row[0], peer: Peer(device: DeviceID(row[1]), identity: identity, status: status))
  }
}
