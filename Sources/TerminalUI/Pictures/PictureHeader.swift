// PictureHeader.swift: format and size of a picture by its first bytes (PNG 3rd edition, ITU-T T.81 and Exif 2.32, GIF89a,
// RFC 9649), without decoding it.
import Foundation

/// What a picture file says of itself. Everything in it is a claim; nothing beyond the given bytes is looked at.
public struct PictureHeader: Hashable, Sendable {
  /// The formats that are shown; all else is a file like others.
  public enum Format: String, CaseIterable, Sendable { case png, jpeg, gif, webp }

  /// Bytes of a file in which the size must stand.
  public static let maximumLength = 1 << 20
  /// Parts of a JPEG file before the picture's own; a file with more is refused.
  static let maximumSegments = 512

  /// By the file's first bytes, not its name.
  public let format: Format
  /// Pixels, 1 or more, as it is to be looked at: turned as the camera was.
  public let width: Int
  /// Pixels, 1 or more.
  public let height: Int

  /// - Parameter data: the beginning of a file; `maximumLength` of it are looked at.
  /// - Returns: nil for what is none of the formats, is broken, or has its size further behind.
  public init?(_ data: some Collection<UInt8>) {
    let bytes = Array(data.prefix(Self.maximumLength))
    let found: (Format, Int, Int)? =
      if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
        Self.png(bytes)
      } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
        Self.jpeg(bytes)
      } else if bytes.starts(with: Array("GIF87a".utf8)) || bytes.starts(with: Array("GIF89a".utf8)) {
        Self.gif(bytes)
      } else if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
        Self.webp(bytes)
      } else {
        nil
      }
    guard let (format, width, height) = found, width > 0, height > 0 else { return nil }
    (self.format, self.width, self.height) = (format, width, height)
  }

  private static func number(_ bytes: [UInt8], _ start: Int, _ count: Int, bigEndian: Bool = true) -> Int? {
    guard start >= 0, start + count <= bytes.count else { return nil }
    let part = bytes[start..<start + count]
    return bigEndian
      ? part.reduce(0) { $0 << 8 | Int($1) } : part.reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private static func png(_ bytes: [UInt8]) -> (Format, Int, Int)? {
    guard bytes.dropFirst(12).starts(with: Array("IHDR".utf8)), let width = number(bytes, 16, 4),
      let height = number(bytes, 20, 4)
    else { return nil }
    return (.png, width, height)
  }

  private static func gif(_ bytes: [UInt8]) -> (Format, Int, Int)? {
    guard let width = number(bytes, 6, 2, bigEndian: false), let height = number(bytes, 8, 2, bigEndian: false)
    else { return nil }
    return (.gif, width, height)
  }

  private static func webp(_ bytes: [UInt8]) -> (Format, Int, Int)? {
    let kind = String(decoding: bytes.dropFirst(12).prefix(4), as: UTF8.self)
    func little(_ start: Int, _ count: Int) -> Int? { number(bytes, start, count, bigEndian: false) }
    switch kind {
    case "VP8 ":
      guard bytes.dropFirst(23).starts(with: [0x9D, 0x01, 0x2A]), let width = little(26, 2), let height = little(28, 2)
      else { return nil }
      return (.webp, width & 0x3FFF, height & 0x3FFF)
    case "VP8L":
      guard bytes.count > 20, bytes[20] == 0x2F, let size = little(21, 4) else { return nil }
      return (.webp, (size & 0x3FFF) + 1, (size >> 14 & 0x3FFF) + 1)
    case "VP8X":
      guard let width = little(24, 3), let height = little(27, 3) else { return nil }
      return (.webp, width + 1, height + 1)
    default: return nil
    }
  }

  /// Segment by segment up to the frame's header.
  private static func jpeg(_ bytes: [UInt8]) -> (Format, Int, Int)? {
    var index = 2
    var isTurned = false
    for _ in 0..<maximumSegments {
      // Any number of fill bytes may stand before a marker.
      guard index < bytes.count, bytes[index] == 0xFF else { return nil }
      while index < bytes.count, bytes[index] == 0xFF { index += 1 }
      guard index < bytes.count, let length = number(bytes, index + 1, 2), length >= 2 else { return nil }
      let marker = bytes[index]
      let start = index + 3
      switch marker {
      case 0xC0...0xCF where ![0xC4, 0xC8, 0xCC].contains(marker):
        guard let height = number(bytes, start + 1, 2), let width = number(bytes, start + 3, 2) else { return nil }
        return isTurned ? (.jpeg, height, width) : (.jpeg, width, height)
      case 0xE1: isTurned = exifTurns(bytes, start, end: min(bytes.count, index + 1 + length)) ?? isTurned
      case 0xD8, 0xD9, 0xDA: return nil
      default: break
      }
      index += 1 + length
    }
    return nil
  }

  /// Whether Exif's orientation exchanges width and height; nil when it says nothing of it.
  private static func exifTurns(_ bytes: [UInt8], _ start: Int, end: Int) -> Bool? {
    let tiff = start + 6
    guard end <= bytes.count, tiff + 8 <= end, bytes[start..<tiff].elementsEqual(Array("Exif\0\0".utf8)) else {
      return nil
    }
    let isBig = bytes[tiff] == UInt8(ascii: "M")
    func value(_ offset: Int, _ count: Int) -> Int? {
      tiff + offset + count <= end ? number(bytes, tiff + offset, count, bigEndian: isBig) : nil
    }
    guard let directory = value(4, 4), let entries = value(directory, 2) else { return nil }
    for entry in 0..<min(entries, 64) {
      let place = directory + 2 + entry * 12
      guard let tag = value(place, 2) else { return nil }
      if tag == 0x0112 { return value(place + 8, 2).map { (5...8).contains($0) } }
    }
    return nil
  }
}
