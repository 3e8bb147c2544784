// AccountStore+Passphrase.swift: the passphrase of an account's keys: asked, set, changed and removed.
import Foundation
import GRDB
import Lime

/// The storage key once the passphrase was given.
final class UnlockedKey: Sendable {
  private let lock = NSLock()
  // Only touched under the lock.
  nonisolated(unsafe) private var key: StorageKey?

  var current: StorageKey? {
    get { lock.withLock { key } }
    set { lock.withLock { key = newValue } }
  }
}

/// What a passphrase protects are the account's private keys, ratchets and message keys; history, rooms and members stay
/// readable. Changing it needs the account for this process alone (`exclusive`).
extension AccountStore {
  /// For `LimeAccount`; nil without a passphrase, and before it was given.
  public var storageKey: StorageKey? { unlocked.current }

  /// Whether keys can be used only after `unlock`.
  public var hasPassphrase: Bool {
    get throws { try database.read { try StorageProtection.isOn($0) } }
  }

  /// Whether the passphrase has to be given before a client is started.
  public var isLocked: Bool {
    get throws { try storageKey == nil && hasPassphrase }
  }

  /// - Throws: `LimeError.wrongPassphrase`.
  public func unlock(with passphrase: Passphrase) throws {
    unlocked.current = try database.read { try StorageProtection.unlock($0, with: passphrase) }
    // A crash came between setting the passphrase and cleaning up.
    _ = try removeRemains()
  }

  /// Sets a passphrase, or another one when the account is unlocked.
  /// - Returns: false when what was stored before may still stand in the database's files, as another process reads
  ///   them; the next start tries again.
  /// - Throws: `LimeError.locked`.
  public func setPassphrase(_ passphrase: Passphrase) throws -> Bool {
    guard try !isLocked else { throw LimeError.locked }
    if let key = storageKey {
      try database.write { try StorageProtection.change($0, key, to: passphrase) }
    } else {
      unlocked.current = try database.write { try StorageProtection.turnOn($0, with: passphrase) }
    }
    return try removeRemains()
  }

  /// - Throws: `LimeError.locked`.
  public func removePassphrase() throws {
    guard let key = storageKey else {
      if try isLocked { throw LimeError.locked }
      return
    }
    try database.write { try StorageProtection.turnOff($0, key) }
    unlocked.current = nil
  }

  private func removeRemains() throws -> Bool {
    try database.writeWithoutTransaction { db in
      guard try StorageProtection.hasRemains(db) else { return true }
      do { try StorageProtection.removeRemains(db) } catch let error as DatabaseError
        where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED
      { return false }
      return true
    }
  }
}
