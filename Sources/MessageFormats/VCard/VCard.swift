// VCard.swift: people's names and SIP addresses in a file of vCards (RFC 6350, RFC 2426, vCard 2.1; IMPP: RFC 4770).
import Foundation

/// A card as far as a chat needs it.
public struct VCard: Sendable, Equatable {
  /// FN, else what N has; empty when the card names nobody.
  public var name: String
  /// The preferred ones first, without repetition.
  public var addresses: [SIPURI]

  public init(name: String, addresses: [SIPURI]) {
    (self.name, self.addresses) = (name, addresses)
  }

  /// Of a file, in bytes: pictures are in them.
  public static let maximumLength = 64 << 20
  /// Of a file.
  public static let maximumCards = 20_000
  /// Of a card.
  public static let maximumLines = 2_000
  /// Of a card's addresses; more are passed over.
  public static let maximumAddresses = 20
  /// Of a line that is read, in bytes; longer ones, as pictures have, are passed over.
  public static let maximumLineLength = 8_192

  /// All cards of a file, in its order.
  /// - Throws: `FormatError` for what is no file of whole cards.
  public static func cards(in data: Data) throws(FormatError) -> [VCard] {
    guard data.count <= maximumLength else { throw .tooLarge(format: "vCard", limit: "\(maximumLength) bytes") }
    var reader = VCardLines(data)
    var cards: [VCard] = []
    var card: CardReader?
    while let line = reader.next() {
      let property = VCardProperty(line)
      if property?.name == "BEGIN", property?.isNamed("VCARD") == true {
        guard card == nil else { throw .malformed(format: "vCard", reason: "a card begins inside another") }
        guard cards.count < maximumCards else { throw .tooLarge(format: "vCard", limit: "\(maximumCards) cards") }
        card = CardReader()
      } else if property?.name == "END", property?.isNamed("VCARD") == true {
        guard let ended = card else { throw .malformed(format: "vCard", reason: "a card ends that did not begin") }
        cards.append(ended.card)
        card = nil
      } else if card != nil {
        // Lines that are none, or too long, say nothing; they count all the same.
        guard card?.count(line: property) == true else {
          throw .tooLarge(format: "vCard", limit: "\(maximumLines) lines in a card")
        }
      } else if line.contains(where: { $0 > 0x20 }) {
        throw .malformed(format: "vCard", reason: "something stands outside the cards")
      }
    }
    guard card == nil else { throw .malformed(format: "vCard", reason: "the last card has no END:VCARD") }
    guard !cards.isEmpty else { throw .missing(format: "vCard", field: "BEGIN:VCARD") }
    return cards
  }
}

/// What the lines of one card add up to.
private struct CardReader {
  private var fullName = ""
  private var structuredName = ""
  private var addresses: [(preference: Int, uri: SIPURI)] = []
  private var lines = 0

  /// False when there are too many.
  mutating func count(line property: VCardProperty?) -> Bool {
    lines += 1
    guard lines <= VCard.maximumLines else { return false }
    guard let property else { return true }
    switch property.name {
    case "FN": if fullName.isEmpty { fullName = Self.oneLine(property.texts.joined(separator: ",")) }
    case "N": if structuredName.isEmpty { structuredName = Self.name(property.components) }
    case "IMPP", "TEL": add(property.address(withoutScheme: false), property.preference)
    case "X-SIP": add(property.address(withoutScheme: true), property.preference)
    default: break
    }
    return true
  }

  private mutating func add(_ uri: SIPURI?, _ preference: Int) {
    guard let uri, addresses.count < VCard.maximumAddresses, !addresses.contains(where: { $0.uri == uri }) else {
      return
    }
    addresses.append((preference, uri))
  }

  var card: VCard {
    let sorted = addresses.enumerated().sorted {
      ($0.element.preference, $0.offset) < ($1.element.preference, $1.offset)
    }
    return VCard(name: fullName.isEmpty ? structuredName : fullName, addresses: sorted.map(\.element.uri))
  }

  /// Prefix, given, additional and family name, suffix, as they are spoken (RFC 6350 §6.2.2).
  private static func name(_ components: [String]) -> String {
    [3, 1, 2, 0, 4].filter(components.indices.contains).map { oneLine(components[$0]) }.filter { !$0.isEmpty }
      .joined(separator: " ")
  }

  private static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}

/// One line as `group.NAME;PARAMETER=value:value`.
private struct VCardProperty {
  /// In capitals, without the group.
  let name: String
  private var parameters: [(name: String, value: String)] = []
  private let value: [UInt8]

