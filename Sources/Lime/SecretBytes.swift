// SecretBytes.swift: memory for secrets that is wiped when released

import CSodium
import Foundation

/// A fixed number of secret bytes, zeroed when the last reference goes away. Never printed.
///
/// Plain memory wiped with `sodium_memzero`, not `sodium_malloc`: that takes four pages, three system calls and a
/// share of the small mlock limit for each secret, and a message to a large room moves thousands of them.
// Sendable without checking: nothing is written after the initialisers, and the memory is freed with the last reference.
final class SecretBytes: @unchecked Sendable {
  let count: Int
  private let base: UnsafeMutablePointer<UInt8>

  /// Zeroed, then written by `fill`.
  init(count: Int, fill: (UnsafeMutablePointer<UInt8>) throws -> Void) rethrows {
    self.count = count
    base = .allocate(capacity: max(count, 1))
    base.initialize(repeating: 0, count: max(count, 1))
    try fill(base)
  }

  /// A copy of `bytes`.
  convenience init(copying bytes: some ContiguousBytes) {
    self.init(copying: bytes, range: 0..<bytes.withUnsafeBytes { $0.count })
  }

  /// A copy of a part of `bytes`, which must exist.
  convenience init(copying bytes: some ContiguousBytes, range: Range<Int>) {
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

  deinit {
    sodium_memzero(base, count)
    base.deallocate()
  }

  static func wipe(_ pointer: UnsafeMutableRawPointer, _ count: Int) { sodium_memzero(pointer, count) }
}

extension SecretBytes: ContiguousBytes {
  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(start: base, count: count))
  }
}

extension SecretBytes: Equatable {
  /// In constant time.
  static func == (left: SecretBytes, right: SecretBytes) -> Bool {
    left.count == right.count && sodium_memcmp(left.base, right.base, left.count) == 0
  }
}

extension SecretBytes: CustomStringConvertible, CustomReflectable {
  var description: String { "\(count) secret bytes" }
  var customMirror: Mirror { Mirror(self, children: [:]) }
}
