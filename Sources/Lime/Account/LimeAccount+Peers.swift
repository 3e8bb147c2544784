// LimeAccount+Peers.swift: other devices: their identities and how far they are trusted

import Foundation
import GRDB

extension LimeAccount {
  /// All devices known, by device id.
  public func peers(_ db: Database) throws -> [Peer] {
    try peerStore(keys(db)).all()
  }

  /// nil for a device nothing is known of.
  public func peer(_ db: Database, _ device: DeviceID) throws -> Peer? {
    try peerStore(keys(db)).find(device)?.peer
  }

  /// `unknown` for a device that no message was exchanged with.
  public func status(_ db: Database, of device: DeviceID) throws -> PeerStatus {
    try peer(db, device)?.status ?? .unknown
  }

  /// Records what the user knows of a device.
  /// - Parameter identity: the key the user verified; it becomes the device's key if none is known yet.
  /// - Throws: `LimeError.identityChanged` when another key is known for the device; `LimeError.unknownDevice` when it
  ///   is to be trusted without any key.
  public func setStatus(
    _ db: Database, of device: DeviceID, to status: PeerStatus, identity: IdentityKey? = nil
  ) throws {
    try db.atomically {
      let store = peerStore(try keys(db))
      if let identity {
        guard identity.curve == curve else { throw LimeError.otherCurve(identity.curve.rawValue) }
        try store.setStatus(status, of: store.entry(for: device, identity: identity))
        return
      }
      let entry = try store.find(device)
      guard status != .trusted || entry?.peer.identity != nil else { throw LimeError.unknownDevice(device) }
      if let entry {
        try store.setStatus(status, of: entry)
      } else {
        _ = try store.insert(Peer(device: device, identity: nil, status: status))
      }
    }
  }

  /// Forgets a device's identity key, status and sessions: the only way to accept another identity key for it.
  public func forget(_ db: Database, _ device: DeviceID) throws {
    try peerStore(keys(db)).delete(device)
  }

  /// Ends encrypting with the present session of a device, so that `devicesWithoutSession` names it. Messages that are
  /// under way can still be decrypted.
  public func markSessionsStale(_ db: Database, with device: DeviceID) throws {
    let keys = try keys(db)
    guard let entry = try peerStore(keys).find(device) else { return }
    try sessionStore(keys).deactivate(peerID: entry.id, at: now().seconds)
  }

  /// Ends encrypting with every session of every account in the database, for a database that is older than what was
  /// sent: its sending chains would give message keys a second time. Messages under way can still be decrypted.
  /// - Returns: how many sessions were in use.
  @discardableResult
  public static func endAllSendingChains(_ db: Database, now: Date) throws -> Int {
    // A message of the peer may make a stale session the active one again, so its chain has to be at its end too.
    try db.execute(
      sql: "UPDATE lime_sending SET number = ? WHERE chain_key IS NOT NULL",
      arguments: [RatchetLimits.sendingChainLength])
    try db.execute(
      sql: "UPDATE lime_session SET active = 0, stale_since = ? WHERE active = 1", arguments: [now.seconds])
    return db.changesCount
  }
}
