// LimeAccount+Sessions.swift: starting sessions from key bundles (X3DH §3.3)

import Foundation
import GRDB

extension LimeAccount {
  /// The devices that a bundle is needed for before something can be encrypted to them; this device is none of them.
  public func devicesWithoutSession(_ db: Database, among devices: [DeviceID]) throws -> [DeviceID] {
    let keys = try keys(db)
    let statement = try db.cachedStatement(
      sql: """
        SELECT 1 FROM lime_session JOIN lime_peer ON lime_peer.id = peer_id
        WHERE account_id = ? AND device = ? AND active = 1 AND (sending_key IS NULL OR sending_number < ?)
        """)
    var seen: Set<DeviceID> = [device]
    return try devices.filter { device in
      guard seen.insert(device).inserted else { return false }
      let arguments: StatementArguments = [keys.accountID, device.string, RatchetLimits.sendingChainLength]
      return try Bool.fetchOne(statement, arguments: arguments) == nil
    }
  }

  /// The request for the keys of devices. The server hands out one of each device's one-time keys, so ask only for those
  /// of `devicesWithoutSession`.
  public func bundleRequest(for devices: [DeviceID]) -> KeyServerRequest {
    KeyServerRequest(curve: curve, content: .getBundles(devices))
  }

  /// Starts sessions from the answer to `bundleRequest(for:)`.
  /// - Throws: `LimeError.keyServer` for an error answer, `KeyServerMessageError` for one about other devices.
  public func startSessions(
    _ db: Database, with answer: KeyServerAnswer, for devices: [DeviceID]
  ) throws -> [DeviceID: Result<Void, LimeError>] {
    try startSessions(db, with: answer.bundles(for: devices, curve: curve))
  }

  /// Starts a session with each device whose keys are in order.
  ///
  /// One bad bundle refuses its device only: `badSignature`, `identityChanged`, `weakKey`, `noKeysPublished`. A device
  /// that a usable session exists with meanwhile keeps it.
  public func startSessions(
    _ db: Database, with bundles: [KeyBundle]
  ) throws -> [DeviceID: Result<Void, LimeError>] {
    let keys = try keys(db)
    return try db.atomically {
      var results: [DeviceID: Result<Void, LimeError>] = [:]
      for bundle in bundles where bundle.device != device {
        do {
          try startSession(keys, with: bundle)
          results[bundle.device] = .success(())
        } catch let error as LimeError {
          results[bundle.device] = .failure(error)
        }
      }
      return results
    }
  }

  private func startSession(_ keys: LocalKeyStore, with bundle: KeyBundle) throws {
    guard let published = bundle.keys else { throw LimeError.noKeysPublished(bundle.device) }
    let peers = peerStore(keys)
    let sessions = sessionStore(keys)
    if let known = try peers.find(bundle.device) {
      try PeerStore.check(known.peer, offered: published.identity)
      if let active = try sessions.active(peerID: known.id), !active.ratchet.isExhausted { return }
    }
    let ephemeral = try random.ephemeralKey(curve)
    let agreement = try X3DH.initiate(
      from: keys.identity, device: device, ephemeral: ephemeral.privateKey, to: published, peerDevice: bundle.device)
    let ratchet = try DoubleRatchet(
      initiating: agreement, curve: curve, peerPrekey: published.signedPrekey.publicKey,
      ratchetKey: random.ratchetKey(curve))
    // Nothing was written before all checks have passed.
    let peer = try peers.entry(for: bundle.device, identity: published.identity)
    let id = try sessions.save(
      StoredSession(
        id: nil, peerID: peer.id, ratchet: ratchet,
        x3dhInit: X3DHInit(
          identity: keys.identity.publicKey, ephemeralKey: ephemeral.publicKey,
          signedPrekeyID: published.signedPrekey.id, oneTimeKeyID: published.oneTimeKey?.id)))
    try sessions.activate(id: id, peerID: peer.id, at: now().seconds)
    try sessions.trim(peerID: peer.id)
  }
}
