// SecretArena.swift: locked memory between guard pages, given out in small slots

import CSodium
import Foundation

/// Memory for keys, by `sodium_malloc`: locked, so that it reaches no swap, left out of core files, and between guard
/// pages, so that no overrun of something else reaches it.
///
/// One such piece takes four pages and several system calls, and a message to a large room moves thousands of keys. So
/// pieces are taken from the system once, and given out in slots. A slot is wiped when it comes back. Beyond the limit
/// for locked memory (`ulimit -l`) pieces are not locked, but all else holds.
// Unchecked, yet safe: the list is only touched under the lock.
final class SecretArena: @unchecked Sendable {
  static let shared = SecretArena()

  /// Bytes of a slot: the longest secret is a session's, of 120 bytes.
  static let slotLength = 128
  private static let slotsInPiece = 128

  private let lock = NSLock()
  private var free: [UnsafeMutablePointer<UInt8>] = []

  /// libsodium chooses its implementations and opens the random generator once, before anything else.
  private init() { precondition(sodium_init() >= 0, "libsodium failed to initialise") }

  /// 128 bytes of anything.
  func takeSlot() -> UnsafeMutablePointer<UInt8> {
    lock.withLock {
      if let slot = free.popLast() { return slot }
      let piece = Self.allocate(Self.slotLength * Self.slotsInPiece)
      free += (1..<Self.slotsInPiece).map { piece + $0 * Self.slotLength }
      return piece
    }
  }

  func giveBack(_ slot: UnsafeMutablePointer<UInt8>) {
    sodium_memzero(slot, Self.slotLength)
    lock.withLock { free.append(slot) }
  }

  /// Memory of its own; to be given to `sodium_free`, which wipes it.
  static func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    guard let memory = sodium_malloc(max(count, 1)) else { preconditionFailure("no memory for secrets") }
    return memory.assumingMemoryBound(to: UInt8.self)
  }
}

/// Locked memory that is written more than once.
// Unchecked, yet safe to send: who shares it sees to it that each part is touched by one thread at a time.
final class SecretBuffer: @unchecked Sendable {
  let bytes: UnsafeMutablePointer<UInt8>
  private let isSlot: Bool

  init(count: Int) {
    isSlot = count <= SecretArena.slotLength
    bytes = isSlot ? SecretArena.shared.takeSlot() : SecretArena.allocate(count)
  }

  deinit {
    if isSlot { SecretArena.shared.giveBack(bytes) } else { sodium_free(bytes) }
  }
}
