// ConfCheck+Lines.swift: lines that Flexisip's reader takes otherwise than they are meant
import Foundation

extension ConfCheck {
  /// The first Flexisip that refuses a key which comes twice.
  private static let refusesDoubles = FlexisipVersion(major: 2, minor: 4)
  private static let longerLines = FlexisipVersion(major: 2, minor: 3)

  mutating func checkLines() {
    checkCarriageReturns()
    for flaw in conf.flaws where flaw.kind != .carriageReturn { report(flaw) }
  }

  /// All lines of a file have it, so it is told once, of a line that it breaks.
  private mutating func checkCarriageReturns() {
    let flaws = conf.flaws.filter { $0.kind == .carriageReturn }
    let breaking = flaws.first { isTyped($0.section, $0.key) }
    guard let flaw = breaking ?? flaws.first else { return }
    let value = "'\(flaw.value)\\r'"
    let effect =
      breaking == nil
      ? "" : ", and \(value) is no \(Self.noun(for: type(flaw.section, flaw.key))): the server does not start"
    add(
      .error, flaw.section, flaw.key,
      "the lines end with CR LF, and Flexisip takes the CR for a part of the value (\(value))\(effect)",
      correction: "\(flaw.key)=\(flaw.value)", remedy: "convert the file: sed -i 's/\\r$//' \(conf.path)",
      preventsStart: breaking != nil, line: flaw.line)
  }

  private func type(_ section: String, _ key: String) -> FlexisipValueType? {
    FlexisipKeys.key(key, in: section, by: conf.program)?.type
  }

  /// Whether anything that is added to the value keeps the server from starting.
  private func isTyped(_ section: String, _ key: String) -> Bool {
    switch type(section, key) {
    case .boolean: true
    case .milliseconds, .seconds, .minutes: true
    default: false
    }
  }

  private mutating func report(_ flaw: ConfFlaw) {
    func error(_ problem: String, _ correction: String, remedy: String? = nil, preventsStart: Bool = false) {
      add(
        .error, flaw.section, flaw.key, problem, correction: correction, remedy: remedy, preventsStart: preventsStart,
        line: flaw.line)
    }
    let setting = "\(flaw.key)=\(flaw.value)"
    switch flaw.kind {
    case .carriageReturn: break
    case .whitespaceBehindValue(let character):
      let isTyped = isTyped(flaw.section, flaw.key)
      error(
        "\(Self.name(of: character)) stands behind the value, and Flexisip takes it for a part of it"
          + (isTyped ? ": '\(flaw.value)' with it is no \(Self.noun(for: type(flaw.section, flaw.key)))" : ""),
        setting, preventsStart: isTyped)
    case .whitespaceBeforeKey(let character):
      error(
        "\(Self.name(of: character)) stands before \(flaw.key), and Flexisip takes it for a part of the key, which it "
          + "does not know then: it refuses to start", setting, preventsStart: true)
    case .characterBeforeSection(let character, let previous):
      error(
        "\(Self.name(of: character)) stands before [\(flaw.section)]: Flexisip does not see the section, and "
          + (previous.map { "takes its keys for those of [\($0)]" } ?? "skips its keys"),
        flaw.value, preventsStart: previous != nil)
    case .whitespaceBeforeComment(let character):
      error(
        "\(Self.name(of: character)) stands before '#': Flexisip takes the line for a key that it does not know, and "
          + "refuses to start", flaw.value, preventsStart: true)
    case .commentBehindValue:
      let isTyped = isTyped(flaw.section, flaw.key)
      error("a comment behind a value is part of the value to Flexisip", setting, preventsStart: isTyped)
    case .continuation:
      error(
        "Flexisip does not join lines: it reads the backslash as part of the value and skips the next line", setting)
    case .appended(let hasBlank, let earlier):
      error(
        hasBlank
          ? "Flexisip knows no '+=': it takes the line for \(flaw.key)="
          : "Flexisip knows no '+=': it refuses to start with the unknown key '\(flaw.key)+'", setting,
        remedy: earlier.map { "one line with all values, in place of line \($0) and this one" },
        preventsStart: !hasBlank || earlier != nil)
    case .doubled(let earlier):
      let remedy = "one line with all values, in place of line \(earlier) and this one"
      if conf.program.isBefore(Self.refusesDoubles) {
        return add(
          .warning, flaw.section, flaw.key,
          "\(flaw.key) is set on line \(earlier) already: \(conf.program.name) takes the last one, from 2.4 on it does "
            + "not start", correction: setting, remedy: remedy, line: flaw.line)
      }
      let older = conf.program.core == nil ? " (before 2.4 it takes the last one)" : ""
      error(
        "\(flaw.key) is set on line \(earlier) already: with a key that comes twice Flexisip does not start\(older)",
        setting, remedy: remedy, preventsStart: true)
    case .noSection:
      error("\(flaw.key) stands before the first [section]: Flexisip skips it", "[global]\n\(flaw.value)")
    case .unclosedSection: error("the section's name is not closed", flaw.value)
    case .neither:
      error("'\(flaw.value)' is neither a [section] nor key=value: Flexisip skips it", "# \(flaw.value)")
    case .tooLong(let count):
      let limit = conf.program.isBefore(Self.longerLines) ? ConfReader.longestLineUntil22 : ConfReader.longestLine
      guard count > limit else { return }
      error(
        "the line has \(count) bytes: Flexisip cuts it after \(limit), and takes the rest for another line",
        "# a shorter line", remedy: "fewer values, or shorter ones")
    }
  }

  static func noun(for type: FlexisipValueType?) -> String {
    switch type {
    case .boolean: "truth value"
    case .milliseconds, .seconds, .minutes: "time"
    default: "value"
    }
  }

  static func name(of character: Character) -> String {
    switch character {
    case "\t": "a tab"
    case "\r": "a CR"
    case "\u{A0}": "a no-break space (U+00A0)"
    case "\u{FEFF}": "a byte-order mark (U+FEFF)"
    case "\u{200B}": "a zero-width space (U+200B)"
    default: "the character " + character.unicodeScalars.map { String(format: "U+%04X", $0.value) }.joined()
    }
  }
}
