// ConfCheck+Names.swift: sections and keys that the program does not know, in its version
import Foundation

extension ConfCheck {
  mutating func checkNames() {
    var judged: [String: FlexisipKeys.Knowledge] = [:]
    for (name, line) in conf.sections where conf.sets(name) {
      let knowledge = FlexisipKeys.knowledge(of: name, by: conf.program)
      judged[name.lowercased()] = knowledge
      judgeSection(name, knowledge, line)
    }
    for setting in conf.settings where judged[setting.section.lowercased()] == .known { judgeKey(setting) }
  }

  private mutating func judgeSection(_ name: String, _ knowledge: FlexisipKeys.Knowledge, _ line: Int) {
    func error(_ problem: String, _ correction: String) {
      add(.error, name, "", problem, correction: correction, preventsStart: true, line: line)
    }
    let program = conf.program.name
    let hasPlugins = !conf.words("global", "plugins").isEmpty
    switch knowledge {
    case .known:
      guard FlexisipKeys.pluginModules.contains(name.lowercased()), !hasPlugins else { return }
      error("\(name) is a plugin's: without its name in [global] plugins the section is unknown", "# [\(name)]")
    case .since(let version):
      error("\(program) does not know [\(name)], which came with \(version): it refuses to start", "# [\(name)]")
    case .until(let version):
      error(
        "\(program) does not know [\(name)] any more, which went with \(version): it refuses to start", "# [\(name)]")
    case .passedOver:
      guard conf.program.kind == .conference, name.caseInsensitiveCompare(Self.conference) != .orderedSame else {
        return
      }
      add(
        .warning, name, "", "flexisip-conference passes over it: it belongs into the proxy's flexisip.conf",
        correction: "# [\(name)]", isUnseen: true, line: line)
    case .unknown:
      let nearest = EditDistance.nearest(to: name, of: FlexisipKeys.sections).flatMap {
        $0.caseInsensitiveCompare(name) == .orderedSame ? nil : $0
      }
      if hasPlugins, nearest == nil { return }
      let who = conf.program.kind == .conference ? "flexisip-conference" : "Flexisip"
      error(
        "\(who) knows no such section\(nearest.map { ": [\($0)] is meant?" } ?? "")",
        nearest.map { "[\($0)]" } ?? "# [\(name)]")
    }
  }

  private mutating func judgeKey(_ setting: ConfSetting) {
    let (section, key) = (setting.section, setting.key)
    let knowledge = FlexisipKeys.knowledge(of: key, in: section, by: conf.program)
    let successor = FlexisipKeys.key(key, in: section, by: conf.program)?.successor
    let program = conf.program.name
    func refuse(_ problem: String) {
      report(section, key, problem, correction: replacement(of: setting, successor), preventsStart: true)
    }
    switch knowledge {
    case .known, .passedOver:
      if let successor { warnOfOldName(setting, successor) }
    case .since(let version):
      refuse("\(program) does not know \(key), which came with \(version): it refuses to start")
    case .until(let version):
      refuse("\(program) does not know \(key) any more, which went with \(version): it refuses to start")
    case .unknown:
      // A blank or a mark before the key has been told of.
      guard key.trimmed == key else { return }
      let nearest = EditDistance.nearest(to: key, of: FlexisipKeys.names(in: section, by: conf.program))
      report(
        section, key,
        "unknown key \(key): Flexisip refuses to start with it\(nearest.map { "; \($0) is meant?" } ?? "")",
        correction: nearest.map { "\($0)=\(setting.value)" } ?? "# \(key)=\(setting.value)",
        remedy: nearest == nil ? home(of: key) : nil, preventsStart: true)
    }
  }

  /// The line with the newer name, if there is one and the version has it; else none.
  private func replacement(of setting: ConfSetting, _ successor: String?) -> String {
    guard let (section, key) = place(of: successor, besides: setting) else {
      return "# \(setting.key)=\(setting.value)"
    }
    let line = "\(key)=\(setting.value)"
    return section.caseInsensitiveCompare(setting.section) == .orderedSame ? line : "[\(section)]\n\(line)"
  }

  private func place(of successor: String?, besides setting: ConfSetting) -> (section: String, key: String)? {
    guard let successor else { return nil }
    let parts = successor.split(separator: "/", maxSplits: 1).map(String.init)
    let (section, key) = parts.count == 2 ? (parts[0], parts[1]) : (setting.section, successor)
    guard FlexisipKeys.knowledge(of: section, by: conf.program) == .known,
      FlexisipKeys.knowledge(of: key, in: section, by: conf.program) == .known
    else { return nil }
    return (section, key)
  }

  private mutating func warnOfOldName(_ setting: ConfSetting, _ successor: String) {
    guard let (section, key) = place(of: successor, besides: setting) else { return }
    let gone = FlexisipKeys.removed(setting.key, in: setting.section)
    let isElsewhere = section.caseInsensitiveCompare(setting.section) != .orderedSame
    warn(
      setting.section, setting.key,
      "\(setting.key) is the old name of \(isElsewhere ? "[\(section)] " : "")\(key): "
        + (gone.map { "Flexisip reads it until \($0)" } ?? "Flexisip still reads it"),
      correction: replacement(of: setting, successor))
  }

  /// Where a key belongs that stands in the wrong section.
  private func home(of key: String) -> String? {
    let sections = FlexisipKeys.homes(of: key, by: conf.program)
    return sections.isEmpty ? nil : "\(key) is a key of [\(sections.joined(separator: "], ["))]"
  }
}
