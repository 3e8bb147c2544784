// StorageKey.swift: the key that an account's secrets are encrypted with in the database

import CSodium
import Foundation

/// The random data key of a database with a passphrase; see `StorageProtection`.
///
/// It is held as long as the program runs, so it has a page of its own that nothing can read but while it is in use.
///
/// `@unchecked Sendable`: the count of users, and with it the page's protection, changes only under the lock.
public final class StorageKey: @unchecked Sendable {
  static let length = Int(crypto_aead_xchacha20poly1305_ietf_KEYBYTES)

  private let bytes: UnsafeMutablePointer<UInt8>
  private let lock = NSLock()
  private var users = 0

  /// - Parameter fill: is given 32 bytes to write.
  init(fill: (UnsafeMutablePointer<UInt8>) throws -> Void) rethrows {
    bytes = SecretArena.allocate(Self.length)
    // All is initialised: when this throws, deinit frees.
    try fill(bytes)
    sodium_mprotect_noaccess(bytes)
  }

  static func random() -> StorageKey { StorageKey { randombytes_buf($0, length) } }

  // sodium_free makes the page writable, wipes it and gives it back.
  deinit { sodium_free(bytes) }

  /// Opens the page once for all that is encrypted and decrypted in `body`: each opening is a system call.
  func during<Result>(_ body: () throws -> Result) rethrows -> Result {
    lock.withLock {
      users += 1
      if users == 1 { sodium_mprotect_readonly(bytes) }
    }
    defer {
      lock.withLock {
        users -= 1
        if users == 0 { sodium_mprotect_noaccess(bytes) }
      }
    }
    return try body()
  }

  func use<Result>(_ body: (UnsafePointer<UInt8>) throws -> Result) rethrows -> Result {
    try during { try body(bytes) }
  }
}
