// SecretBytes.swift: memory for secrets that is wiped when released

import CSodium
import Foundation

/// A fixed number of secret bytes, zeroed when the last copy goes away. Never printed.
///
/// Up to 128 bytes, which is every key, are in the locked memory of `SecretArena`. What is longer is a decrypted text,
/// and in ordinary memory.
// Unchecked, yet safe: nothing is written after the initialisers, and the memory is freed with the last copy.
struct SecretBytes: @unchecked Sendable {
  private final class Storage {
    let bytes: UnsafeMutablePointer<UInt8>
    private let count: Int

    init(count: Int) {
      self.count = count
      bytes = count <= SecretArena.slotLength ? SecretArena.shared.takeSlot() : .allocate(capacity: count)
      bytes.initialize(repeating: 0, count: count)
    }

    deinit {
      if count <= SecretArena.slotLength { return SecretArena.shared.giveBack(bytes) }
      sodium_memzero(bytes, count)
      bytes.deallocate()
    }
  }

  let count: Int
  private let storage: Storage

  /// Zeroed, then written by `fill`.
  init(count: Int, fill: (UnsafeMutablePointer<UInt8>) throws -> Void) rethrows {
    self.count = count
    storage = Storage(count: count)
    try fill(storage.bytes)
  }

  /// A copy of `bytes`.
  init(copying bytes: some ContiguousBytes) {
    self.init(copying: bytes, range: 0..<bytes.withUnsafeBytes { $0.count })
  }

  /// A copy of a part of `bytes`, which must exist.
  init(copying bytes: some ContiguousBytes, range: Range<Int>) {
    self.init(count: range.count) { target in
      bytes.withBytePointer { source, count in
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a part beyond the secret's end")
        target.update(from: source + range.lowerBound, count: range.count)
      }
    }
  }

  /// From the system's random generator.
  static func random(count: Int) -> SecretBytes {
    SecretBytes(count: count) { randombytes_buf($0, count) }
  }

  static func wipe(_ pointer: UnsafeMutableRawPointer, _ count: Int) { sodium_memzero(pointer, count) }
}

extension SecretBytes: ContiguousBytes {
  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    // The memory must not go back while `body` reads it.
    try withExtendedLifetime(storage) { try body(UnsafeRawBufferPointer(start: $0.bytes, count: count)) }
  }
}

extension SecretBytes: Equatable {
  /// In constant time.
  static func == (left: SecretBytes, right: SecretBytes) -> Bool {
    left.count == right.count
      && left.withUnsafeBytes { left in
        right.withUnsafeBytes { sodium_memcmp(left.baseAddress, $0.baseAddress, left.count) == 0 }
      }
  }
}

extension SecretBytes: CustomStringConvertible, CustomReflectable {
  var description: String { "\(count) secret bytes" }
  var customMirror: Mirror { Mirror(self, children: [:]) }
}
