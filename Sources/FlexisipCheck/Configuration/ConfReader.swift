// ConfReader.swift: the lines of flexisip.conf as Flexisip reads them, and where they are meant otherwise
import Foundation

/// Something in a line that Flexisip reads differently from how it is meant, or not at all.
struct ConfFlaw: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    /// The last character of the value, which Flexisip does not take for a blank.
    case whitespaceBehindValue(Character)
    case whitespaceBeforeKey(Character)
    /// What stands before the bracket, and the section that the keys go to; nil when there is none before it.
    case characterBeforeSection(Character, previous: String?)
    case whitespaceBeforeComment(Character)
    case carriageReturn
    case commentBehindValue
    case continuation
    /// `key+=`; whether a blank is before the plus sign, and the line of the key that is added to.
    case appended(hasBlank: Bool, earlier: Int?)
    case doubled(earlier: Int)
    case noSection
    case unclosedSection
    case neither
    /// In bytes.
    case tooLong(Int)
  }

  var kind: Kind
  var line: Int
  var section = ""
  var key = ""
  /// As meant.
  var value = ""
}

struct ConfReader {
  /// Lines of more bytes are cut, and the rest read as another line; until 2.2 sooner.
  static let longestLine = 20_478
  static let longestLineUntil22 = 2046

  let path: String
  private(set) var settings: [ConfSetting] = []
  private(set) var sections: [(name: String, line: Int)] = []
  private(set) var flaws: [ConfFlaw] = []
  private var section: String?
  /// Whether the line before ended with a backslash: this one goes on with its value.
  private var continues = false
  private var continuationStart = 0

  init(path: String) { self.path = path }

  mutating func read(_ text: String) {
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let number = index + 1
      if line.count > Self.longestLineUntil22 { flaws.append(ConfFlaw(kind: .tooLong(line.count), line: number)) }
      read(String(decoding: line, as: UTF8.self), number: number, isLast: number == lines.count)
    }
    reportContinuation()
  }

  private mutating func read(_ line: String, number: Int, isLast: Bool) {
    let seen = line.withoutBlanks
    let meant = line.trimmed
    if meant.hasPrefix("#") {
      // What Flexisip does not see as a comment is a key to it, if it has a '='.
      if let first = seen.first, first != "#", first != "\u{FEFF}", meant.contains("=") {
        flaws.append(
          ConfFlaw(kind: .whitespaceBeforeComment(first), line: number, section: section ?? "", value: meant))
      }
      return
    }
    if continues { return continueValue(meant) }
    if meant.isEmpty { return }
    if meant.hasPrefix("[") { return beginSection(meant, seen, number) }
    guard let equals = meant.firstIndex(of: "=") else {
      flaws.append(ConfFlaw(kind: .neither, line: number, section: section ?? "", value: meant))
      return
    }
    let key = String(meant[..<equals]).trimmed
    let value = String(meant[meant.index(after: equals)...]).trimmed
    if let first = seen.first, first.isWhitespace || first == "\u{FEFF}", !first.isASCII {
      flaws.append(
        ConfFlaw(kind: .whitespaceBeforeKey(first), line: number, section: section ?? "", key: key, value: value))
    }
    let rest = line[line.index(after: line.firstIndex(of: "=") ?? line.startIndex)...]
    // Nothing at all behind it is no value to Flexisip; blanks are an empty one.
    guard !rest.isEmpty || isLast else { return }
    take(key, String(rest), number)
  }

  private mutating func beginSection(_ meant: String, _ seen: String, _ number: Int) {
    guard let end = meant.firstIndex(of: "]") else {
      flaws.append(ConfFlaw(kind: .unclosedSection, line: number, section: section ?? "", value: meant + "]"))
      return
    }
    let inside = meant[meant.index(after: meant.startIndex)..<end]
    guard let name = inside.split(whereSeparator: \.isWhitespace).first.map(String.init) else { return }
    if let first = seen.first, first != "[" {
      flaws.append(
        ConfFlaw(
          kind: .characterBeforeSection(first, previous: section), line: number, section: name, value: "[\(name)]"))
    }
    section = name
    if !sections.contains(where: { $0.name.caseInsensitiveCompare(name) == .orderedSame }) {
      sections.append((name, number))
    }
  }

  private mutating func take(_ written: String, _ writtenValue: String, _ number: Int) {
    let raw = writtenValue.withoutBlanks
    var value = writtenValue.trimmed
    guard let section else {
      flaws.append(ConfFlaw(kind: .noSection, line: number, key: written, value: "\(written)=\(value)"))
      return
    }
    // To Flexisip the key ends at the first blank.
    var key = written
    let appends = key.hasSuffix("+")
    if appends { key = String(key.dropLast()).trimmed }
    let hasBlank = appends && written.dropLast().last?.isWhitespace == true
    if value.hasSuffix("\\") {
      value = String(value.dropLast()).trimmed
      continues = true
      continuationStart = number
    }
    var isCut = false
    if let comment = value.range(of: #"\s#"#, options: .regularExpression) {
      value = String(value[..<comment.lowerBound]).trimmed
      isCut = true
      flaws.append(ConfFlaw(kind: .commentBehindValue, line: number, section: section, key: key, value: value))
    }
    if !isCut, let last = raw.last, last.isWhitespace || last == "\u{FEFF}" || last == "\u{200B}" {
      let kind: ConfFlaw.Kind = last == "\r" ? .carriageReturn : .whitespaceBehindValue(last)
      flaws.append(ConfFlaw(kind: kind, line: number, section: section, key: key, value: value))
    }
    let place = settings.firstIndex {
      $0.section.caseInsensitiveCompare(section) == .orderedSame && $0.key.caseInsensitiveCompare(key) == .orderedSame
    }
    let earlier = place.map { settings[$0].line }
    guard let place else {
      if appends {
        flaws.append(
          ConfFlaw(
            kind: .appended(hasBlank: hasBlank, earlier: nil), line: number, section: section, key: key, value: value))
      }
      return settings.append(
        ConfSetting(section: section, key: key, value: value, raw: isCut ? value : raw, line: number, file: path))
    }
    let joined = "\(settings[place].value) \(value)".trimmed
    flaws.append(
      ConfFlaw(
        kind: appends ? .appended(hasBlank: hasBlank, earlier: earlier) : .doubled(earlier: earlier ?? number),
        line: number, section: section, key: key, value: appends ? joined : value))
    settings[place].value = appends ? joined : value
    settings[place].raw = appends ? joined : isCut ? value : raw
    if !appends { settings[place].lastLine = number }
  }

  private mutating func continueValue(_ text: String) {
    continues = text.hasSuffix("\\")
    let more = (continues ? String(text.dropLast()) : text).trimmed
    if let last = settings.indices.last {
      settings[last].value = "\(settings[last].value) \(more)".trimmed
      settings[last].raw = settings[last].value
    }
    if !continues { reportContinuation() }
  }

  private mutating func reportContinuation() {
    guard continuationStart > 0, let setting = settings.last else { return }
    flaws.append(
      ConfFlaw(
        kind: .continuation, line: continuationStart, section: setting.section, key: setting.key, value: setting.value))
    continuationStart = 0
    continues = false
  }
}

extension String {
  /// Without any kind of white space at its ends, nor the marks that no editor shows.
  var trimmed: String {
    trimmingCharacters(in: CharacterSet.whitespacesAndNewlines.union(CharacterSet(charactersIn: "\u{FEFF}\u{200B}")))
  }

  /// Without blanks at its ends, which is all that Flexisip takes away.
  var withoutBlanks: String { trimmingCharacters(in: CharacterSet(charactersIn: " ")) }
}
