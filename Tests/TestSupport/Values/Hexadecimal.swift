// Hexadecimal.swift: bytes as recorded vectors write them
import Foundation

extension Data {
  /// Throws unless `hex` is an even number of hexadecimal digits.
  public init(hex: String) throws {
    let digits = Array(hex)
    guard digits.count.isMultiple(of: 2) else { throw TestFailure("odd number of hexadecimal digits: \(hex)") }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let byte = UInt8(String(digits[index...index + 1]), radix: 16) else {
        throw TestFailure("not hexadecimal: \(hex)")
      }
      bytes.append(byte)
    }
    self.init(bytes)
  }

  public var hex: String { map { String(format: "%02x", $0) }.joined() }
}
