// ByteSearch.swift: where some bytes stand among others
import Foundation

package enum ByteSearch {
  /// - Returns: the first place at or after `start`, nil when there is none or the pattern is empty.
  package static func position(
    of pattern: [UInt8], in bytes: UnsafeRawBufferPointer, from start: Int = 0
  ) -> Int? {
    guard let base = bytes.baseAddress, let first = pattern.first, start >= 0 else { return nil }
    var position = start
    while position + pattern.count <= bytes.count {
      let candidates = bytes.count - pattern.count - position + 1
      guard let found = memchr(base + position, Int32(first), candidates) else { return nil }
      position = UnsafeRawPointer(found) - base
      if memcmp(found, pattern, pattern.count) == 0 { return position }
      position += 1
    }
    return nil
  }

  package static func position(of pattern: [UInt8], in bytes: [UInt8], from start: Int = 0) -> Int? {
    bytes.withUnsafeBytes { position(of: pattern, in: $0, from: start) }
  }
}