  init?(_ line: ArraySlice<UInt8>) {
    guard line.count <= VCard.maximumLineLength else { return nil }
    // The first colon and semicolons that stand in no quotation marks.
    var pieces: [ArraySlice<UInt8>] = []
    var start = line.startIndex
    var isQuoted = false
    var end: Int?
    for index in line.indices {
      switch line[index] {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: ";") where !isQuoted:
        pieces.append(line[start..<index])
        start = index + 1
      case UInt8(ascii: ":") where !isQuoted: end = index
      default: break
      }
      if end != nil { break }
    }
    guard let end else { return nil }
    pieces.append(line[start..<end])
    let head = String(decoding: pieces[0], as: UTF8.self).uppercased()
    name = head.split(separator: ".", omittingEmptySubsequences: false).last.map(String.init) ?? ""
    guard !name.isEmpty else { return nil }
    for piece in pieces.dropFirst() {
      let text = String(decoding: piece, as: UTF8.self)
      // vCard 2.1 has values alone.
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = (parts.count == 2 ? parts[1] : parts[0]).trimmingCharacters(in: CharacterSet(charactersIn: "\" "))
      let alone = value.uppercased() == "QUOTED-PRINTABLE" ? "ENCODING" : "TYPE"
      parameters.append((parts.count == 2 ? parts[0].trimmingCharacters(in: .whitespaces).uppercased() : alone, value))
    }
    let raw = line[(end + 1)...]
    let isEncoded = parameters.contains { $0.name == "ENCODING" && $0.value.uppercased() == "QUOTED-PRINTABLE" }
    value = isEncoded ? Array(TransferEncoding.decode(Data(raw), "quoted-printable") ?? Data()) : Array(raw)
  }

  func isNamed(_ text: String) -> Bool {
    String(decoding: value, as: UTF8.self).trimmingCharacters(in: .whitespaces).uppercased() == text
  }

  /// nil when nobody knows its character set. Without one it is UTF-8, or what old programs for Windows write.
  private var text: String? {
    if let charset = parameters.first(where: { $0.name == "CHARSET" })?.value {
      return TextCharset.decode(Data(value), charset)
    }
    return String(validating: value, as: UTF8.self) ?? TextCharset.decode(Data(value), "windows-1252")
  }

  /// Split at semicolons, without escapes (RFC 6350 §3.4).
  var components: [String] { split(at: ";") }
  /// Split at commas.
  var texts: [String] { split(at: ",") }

  private func split(at separator: Character) -> [String] {
    var parts = [""]
    var isEscaped = false
    for character in text ?? "" {
      if isEscaped {
        parts[parts.count - 1].append(character == "n" || character == "N" ? " " : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == separator {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts
  }

  /// A sip: or sips: URI; one of another scheme is no address here.
  /// - Parameter withoutScheme: X-SIP often has none.
  func address(withoutScheme: Bool) -> SIPURI? {
    // A URI has no escapes of the text's kind; what was written with them all the same is meant without.
    guard let text = text?.trimmingCharacters(in: .whitespaces).replacing("\\", with: "") else { return nil }
    let scheme = text.prefix { $0 != ":" }.lowercased()
    let uri: SIPURI?
    if scheme == "sip" || scheme == "sips" {
      uri = SIPURI(text)
    } else if withoutScheme, text.contains("@"), !text.contains(":") {
      uri = SIPURI("sip:" + text)
    } else {
      uri = nil
    }
    guard let uri, uri.user?.isEmpty == false else { return nil }
    return uri.addressOfRecord
  }

  /// The least first: PREF of vCard 4 (1 to 100), the type "pref" of vCard 3.
  var preference: Int {
    if let number = parameters.first(where: { $0.name == "PREF" }).flatMap({ Int($0.value) }),
      (1...100).contains(number)
    {
      return number
    }
    let isPreferred = parameters.contains { parameter in
      parameter.name == "TYPE" && parameter.value.lowercased().split(separator: ",").contains("pref")
    }
    return isPreferred ? 1 : 101
  }
}

/// Unfolded lines: one that begins with a blank goes on with the line before (RFC 6350 §3.2), and in vCard 2.1 one that
/// ends with "=" in quoted-printable.
private struct VCardLines {
  private let bytes: [UInt8]
  private var position = 0

  init(_ data: Data) {
    if data.starts(with: [0xFF, 0xFE]) || data.starts(with: [0xFE, 0xFF]) {
      bytes = Array((TextCharset.decode(data, "utf-16") ?? "").utf8)
    } else {
      bytes = Array(data.starts(with: [0xEF, 0xBB, 0xBF]) ? data.dropFirst(3) : data)
    }
  }

  mutating func next() -> ArraySlice<UInt8>? {
    guard position < bytes.count else { return nil }
    var line = Array(physicalLine())
    while position < bytes.count {
      if line.last == UInt8(ascii: "="), Self.isQuotedPrintable(line) {
        append([0x0D, 0x0A] + physicalLine(), to: &line)
      } else if bytes[position] == 0x20 || bytes[position] == 0x09 {
        append(physicalLine().dropFirst(), to: &line)
      } else {
        break
      }
    }
    return line[...]
  }

  /// What is too long to be read is not kept.
  private func append(_ part: ArraySlice<UInt8>, to line: inout [UInt8]) {
    guard line.count <= VCard.maximumLineLength else { return }
    line += part
  }

  private mutating func physicalLine() -> ArraySlice<UInt8> {
    let end = bytes[position...].firstIndex(of: 0x0A) ?? bytes.count
    let line = bytes[position..<end]
    position = min(bytes.count, end + 1)
    return line.last == 0x0D ? line.dropLast() : line
  }

  private static func isQuotedPrintable(_ line: [UInt8]) -> Bool {
    let head = line.prefix { $0 != UInt8(ascii: ":") }
    return String(decoding: head, as: UTF8.self).uppercased().contains("QUOTED-PRINTABLE")
  }
}
