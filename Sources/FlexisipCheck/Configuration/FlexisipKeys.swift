// FlexisipKeys.swift: which sections and keys a version of Flexisip or flexisip-conference knows, their types and defaults
import Foundation

/// How Flexisip reads a value.
package enum FlexisipValueType: String, Sendable {
  case boolean, integer, range, bytes, string, list, filter
  /// Numbers with a unit (ms, s, min, h, d, m, y) or without, which is then this.
  case milliseconds, seconds, minutes
}

/// One key, as some versions have it.
package struct FlexisipKey: Sendable {
  package var name: String
  package var type: FlexisipValueType
  package var versions: FlexisipVersionRange
  /// The key that has taken its place, with its section when that is another: `section/key`.
  package var successor: String?
  package var defaultValue: String

  /// Of a time, in the unit of the key; of a number, itself. nil when Flexisip cannot read it.
  func number(_ value: String) -> Int? {
    let unit: Int
    switch type {
    case .milliseconds: unit = 1
    case .seconds: unit = 1000
    case .minutes: unit = 60_000
    default: return Int(value)
    }
    guard let match = value.wholeMatch(of: /(\d{1,9})(|ms|s|min|h|d|m|y)/), let count = Int(match.1) else { return nil }
    let factors = [
      "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "m": 2_629_746_000, "y": 31_556_952_000,
    ]
    return count * (factors[String(match.2)] ?? unit) / unit
  }
}

