// SecretStorage.swift: secrets as they stand in the database: plain, or encrypted with the storage key

import CSodium
import Foundation
import GRDB

/// The row and column that a secret belongs to: the associated data of its encryption, so that it is of no use in
/// another row.
///
/// A name, and the row's identifying values: numbers as eight bytes (big endian), bytes and texts with their length
/// before them, as eight bytes too.
struct SecretPlace {
  private(set) var bytes: [UInt8]

  init(_ name: StaticString) {
    bytes = name.withUTF8Buffer { Array($0) }
    bytes.reserveCapacity(192)
  }

  mutating func append(_ number: Int64) { withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) } }

  mutating func append(_ data: some Sequence<UInt8>) {
    let start = bytes.count
    append(0)
    bytes.append(contentsOf: data)
    let length = UInt64(bytes.count - start - 8)
    withUnsafeBytes(of: length.bigEndian) { bytes.replaceSubrange(start..<start + 8, with: $0) }
  }
}

/// Turns secrets into what is stored and back: XChaCha20-Poly1305 (libsodium, IETF variant) with a random nonce of 24
/// bytes in front, or the secret itself when the database has no passphrase.
struct SecretStorage: Sendable {
  /// nil for a database without passphrase, and for one that was not unlocked.
  private let key: StorageKey?
  private let isLocked: Bool

  static let nonceLength = Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
  /// What encryption adds.
  static let overhead = nonceLength + Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)

  static let plain = SecretStorage(key: nil, isProtected: false)

  /// - Parameter isProtected: whether the database has a passphrase; without one the key is not used.
  init(key: StorageKey?, isProtected: Bool) {
    self.key = isProtected ? key : nil
    isLocked = isProtected && key == nil
  }

  /// For many secrets in a row.
  func during<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard let key else { return try body() }
    return try key.during(body)
  }

  /// Calls `body` with what is to be stored.
  /// - Throws: `LimeError.locked`.
  func store<Result>(
    _ secret: UnsafePointer<UInt8>, _ count: Int, at place: @autoclosure () -> SecretPlace,
    _ body: (UnsafePointer<UInt8>, Int) throws -> Result
  ) throws -> Result {
    guard !isLocked else { throw LimeError.locked }
    guard let key else { return try body(secret, count) }
    let place = place().bytes
    return try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count + Self.overhead) { stored in
      guard let base = stored.baseAddress else { throw LimeError.internalFailure("no memory") }
      randombytes_buf(base, Self.nonceLength)
      key.use { key in
        _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
          base + Self.nonceLength, nil, secret, UInt64(count), place, UInt64(place.count), nil, base, key)
      }
      return try body(base, stored.count)
    }
  }

  func store<Result>(
    _ secret: SecretBytes, at place: @autoclosure () -> SecretPlace,
    _ body: (UnsafePointer<UInt8>, Int) throws -> Result
  ) throws -> Result {
    try secret.withBytePointer { try store($0, $1, at: place(), body) }
  }

  /// How long the secret in stored bytes is.
  /// - Throws: `LimeError.locked`.
  func length(_ stored: Int) throws -> Int {
    guard !isLocked else { throw LimeError.locked }
    return key == nil ? stored : max(0, stored - Self.overhead)
  }

  /// Writes the secret, of `length(stored.count)` bytes, to `target`.
  /// - Throws: `LimeError.locked`; `LimeError.damagedSecret` when it is not what was stored at this place.
  func load(
    _ stored: UnsafeRawBufferPointer, at place: @autoclosure () -> SecretPlace, into target: UnsafeMutablePointer<UInt8>
  ) throws {
    guard !isLocked else { throw LimeError.locked }
    guard let key else {
      if let source = stored.baseAddress?.assumingMemoryBound(to: UInt8.self) {
        target.update(from: source, count: stored.count)
      }
      return
    }
    let place = place().bytes
    guard stored.count >= Self.overhead, let base = stored.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
      throw LimeError.damagedSecret
    }
    let isRight = key.use { key in
      crypto_aead_xchacha20poly1305_ietf_decrypt(
        target, nil, nil, base + Self.nonceLength, UInt64(stored.count - Self.nonceLength), place, UInt64(place.count),
        base, key) == 0
    }
    guard isRight else { throw LimeError.damagedSecret }
  }

  func load(_ stored: UnsafeRawBufferPointer, at place: @autoclosure () -> SecretPlace) throws -> SecretBytes {
    try SecretBytes(count: try length(stored.count)) { try load(stored, at: place(), into: $0) }
  }
}

extension Row {
  /// The secret in a column, which must not be NULL. Only for rows of a cursor.
  func secret(
    _ index: Int, _ storage: SecretStorage, _ place: @autoclosure () -> SecretPlace
  ) throws -> SecretBytes {
    try withUnsafeData(atIndex: index) { stored in
      guard let stored else { throw LimeError.internalFailure("a secret is missing in the store") }
      return try stored.withUnsafeBytes { try storage.load($0, at: place()) }
    }
  }
}
