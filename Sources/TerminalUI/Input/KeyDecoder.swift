// KeyDecoder.swift: bytes of a terminal to key events (ECMA-48 control sequences as xterm and its kin send them).

/// Fed with bytes in pieces of any size. ESC before a key means Alt; since ESC is a key too, the owner calls `flush()`
/// when `isWaiting` and nothing has followed for `delay`.
public struct KeyDecoder: Sendable {
  /// Milliseconds after which an ESC was the key itself.
  public static let escapeDelay = 40
  /// The same while an answer of the terminal is awaited, which a slow line may bring in pieces.
  public static let answerDelay = 400
  /// Bytes of one paste that are kept; the rest is dropped.
  static let maximumPaste = 256 * 1024
  /// Milliseconds of silence that end a paste without brackets.
  static let pastePause = 30
  /// Bytes of a control sequence; a longer one is none.
  static let maximumSequence = 64
  /// Bytes of an answer (OSC); a longer one is thrown away to its end.
  static let maximumAnswer = 256

  private static let pasteEnd = Array("\u{1B}[201~".utf8)

  private var pending: [UInt8] = []
  private var paste: [UInt8]?
  /// Bytes at the paste's end that may be the beginning of its end marker.
  private var matched = 0
  /// An answer that was broken off goes on: what it may be made of is no typing.
  private var skipsAnswer = false
  /// True from a question to the terminal (OSC 11 and DA1) until its answer.
  public private(set) var awaitsAnswer = false

  public init() {}

  /// True when bytes are kept back that may be a key by themselves.
  public var isWaiting: Bool { paste == nil && !pending.isEmpty }
  /// Milliseconds after which `flush()` is due.
  public var delay: Int { awaitsAnswer ? Self.answerDelay : Self.escapeDelay }

  /// The terminal was asked; `endAwaiting()` is for the end of the patience.
  public mutating func awaitAnswer() { awaitsAnswer = true }
  /// What comes now is taken for typing again, unless it is an answer in one piece.
  public mutating func endAwaiting() { awaitsAnswer = false }

  /// True between the beginning and the end of a bracketed paste.
  var isPasting: Bool { paste != nil }

