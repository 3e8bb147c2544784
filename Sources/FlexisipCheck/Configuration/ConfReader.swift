// ConfReader.swift: the lines of flexisip.conf, and the forms that Flexisip's reader does not know
import Foundation

struct ConfReader {
  let path: String
  private(set) var settings: [ConfSetting] = []
  private(set) var sections: [(name: String, line: Int)] = []
  private(set) var findings: [ConfFinding] = []
  private var section: String?
  /// Whether the line before ended with a backslash: this one goes on with its value.
  private var continues = false
  private var continuationStart = 0
  private var saidCarriageReturn = false

  init(path: String) { self.path = path }

  mutating func read(_ text: String) {
    for (index, raw) in text.components(separatedBy: "\n").enumerated() { read(raw, number: index + 1) }
    reportContinuation()
  }

  private mutating func read(_ raw: String, number: Int) {
    var line = raw
    if line.hasSuffix("\r") {
      line.removeLast()
      if !saidCarriageReturn, !line.trimmed.isEmpty {
        saidCarriageReturn = true
        report(
          number, "", "the lines end with CR LF, and Flexisip takes the CR into every value",
          correction: line, remedy: "convert the file: sed -i 's/\\r$//' \(path)")
      }
    }
    let text = line.trimmed
    if text.hasPrefix("#") { return }
    if continues { return continueValue(text) }
    if text.isEmpty { return }
    if text.hasPrefix("[") { return beginSection(text, number) }
    guard let equals = text.firstIndex(of: "=") else {
      return report(
        number, "", "'\(text)' is neither a [section] nor key=value: Flexisip skips it", correction: "# \(text)")
    }
    take(String(text[..<equals]).trimmed, String(text[text.index(after: equals)...]).trimmed, number)
  }

  private mutating func beginSection(_ text: String, _ number: Int) {
    guard let end = text.firstIndex(of: "]") else {
      return report(number, "", "the section's name is not closed", correction: text + "]")
    }
    let name = String(text[text.index(after: text.startIndex)..<end]).trimmed
    section = name
    if !sections.contains(where: { $0.name.caseInsensitiveCompare(name) == .orderedSame }) {
      sections.append((name, number))
    }
  }

  private mutating func take(_ written: String, _ writtenValue: String, _ number: Int) {
    guard let section else {
      return report(
        number, written, "\(written) stands before the first [section]: Flexisip skips it",
        correction: "[global]\n\(written)=\(writtenValue)")
    }
    var key = written
    let appends = key.hasSuffix("+")
    if appends { key = String(key.dropLast()).trimmed }
    var value = writtenValue
    if value.hasSuffix("\\") {
      value = String(value.dropLast()).trimmed
      continues = true
      continuationStart = number
    }
    if let comment = value.range(of: #"\s#"#, options: .regularExpression) {
      let kept = String(value[..<comment.lowerBound]).trimmed
      report(
        number, key, "a comment behind a value is part of the value to Flexisip", correction: "\(key)=\(kept)",
        section: section)
      value = kept
    }
    let place = settings.firstIndex {
      $0.section.caseInsensitiveCompare(section) == .orderedSame && $0.key.caseInsensitiveCompare(key) == .orderedSame
    }
    guard let place else {
      if appends {
        report(
          number, key, "Flexisip knows no '+=': it refuses to start with the unknown key '\(key)+'",
          correction: "\(key)=\(value)", section: section, preventsStart: true)
      }
      return settings.append(ConfSetting(section: section, key: key, value: value, line: number))
    }
    let joined = "\(settings[place].value) \(value)".trimmed
    report(
      number, key,
      appends
        ? "Flexisip knows no '+=': it refuses to start with the unknown key '\(key)+'"
        : "\(key) is set on line \(settings[place].line) already: with a key that comes twice Flexisip does not start",
      correction: "\(key)=\(appends ? joined : value)", section: section,
      remedy: "one line with all values, in place of line \(settings[place].line) and this one", preventsStart: true)
    settings[place].value = appends ? joined : value
  }

  private mutating func continueValue(_ text: String) {
    continues = text.hasSuffix("\\")
    let more = (continues ? String(text.dropLast()) : text).trimmed
    if let last = settings.indices.last {
      settings[last].value = "\(settings[last].value) \(more)".trimmed
    }
    if !continues { reportContinuation() }
  }

  private mutating func reportContinuation() {
    guard continuationStart > 0, let setting = settings.last else { return }
    report(
      continuationStart, setting.key,
      "Flexisip does not join lines: it reads the backslash as part of the value and skips the next line",
      correction: "\(setting.key)=\(setting.value)", section: setting.section)
    continuationStart = 0
    continues = false
  }

  private mutating func report(
    _ line: Int, _ key: String, _ problem: String, correction: String, section: String? = nil, remedy: String? = nil,
    preventsStart: Bool = false
  ) {
    findings.append(
      ConfFinding(
        severity: .error, file: path, line: line, section: section ?? self.section ?? "", key: key, problem: problem,
        correction: correction, remedy: remedy, preventsStart: preventsStart))
  }
}

extension String {
  var trimmed: String { trimmingCharacters(in: .whitespaces) }
}
