// PictureSequences.swift: pictures as terminals take them: kitty's graphics protocol and sixels (DEC STD 070), and
// nothing else.

/// How a terminal takes pictures.
public enum PictureProtocol: String, Hashable, Sendable { case kitty, sixel }

/// What a decoder made for the terminal, with everything left out that is not a picture: the decoder has read what a
/// stranger sent, and a terminal obeys.
public struct PictureSequences: Hashable, Sendable {
  /// Bytes; a longer output is refused.
  public static let maximumLength = 16 << 20

  /// Escape sequences of the protocol and nothing between them.
  public let bytes: [UInt8]
  /// Pixels, as a sixel picture says; nil for kitty's, which are scaled.
  public let pixels: PixelSize?

  /// A picture's size.
  public struct PixelSize: Hashable, Sendable {
    /// 1 or more.
    public let width: Int
    /// 1 or more.
    public let height: Int
  }

  /// - Parameter cells: columns and rows that kitty scales the picture to; nil leaves that to the decoder.
  /// - Returns: nil when there is no picture in it, or something in one that does not belong there.
  public init?(_ output: some Collection<UInt8>, _ form: PictureProtocol, cells: ScreenSize? = nil) {
    guard output.count <= Self.maximumLength else { return nil }
    let output = Array(output)
    switch form {
    case .kitty:
      guard let bytes = Self.kitty(output, cells) else { return nil }
      (self.bytes, pixels) = (bytes, nil)
    case .sixel:
      guard let (bytes, width, height) = Self.sixel(output) else { return nil }
      (self.bytes, pixels) = (bytes, PixelSize(width: width, height: height))
    }
  }

  /// All `ESC _ G keys ; base64 ESC \`.
  private static func kitty(_ output: [UInt8], _ cells: ScreenSize?) -> [UInt8]? {
    var bytes: [UInt8] = []
    var index = output.startIndex
    while let start = output[index...].firstIndex(of: 0x1B) {
      guard let (end, body) = body(output, start, introducer: "_"), body.first == UInt8(ascii: "G") else {
        index = start + 1
        continue
      }
      let parts = body.dropFirst().split(separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
      guard let keys = keys(parts[0], cells), parts.count < 2 || parts[1].allSatisfy(isBase64) else { return nil }
      bytes += Array("\u{1B}_G".utf8) + keys.utf8
      if parts.count > 1 { bytes += [UInt8(ascii: ";")] + parts[1] }
      bytes += [0x1B, UInt8(ascii: "\\")]
      index = end
    }
    return bytes.isEmpty ? nil : bytes
  }

  /// Those of a picture that comes with the sequence: a file or shared memory of the terminal's machine is none.
  private static func keys(_ text: ArraySlice<UInt8>, _ cells: ScreenSize?) -> String? {
    var keys: [String] = []
    for part in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: true) {
      let words = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard words.count == 2, let key = words[0].first, words[0].count == 1 else { return nil }
      let value = String(decoding: words[1], as: UTF8.self)
      let isGood =
        switch UnicodeScalar(key) {
        case "a": value == "T" || value == "t"
        case "t": value == "d"
        case "f", "s", "v", "c", "r", "m", "X", "Y", "x", "y", "w", "h", "C", "z", "q":
          (1...9).contains(value.utf8.count) && value.utf8.allSatisfy { (0x30...0x39).contains($0) }
        case "o": value == "z"
        default: false
        }
      guard isGood else { return nil }
      if cells == nil || !["c", "r"].contains(UnicodeScalar(key)) { keys.append("\(UnicodeScalar(key))=\(value)") }
    }
    // The terminal is not to answer: that would be typing.
    if keys.contains(where: { $0.hasPrefix("a=") }) {
      if let cells { keys += ["c=\(cells.columns)", "r=\(cells.rows)"] }
      keys.append("q=2")
    }
    return keys.joined(separator: ",")
  }

  private static func isBase64(_ byte: UInt8) -> Bool {
    switch UnicodeScalar(byte) {
    case "A"..."Z", "a"..."z", "0"..."9", "+", "/", "=": true
    default: false
    }
  }

  /// The first `ESC P parameters q data ESC \`.
  private static func sixel(_ output: [UInt8]) -> ([UInt8], Int, Int)? {
    for start in output.indices where output[start] == 0x1B {
      guard let (end, body) = body(output, start, introducer: "P"), let q = body.firstIndex(of: UInt8(ascii: "q"))
      else {
        continue
      }
      let data = body[(q + 1)...]
      guard body[..<q].allSatisfy(isParameter),
        data.allSatisfy({ (0x3F...0x7E).contains($0) || isParameter($0) || "\"#!$-\n".utf8.contains($0) })
      else { return nil }
      // Raster attributes, which say how large it is: "1;1;width;height.
      guard data.first == UInt8(ascii: "\"") else { return nil }
      let numbers = data.dropFirst().prefix(while: isParameter).split(separator: UInt8(ascii: ";"))
        .map { Int(String(decoding: $0, as: UTF8.self)) ?? 0 }
      guard numbers.count >= 4, (1...20_000).contains(numbers[2]), (1...20_000).contains(numbers[3]) else { return nil }
      return (Array(output[start..<end]), numbers[2], numbers[3])
    }
    return nil
  }

  private static func isParameter(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || byte == UInt8(ascii: ";") }

  /// What stands between `ESC introducer` and `ESC \`, and where the latter ends.
  private static func body(
    _ output: [UInt8], _ start: Int, introducer: Unicode.Scalar
  ) -> (end: Int, body: ArraySlice<UInt8>)? {
    guard start + 1 < output.count, output[start + 1] == UInt8(ascii: introducer),
      let stop = output[(start + 2)...].firstIndex(of: 0x1B), stop + 1 < output.count,
      output[stop + 1] == UInt8(ascii: "\\")
    else { return nil }
    return (stop + 2, output[(start + 2)..<stop])
  }
}
