// BytePointers.swift: byte pointers as C functions want them, never null

import Foundation

extension ContiguousBytes {
  /// Calls `body` with the bytes and their number; the pointer is valid, though not to be read, when there are none.
  func withBytePointer<Result>(_ body: (UnsafePointer<UInt8>, Int) throws -> Result) rethrows -> Result {
    try withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else {
        return try Swift.withUnsafePointer(to: UInt8(0)) { try body($0, 0) }
      }
      return try body(base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
  }
}

extension Data {
  /// `count` bytes, zeroed and then written by `fill`, which is not called for none.
  init(count: Int, fill: (UnsafeMutablePointer<UInt8>) throws -> Void) rethrows {
    self.init(count: count)
    try withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      try fill(base.assumingMemoryBound(to: UInt8.self))
    }
  }
}