package enum FlexisipKeys {
  package struct Section: Sendable {
    package var name: String
    package var versions: FlexisipVersionRange
    package var keys: [String: [FlexisipKey]] = [:]
  }

  /// By their names in small letters, as Flexisip compares them.
  package static let table: [String: Section] = {
    var table: [String: Section] = [:]
    var common: [String: [FlexisipKey]] = [:]
    var section: Section?
    func close() {
      guard let section else { return }
      if section.name == FlexisipKeyTable.anyModule { return common = section.keys }
      var full = section
      if section.name.hasPrefix("module::") { full.keys.merge(common) { own, _ in own } }
      table[section.name.lowercased()] = full
    }
    for line in FlexisipKeyTable.text.split(separator: "\n") {
      if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
        close()
        let versions = line[line.index(after: end)...].drop { $0 == " " }
        section = Section(
          name: String(line[line.index(after: line.startIndex)..<end]),
          versions: FlexisipVersionRange(versions) ?? FlexisipVersionRange())
      } else if let key = key(of: line) {
        section?.keys[key.name, default: []].append(key)
      }
    }
    close()
    return table
  }()

  /// One line of the table: `name type [versions] [>successor] [default]`.
  private static func key(of line: Substring) -> FlexisipKey? {
    var fields = line.split(separator: " ", omittingEmptySubsequences: false)[...]
    guard let name = fields.popFirst(),
      let type = fields.popFirst().flatMap({ FlexisipValueType(rawValue: String($0)) })
    else { return nil }
    let versions = fields.first.flatMap { FlexisipVersionRange($0) }
    if versions != nil { fields.removeFirst() }
    var successor: String?
    if let first = fields.first, first.hasPrefix(">") {
      successor = String(first.dropFirst())
      fields.removeFirst()
    }
    return FlexisipKey(
      name: String(name), type: type, versions: versions ?? FlexisipVersionRange(), successor: successor,
      defaultValue: fields.joined(separator: " "))
  }

  /// Sections that flexisip-conference reads. Those of modules and of some other servers it knows and passes over.
  private static let readByConference: Set<String> = ["global", "cluster", "conference-server", "module::registrar"]
  /// Servers that flexisip-conference is made without, so that their sections are unknown to it.
  private static let unknownToConference = [
    "presence-server", "b2bua-server", "voicemail-server", "monitor", "module::b2bua", "module::authopenidconnect",
    "module::externalauthentication", "module::datehandler",
  ]
  /// Modules that exist only if their plugin is named in `[global] plugins`.
  static let pluginModules: Set<String> = ["module::externalauthentication", "module::jweauth"]
  /// What a file for an unknown version is compared with first.
  private static let usual = FlexisipVersion(major: 2, minor: 5, patch: 2)

  /// Names of all sections of any version.
  static let sections: [String] = table.values.map(\.name).filter { $0 != FlexisipKeyTable.conferenceSection }.sorted()

  // MARK: What a program knows

  /// The section as its rows are found, with the version that they are compared with.
  private static func sources(
    _ section: String, of program: FlexisipProgram
  ) -> [(section: Section, version: FlexisipVersion?)] {
    let name = section.lowercased()
    guard name != FlexisipKeyTable.conferenceSection, let own = table[name] else { return [] }
    let separate = table[FlexisipKeyTable.conferenceSection]
    guard name == "conference-server", program.kind != .flexisip, let separate else { return [(own, program.core)] }
    return program.kind == .conference ? [(separate, program.version)] : [(own, nil), (separate, nil)]
  }

  package enum Knowledge: Equatable {
    case known
    /// Read over, whatever stands in it.
    case passedOver
    case unknown
    /// In other versions only; since when, or until when.
    case since(FlexisipVersion)
    case until(FlexisipVersion)
  }

  package static func knowledge(of section: String, by program: FlexisipProgram) -> Knowledge {
    let name = section.lowercased()
    guard let source = sources(section, of: program).first else { return .unknown }
    if program.kind == .conference {
      if unknownToConference.contains(where: { name == $0 || name.hasPrefix("\($0)::") }) { return .unknown }
      if !readByConference.contains(name) { return .passedOver }
    }
    if name == "conference-server", program.kind == .flexisip, program.isAtLeast(FlexisipProgram.split) {
      return .passedOver
    }
    return knowledge(of: [source.section.versions], at: source.version)
  }

  package static func knowledge(of key: String, in section: String, by program: FlexisipProgram) -> Knowledge {
    let found = sources(section, of: program).map { source in
      knowledge(of: (source.section.keys[key.lowercased()] ?? []).map(\.versions), at: source.version)
    }
    return found.first { $0 == .known } ?? found.first { $0 != .unknown } ?? .unknown
  }

  private static func knowledge(of ranges: [FlexisipVersionRange], at version: FlexisipVersion?) -> Knowledge {
    guard !ranges.isEmpty else { return .unknown }
    guard let version, !ranges.contains(where: { $0.contains(version) }) else { return .known }
    if let since = ranges.compactMap(\.since).filter({ $0 > version }).min() { return .since(since) }
    return ranges.compactMap(\.until).max().map { .until($0) } ?? .unknown
  }

  /// As the program has it; for an unknown version as most have it.
  package static func key(_ key: String, in section: String, by program: FlexisipProgram) -> FlexisipKey? {
    let rows = sources(section, of: program).flatMap { source in
      (source.section.keys[key.lowercased()] ?? []).map { ($0, source.version ?? usual) }
    }
    return (rows.first { $0.0.versions.contains($0.1) } ?? rows.last)?.0
  }

  /// Names of a section's keys that the program knows.
  static func names(in section: String, by program: FlexisipProgram) -> [String] {
    sources(section, of: program).flatMap { source in
      source.section.keys.filter { _, rows in
        source.version.map { version in rows.contains { $0.versions.contains(version) } } ?? true
      }.keys
    }
  }

  /// Since when a key is there; nil for those that 2.0 has, and for unknown ones.
  static func introduced(_ key: String, in section: String) -> FlexisipVersion? {
    let own = table[section.lowercased()]
    guard let rows = own?.keys[key.lowercased()] else { return nil }
    let since = rows.map(\.versions.since)
    return since.contains(nil) ? own?.versions.since : since.compactMap { $0 }.min()
  }

  /// The first version that has not a key any more; nil for those that the newest has, and for unknown ones.
  static func removed(_ key: String, in section: String) -> FlexisipVersion? {
    guard let rows = table[section.lowercased()]?.keys[key.lowercased()] else { return nil }
    let until = rows.map(\.versions.until)
    return until.contains(nil) ? nil : until.compactMap { $0 }.max()
  }

  /// Sections that have a key.
  static func homes(of key: String, by program: FlexisipProgram) -> [String] {
    sections.filter { section in
      knowledge(of: section, by: program) == .known && knowledge(of: key, in: section, by: program) == .known
    }
  }

  static func defaultValue(_ section: String, _ key: String, by program: FlexisipProgram = .flexisip) -> String {
    self.key(key, in: section, by: program)?.defaultValue ?? ""
  }

  // MARK: What was meant

  static func meantSection(_ name: String) -> String {
    table[name.lowercased()]?.name ?? EditDistance.nearest(to: name, of: sections) ?? name
  }

  static func meantKey(_ key: String, in section: String, by program: FlexisipProgram = .flexisip) -> String {
    let sources = sources(section, of: program)
    guard !sources.isEmpty, !sources.contains(where: { $0.section.keys[key.lowercased()] != nil }) else { return key }
    return EditDistance.nearest(to: key, of: names(in: section, by: program)) ?? key
  }
}
