// TransferEncoding.swift: bodies that were encoded for transfer (RFC 2045 §6)
import Foundation

enum TransferEncoding {
  /// - Parameter name: the value of Content-Transfer-Encoding; nil for none.
  /// - Returns: nil when the encoding is unknown or broken.
  static func decode(_ body: Data, _ name: String?) -> Data? {
    // A comment or parameter after the token is ignored.
    switch (name ?? "8bit").lowercased().prefix(while: { !" ;(\t".contains($0) }) {
    case "7bit", "8bit", "binary", "": body
    case "base64": base64(body)
    case "quoted-printable": quotedPrintable(body)
    default: nil
    }
  }

  /// What is outside of the alphabet does not count (RFC 2045 §6.8).
  private static func base64(_ body: Data) -> Data? {
    Data(base64Encoded: body, options: .ignoreUnknownCharacters)
  }

  /// "=" with anything but two hexadecimal digits or a line end stays as it is (RFC 2045 §6.7).
  private static func quotedPrintable(_ body: Data) -> Data {
    let bytes = [UInt8](body)
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte == ASCII.equals {
        if let next = softLineEnd(bytes, after: index) {
          index = next
          continue
        }
        if index + 2 < bytes.count, let high = ASCII.hexValue(bytes[index + 1]),
          let low = ASCII.hexValue(bytes[index + 2])
        {
          result.append(high << 4 | low)
          index += 3
          continue
        }
      } else if ASCII.isBlank(byte) {
        // Blanks before a line end were put there on the way.
        let end = bytes[index...].firstIndex { !ASCII.isBlank($0) } ?? bytes.count
        if end < bytes.count, bytes[end] != ASCII.carriageReturn, bytes[end] != ASCII.lineFeed {
          result += bytes[index..<end]
        }
        index = end
        continue
      }
      result.append(byte)
      index += 1
    }
    return Data(result)
  }

  /// Where the next line begins when a "=" ends this one.
  private static func softLineEnd(_ bytes: [UInt8], after index: Int) -> Int? {
    var next = index + 1
    while next < bytes.count, ASCII.isBlank(bytes[next]) { next += 1 }
    if next == bytes.count { return next }
    if bytes[next] == ASCII.carriageReturn { next += 1 }
    return next < bytes.count && bytes[next] == ASCII.lineFeed ? next + 1 : nil
  }
}
