// SecretBytes.swift: memory for secrets that is wiped when released

import CSodium
import Foundation

/// A fixed number of secret bytes, zeroed when the last copy goes away. Never printed.
///
/// Plain memory wiped with `sodium_memzero`, not `sodium_malloc`: that takes four pages, three system calls and a
/// share of the small mlock limit for each secret, and a message to a large room moves thousands of them.
// Unchecked, yet safe: nothing is written after the initialisers, and the memory is freed with the last copy.
struct SecretBytes: @unchecked Sendable {
  /// The bytes stand behind the object's fields, in the same piece of memory.
  private final class Storage: ManagedBuffer<Int, UInt8> {
    deinit {
      withUnsafeMutablePointers { count, bytes in sodium_memzero(bytes, count.pointee) }
    }
  }

  /// libsodium chooses its implementations and opens the random generator once, before anything else.
  private static let isLibraryReady = sodium_init() >= 0

  let count: Int
  private let storage: ManagedBuffer<Int, UInt8>

  /// Zeroed, then written by `fill`.
  init(count: Int, fill: (UnsafeMutablePointer<UInt8>) throws -> Void) rethrows {
    precondition(Self.isLibraryReady, "libsodium failed to initialise")
    self.count = count
    storage = Storage.create(minimumCapacity: max(count, 1)) { _ in count }
    try storage.withUnsafeMutablePointerToElements { bytes in
      bytes.initialize(repeating: 0, count: max(count, 1))
      try fill(bytes)
    }
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
    try storage.withUnsafeMutablePointerToElements { try body(UnsafeRawBufferPointer(start: $0, count: count)) }
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
