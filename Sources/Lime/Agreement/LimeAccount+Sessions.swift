// LimeAccount+Sessions.swift: starting sessions from key bundles (X3DH §3.3)

import Foundation
import GRDB

extension LimeAccount {
  /// The devices that a bundle is needed for before something can be encrypted to them; this device is none of them.
  public func devicesWithoutSession(_ db: Database, among devices: [DeviceID]) throws -> [DeviceID] {
    let keys = try keys(db)
    var seen: Set<DeviceID> = [device]
    return try sessionStore(keys).unusable(among: devices).filter { seen.insert($0).inserted }
  }

  /// How many of `count` messages can be encrypted one after the other before a device needs another session, and so
  /// another bundle; at least 1. Those that have no usable session now do not count.
  public func messagesBeforeNewSession(_ db: Database, to devices: [DeviceID], of count: Int) throws -> Int {
    guard count > 1 else { return 1 }
    return try sessionStore(try keys(db)).headroom(among: devices, upTo: count)
  }

  /// The request for the keys of devices. The server hands out one of each device's one-time keys, so ask only for
  /// those of `devicesWithoutSession`, at most `KeyServerRequest.devicesPerRequest` at once.
  public func bundleRequest(for devices: [DeviceID]) -> KeyServerRequest {
    KeyServerRequest(curve: curve, content: .getBundles(devices))
  }

  /// The bundles in the answer to `bundleRequest(for:)`.
  /// - Throws: `LimeError.keyServer` for an error answer, `KeyServerMessageError` for one about other devices.
  public func bundles(in answer: KeyServerAnswer, for devices: [DeviceID]) throws -> [KeyBundle] {
    try answer.bundles(for: devices, curve: curve)
  }

  /// Starts sessions from the answer to `bundleRequest(for:)`.
  /// - Throws: `LimeError.keyServer` for an error answer, `KeyServerMessageError` for one about other devices.
  public func startSessions(
    _ db: Database, with answer: KeyServerAnswer, for devices: [DeviceID]
  ) throws -> [DeviceID: Result<Void, LimeError>] {
    try startSessions(db, with: bundles(in: answer, for: devices))
  }

  /// Starts a session with each device whose keys are in order.
  ///
  /// One bad bundle refuses its device only: `badSignature`, `identityChanged`, `weakKey`, `noKeysPublished`. A device
  /// that a usable session exists with meanwhile keeps it. Of several bundles of one device the first counts.
  public func startSessions(
    _ db: Database, with bundles: [KeyBundle]
  ) throws -> [DeviceID: Result<Void, LimeError>] {
    guard !bundles.isEmpty else { return [:] }
    let keys = try keys(db)
    var seen: Set<DeviceID> = [device]
    let bundles = bundles.filter { seen.insert($0.device).inserted }
    return try db.atomically {
      let known = try sessionStore(keys).active(among: bundles.map(\.device))
      var results: [DeviceID: Result<Void, LimeError>] = [:]
      var wanted: [(device: DeviceID, keys: KeyBundle.Keys)] = []
      for bundle in bundles {
        results[bundle.device] = Result { () throws(LimeError) in
          guard let published = bundle.keys else { throw .noKeysPublished(bundle.device) }
          let (peer, session) = known[bundle.device] ?? (nil, nil)
          if let peer { try PeerStore.check(peer.peer, offered: published.identity) }
          if let session, !session.ratchet.isExhausted { return }
          wanted.append((bundle.device, published))
        }
      }
      let identity = try keys.identity
      let agreementKey = try identity.agreementKey()
      let agreed = try wanted.concurrentMap(minimum: Self.concurrentAgreements) { device, published in
        do {
          return Result<NewSession, LimeError>.success(
            try newSession(identity, agreementKey, with: published, of: device))
        } catch let error as LimeError { return .failure(error) }
      }
      // Nothing is written of a device before all checks have passed.
      try keys.storage.during {
        for (wanted, session) in zip(wanted, agreed) {
          let (device, published) = wanted
          switch session {
          case .success(let session):
            try save(keys, session, with: device, identity: published.identity, peer: known[device]?.peer)
          case .failure(let error): results[device] = .failure(error)
          }
        }
      }
      return results
    }
  }

  /// Agreements that are worth being computed on all processors.
  private static let concurrentAgreements = 4

  private struct NewSession: Sendable {
    let ratchet: DoubleRatchet
    let x3dhInit: X3DHInit
  }

  /// - Throws: `LimeError.badSignature`, `.weakKey`.
  private func newSession(
    _ identity: IdentityKeyPair, _ agreementKey: AgreementPrivateKey, with published: KeyBundle.Keys, of peer: DeviceID
  ) throws -> NewSession {
    let ephemeral = try random.ephemeralKey(curve)
    let agreement = try X3DH.initiate(
      from: (identity.publicKey, agreementKey), device: device, ephemeral: ephemeral.privateKey, to: published,
      peerDevice: peer)
    return NewSession(
      ratchet: try DoubleRatchet(
        initiating: agreement, curve: curve, peerPrekey: published.signedPrekey.publicKey,
        ratchetKey: random.ratchetKey(curve)),
      x3dhInit: X3DHInit(
        identity: identity.publicKey, ephemeralKey: ephemeral.publicKey,
        signedPrekeyID: published.signedPrekey.id, oneTimeKeyID: published.oneTimeKey?.id))
  }

  private func save(
    _ keys: LocalKeyStore, _ new: NewSession, with device: DeviceID, identity: IdentityKey, peer known: PeerStore.Entry?
  ) throws {
    let peers = peerStore(keys)
    let sessions = sessionStore(keys)
    guard known != nil else {
      // The first session with a device: there is none to take the place of.
      let peer = try peers.insert(Peer(device: device, identity: identity, status: .unknown))
      try sessions.save(
        StoredSession(id: nil, peerID: peer.id, isActive: true, ratchet: new.ratchet, x3dhInit: new.x3dhInit))
      return
    }
    let peer = try peers.entry(for: device, identity: identity)
    let id = try sessions.save(
      StoredSession(id: nil, peerID: peer.id, ratchet: new.ratchet, x3dhInit: new.x3dhInit))
    try sessions.activate(id: id, peerID: peer.id, at: now().seconds)
    try sessions.trim(peerID: peer.id)
  }
}