  /// Whether bytes that came at once are a paste of a terminal that does not bracket them, as the Linux console: nobody
  /// types a line's end and more in one moment.
  static func isUnbracketedPaste(_ bytes: some Collection<UInt8>) -> Bool {
    guard bytes.count >= minimumBurst, bytes.dropLast().contains(where: { $0 == 0x0D || $0 == 0x0A }) else {
      return false
    }
    return bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0D || $0 == 0x0A || $0 == 0x09 }
  }

  /// Bytes that are too many for keys typed ahead.
  private static let minimumBurst = 64

  /// The events that these bytes complete, in order; an unfinished sequence is kept for the next call.
  public mutating func decode(_ bytes: some Sequence<UInt8>) -> [KeyEvent] {
    var events: [KeyEvent] = []
    for byte in bytes {
      if paste != nil {
        collectPaste(byte, into: &events)
      } else {
        if skipsAnswer, pending.isEmpty, skip(byte) { continue }
        pending.append(byte)
        take(into: &events, isFinal: false)
      }
    }
    return events
  }

  /// Takes what was kept back for what it is.
  public mutating func flush() -> [KeyEvent] {
    var events: [KeyEvent] = []
    while paste == nil, !pending.isEmpty {
      let before = pending.count
      take(into: &events, isFinal: true)
      if pending.count == before { pending.removeAll() }
    }
    return events
  }

  // MARK: Pastes

  private mutating func collectPaste(_ byte: UInt8, into events: inout [KeyEvent]) {
    if byte == Self.pasteEnd[matched] {
      matched += 1
      if matched == Self.pasteEnd.count {
        events.append(.paste(String(decoding: paste ?? [], as: UTF8.self)))
        paste = nil
        matched = 0
      }
      return
    }
    appendToPaste(Self.pasteEnd.prefix(matched))
    matched = byte == Self.pasteEnd[0] ? 1 : 0
    if matched == 0 { appendToPaste([byte]) }
  }

  private mutating func appendToPaste(_ bytes: some Collection<UInt8>) {
    let room = Self.maximumPaste - (paste?.count ?? 0)
    paste?.append(contentsOf: bytes.prefix(max(0, room)))
  }

  // MARK: Answers

  /// The rest of an answer that was broken off. False for a byte that is none of it.
  private mutating func skip(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x07:
      skipsAnswer = false
      return true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      return true
    case UInt8(ascii: "r"), UInt8(ascii: "g"), UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "/"): return true
    default:
      // The end is ESC \, which is taken as a sequence of its own.
      skipsAnswer = byte == 0x1B
      return false
    }
  }

  /// `body` begins with "]" and a digit, which nobody types within the time of an ESC. The end is BEL or ESC \.
  private mutating func answer(_ body: [UInt8], isFinal: Bool) -> Step {
    guard let end = body.firstIndex(where: { $0 == 0x07 || $0 == 0x1B }) else {
      if !isFinal, body.count <= Self.maximumAnswer { return .incomplete }
      skipsAnswer = true
      return .ignored
    }
    // The ESC of a key that came into an answer that was broken off.
    let isBroken = body[end] == 0x1B && (body.count == end + 1 ? isFinal : body[end + 1] != UInt8(ascii: "\\"))
    if isBroken { return .again(Array(body[end...])) }
    if body[end] == 0x1B, body.count == end + 1 { return .incomplete }
    return Self.background(String(decoding: body[1..<end], as: UTF8.self)).map { .event(.background($0)) } ?? .ignored
  }

  /// "11;rgb:ffff/ffff/dddd", with one to four digits a component, or "rgba:" with one more.
  private static func background(_ text: String) -> TerminalBackground? {
    guard text.hasPrefix("11;"), let colon = text.firstIndex(of: ":"),
      ["rgb", "rgba"].contains(text[..<colon].dropFirst(3))
    else { return nil }
    let components = text[text.index(after: colon)...].split(separator: "/", omittingEmptySubsequences: false)
      .map { part -> Double? in
        guard (1...4).contains(part.count), let value = UInt32(part, radix: 16) else { return nil }
        return Double(value) / Double((UInt32(1) << (4 * UInt32(part.count))) - 1)
      }
    guard components.count == 3 || components.count == 4, let red = components[0], let green = components[1],
      let blue = components[2]
    else { return nil }
    return TerminalBackground(red: red, green: green, blue: blue)
  }

  // MARK: Keys

  private enum Step {
    case stroke(KeyStroke)
    case event(KeyEvent)
    case answered
    /// These are no part of what came before them.
    case again([UInt8])
    case startPaste
    case ignored
    case incomplete
  }

  private mutating func take(into events: inout [KeyEvent], isFinal: Bool) {
    var escapes = 0
    while escapes < pending.count, pending[escapes] == 0x1B { escapes += 1 }
    // The last ESC begins a sequence or means Alt; those before it are keys. "ESC ESC [ A" is Alt-Up of some terminals.
    if escapes > 2 {
      events.append(.key(.escape))
      pending.removeFirst()
      return
    }
    let body = Array(pending.dropFirst(escapes))
    if body.isEmpty {
      guard isFinal, escapes > 0 else { return }
      events.append(.key(.escape, escapes == 2 ? .alt : []))
      pending.removeAll()
      return
    }
    let step: Step
    if escapes == 1, body[0] == UInt8(ascii: "]") {
      if body.count > 1, (0x30...0x39).contains(body[1]) {
        step = answer(body, isFinal: isFinal)
      } else if body.count == 1, !isFinal {
        step = .incomplete
      } else {
        events.append(.stroke(.alt("]")))
        step = .again(Array(body.dropFirst()))
      }
    } else if skipsAnswer, escapes == 1, body[0] == UInt8(ascii: "\\") {
      skipsAnswer = false
      step = .ignored
    } else if escapes > 0, body[0] == UInt8(ascii: "[") || body[0] == UInt8(ascii: "O") {
      step = sequence(body, extraAlt: escapes == 2, isFinal: isFinal)
    } else {
      step = character(body, isAlt: escapes > 0, isFinal: isFinal)
    }
    switch step {
    case .incomplete: return
    case .ignored: break
    case .stroke(let stroke): events.append(.stroke(stroke))
    case .event(let event): events.append(event)
    case .answered: awaitsAnswer = false
    case .again(let bytes):
      pending = bytes
      if !bytes.isEmpty { take(into: &events, isFinal: isFinal) }
      return
    case .startPaste: paste = []
    }
    pending.removeAll()
  }

  private func character(_ body: [UInt8], isAlt: Bool, isFinal: Bool) -> Step {
    let alt: KeyModifiers = isAlt ? .alt : []
    let first = body[0]
    switch first {
    case 0x00: return .stroke(KeyStroke(.character(" "), alt.union(.control)))
    case 0x09: return .stroke(KeyStroke(.tab, alt))
    case 0x0A: return .stroke(KeyStroke(.character("j"), alt.union(.control)))
    case 0x0D: return .stroke(KeyStroke(.enter, alt))
    case 0x08, 0x7F: return .stroke(KeyStroke(.backspace, alt))
    case 0x01...0x1A:
      return .stroke(KeyStroke(.character(Character(Unicode.Scalar(first + 0x60))), alt.union(.control)))
    case 0x1C...0x1F:
      return .stroke(KeyStroke(.character(Character(Unicode.Scalar(first + 0x40))), alt.union(.control)))
    case 0x20..<0x7F: return .stroke(KeyStroke(.character(Character(Unicode.Scalar(first))), alt))
    default: break
    }
    let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1
    if body.count < length, !isFinal, body.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 }) { return .incomplete }
    guard let text = String(validating: body, as: UTF8.self), let character = text.first else { return .ignored }
    return .stroke(KeyStroke(.character(character), alt))
  }

  /// `body` begins with "[" or "O".
  private func sequence(_ body: [UInt8], extraAlt: Bool, isFinal: Bool) -> Step {
    let isSS3 = body[0] == UInt8(ascii: "O")
    // The Linux console's F1 to F5 are "ESC [ [ A" to "E".
    if body.starts(with: [UInt8(ascii: "["), UInt8(ascii: "[")]) {
      guard body.count > 2 else { return isFinal ? .ignored : .incomplete }
      guard (0x41...0x45).contains(body[2]) else { return .ignored }
      return .stroke(KeyStroke(.function(Int(body[2]) - 0x40)))
    }
    // A mouse report of terminals without SGR mode: three bytes follow, which are no keys.
    if body.starts(with: [UInt8(ascii: "["), UInt8(ascii: "M")]) {
      guard body.count >= 5 else { return isFinal ? .ignored : .incomplete }
      let numbers = body[2..<5].map { Int($0) - 32 }
      return Self.mouse(button: numbers[0], column: numbers[1], row: numbers[2], isPress: numbers[0] & 3 != 3)
    }
    guard let final = body.dropFirst().firstIndex(where: { (0x40...0x7E).contains($0) }) else {
      if body.count > Self.maximumSequence { return .ignored }
      if !isFinal { return .incomplete }
      // Nothing followed: Alt-[ or Alt-O was typed.
      return body.count == 1 ? .stroke(.alt(Character(Unicode.Scalar(body[0])))) : .ignored
    }
    let parameters = String(decoding: body[1..<final], as: UTF8.self)
    if parameters.hasPrefix("<"), [UInt8(ascii: "M"), UInt8(ascii: "m")].contains(body[final]) {
      let numbers = parameters.dropFirst().split(separator: ";").compactMap { Int($0) }
      guard numbers.count == 3 else { return .ignored }
      return Self.mouse(
        button: numbers[0], column: numbers[1], row: numbers[2], isPress: body[final] == UInt8(ascii: "M"))
    }
    // Other private sequences are answers, never keys.
    if let first = parameters.utf8.first, (0x3C...0x3F).contains(first) {
      // DA1, which every terminal knows, was asked for after the background.
      return first == UInt8(ascii: "?") && body[final] == UInt8(ascii: "c") ? .answered : .ignored
    }
    let numbers = parameters.split(separator: ";", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    if !isSS3, body[final] == UInt8(ascii: "~") {
      if numbers.first == 200 { return .startPaste }
      guard let number = numbers.first, let key = Self.numberedKeys[number] else { return .ignored }
      return .stroke(KeyStroke(key, modifiers(numbers, extraAlt: extraAlt)))
    }
    if !isSS3, parameters.isEmpty, body[final] == UInt8(ascii: "I") { return .event(.focus(true)) }
    if !isSS3, parameters.isEmpty, body[final] == UInt8(ascii: "O") { return .event(.focus(false)) }
    if body[final] == UInt8(ascii: "Z") { return .stroke(KeyStroke(.tab, .shift)) }
    // The keypad's Enter; after "ESC [" the letter means something else.
    if isSS3, body[final] == UInt8(ascii: "M") { return .stroke(KeyStroke(.enter, extraAlt ? .alt : [])) }
    guard let key = Self.letterKeys[body[final]] else { return .ignored }
    return .stroke(KeyStroke(key, modifiers(numbers, extraAlt: extraAlt)))
  }

  /// Column and row count from 1. Bits of the button: 0-1 which, 2-4 modifiers, 5 motion, 6 the wheel.
  private static func mouse(button: Int, column: Int, row: Int, isPress: Bool) -> Step {
    guard isPress, column > 0, row > 0 else { return .ignored }
    let kind: MouseEvent.Kind
    switch button & 0b1110_0011 {
    case 0: kind = .press
    case 64: kind = .wheelUp
    case 65: kind = .wheelDown
    default: return .ignored
    }
    return .event(.mouse(MouseEvent(kind, column: column - 1, row: row - 1)))
  }

  /// xterm sends 1 + shift 1 + alt 2 + control 4 (+ meta 8) as the last parameter.
  private func modifiers(_ numbers: [Int], extraAlt: Bool) -> KeyModifiers {
    var modifiers: KeyModifiers = extraAlt ? .alt : []
    if numbers.count > 1, let last = numbers.last, (2...16).contains(last) {
      modifiers.formUnion(KeyModifiers(rawValue: UInt8(last - 1) & 7))
      if (last - 1) & 8 != 0 { modifiers.insert(.alt) }
    }
    return modifiers
  }

  private static let numberedKeys: [Int: Key] = [
    1: .home, 2: .insert, 3: .delete, 4: .end, 5: .pageUp, 6: .pageDown, 7: .home, 8: .end,
    11: .function(1), 12: .function(2), 13: .function(3), 14: .function(4), 15: .function(5),
    17: .function(6), 18: .function(7), 19: .function(8), 20: .function(9), 21: .function(10),
    23: .function(11), 24: .function(12),
  ]

  private static let letterKeys: [UInt8: Key] = [
    UInt8(ascii: "A"): .up, UInt8(ascii: "B"): .down, UInt8(ascii: "C"): .right, UInt8(ascii: "D"): .left,
    UInt8(ascii: "H"): .home, UInt8(ascii: "F"): .end,
    UInt8(ascii: "P"): .function(1), UInt8(ascii: "Q"): .function(2), UInt8(ascii: "R"): .function(3),
    UInt8(ascii: "S"): .function(4),
  ]
}
