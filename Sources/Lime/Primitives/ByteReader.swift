// ByteReader.swift: reading and writing big-endian fields of LIME messages

import Foundation

/// Reads a buffer from its beginning; every read checks what is left.
struct ByteReader {
  /// The buffer ended before the field did.
  struct Truncated: Error {}

  private let data: Data
  /// Bytes read so far.
  private(set) var offset = 0

  init(_ data: Data) {
    // A slice's indices do not begin at 0: rebase once here rather than at every access.
    self.data = data.startIndex == 0 ? data : Data(data)
  }

  var remaining: Int { data.count - offset }

  mutating func bytes(_ count: Int) throws(Truncated) -> Data {
    guard count >= 0, count <= remaining else { throw Truncated() }
    defer { offset += count }
    return data.subdata(in: offset..<offset + count)
  }

  mutating func uint8() throws(Truncated) -> UInt8 {
    guard remaining >= 1 else { throw Truncated() }
    defer { offset += 1 }
    return data[offset]
  }

  mutating func uint16() throws(Truncated) -> UInt16 {
    let high = try uint8()
    return UInt16(high) << 8 | UInt16(try uint8())
  }

  mutating func uint32() throws(Truncated) -> UInt32 {
    let high = try uint16()
    return UInt32(high) << 16 | UInt32(try uint16())
  }

  /// Everything read so far.
  var consumed: Data { data.prefix(offset) }
}

extension Data {
  mutating func append(bigEndian value: UInt16) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  mutating func append(bigEndian value: UInt32) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}
