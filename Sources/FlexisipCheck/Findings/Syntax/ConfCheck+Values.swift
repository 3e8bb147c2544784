// ConfCheck+Values.swift: values that Flexisip cannot read: truth values, numbers, times, lists, and what was to be filled in
import Foundation

extension ConfCheck {
  /// Numbers that are none: 0 before, later a reason not to start.
  private static let refusesWords = FlexisipVersion(major: 2, minor: 5)

  mutating func checkValues() {
    for setting in conf.settings {
      guard let key = FlexisipKeys.key(setting.key, in: setting.section, by: conf.program) else { continue }
      // What nothing reads does no harm, but for truth values.
      let isPassedOver = FlexisipKeys.knowledge(of: setting.section, by: conf.program) == .passedOver
      guard !isPassedOver || key.type == .boolean else { continue }
      if let placeholder = Self.placeholder(in: setting.value) {
        add(
          .error, setting.section, setting.key,
          "\(placeholder) is a placeholder, which nobody has filled in: Flexisip takes it as it is",
          correction: "\(setting.key)=\(Self.filledIn(setting, placeholder))", preventsStart: key.type == .boolean)
        markAsValue()
        continue
      }
      switch key.type {
      case .boolean: checkBoolean(setting)
      case .integer, .range, .bytes: checkNumber(setting, key)
      case .milliseconds, .seconds, .minutes: checkTime(setting, key)
      case .list: checkList(setting)
      case .string: checkChoice(setting)
      case .filter: break
      }
    }
  }

  /// Of some keys, what they take; all else keeps the server from starting, of a log level from 2.5 on.
  private static let choices: [String: [String]] = [
    "global/log-level": logLevels, "global/syslog-level": logLevels, "global/contextual-log-level": logLevels,
    "module::registrar/redis-connection": ["tcp", "tls-server-auth", "tls-mutual"],
    "module::authorization/auth-domains-mode": ["legacy", "flexiapi", "static"],
    "module::nathelper/nat-traversal-strategy": ["contact-correction", "flow-token"],
    "module::nathelper/record-route-policy": ["safe", "always"],
    "b2bua-server/application": ["trenscrypter", "sip-bridge"],
    "conference-server/audio-engine-mode": ["mixer", "semi-sfu", "sfu"],
    "conference-server/video-engine-mode": ["semi-sfu", "sfu"],
  ]
  private static let logLevels = ["debug", "message", "warning", "error"]

  /// Of some numbers, between which they must be.
  private static let bounds: [String: ClosedRange<Int>] = [
    "global/tcp-max-read-size": 1...Int(Int32.max), "b2bua-server/max-calls": 1...Int(Int32.max),
    "module::registrar/register-expire-randomizer-max": 0...100,
    "module::pushnotification/retransmission-count": 0...Int(Int32.max), "stun-server/port": 0...65_535,
  ]

  private mutating func checkChoice(_ setting: ConfSetting) {
    let name = "\(setting.section)/\(setting.key)".lowercased()
    guard let choices = Self.choices[name], !choices.contains(setting.value) else { return }
    let isLevel = choices == Self.logLevels
    if isLevel, conf.program.isBefore(Self.refusesWords) {
      warn(
        setting.section, setting.key, "'\(setting.value)' is no level: \(conf.program.name) takes it for error",
        correction: "\(setting.key)=error")
    } else {
      let isRead = isRead(setting.section)
      add(
        isRead ? .error : .warning, setting.section, setting.key,
        "'\(setting.value)' is none of \(choices.joined(separator: ", "))\(isRead ? ": the server does not start" : "")",
        correction: "\(setting.key)=\(FlexisipKeys.defaultValue(setting.section, setting.key, by: conf.program))",
        preventsStart: isRead)
    }
    markAsValue()
  }

  private mutating func checkBoolean(_ setting: ConfSetting) {
    guard !["true", "false", "1", "0"].contains(setting.value) else { return }
    let isYes = ["yes", "on", "true", "enabled", "y"].contains(setting.value.lowercased())
    report(
      setting.section, setting.key, "'\(setting.value)' is no truth value: Flexisip takes true, false, 1 and 0, and does not start",
      correction: "\(setting.key)=\(isYes)", preventsStart: true)
    markAsValue()
  }

  /// Whether the server does not start by a value that it cannot read: it reads those of modules that are on.
  private func isRead(_ section: String) -> Bool {
    guard section.lowercased().hasPrefix("module::") else { return section.lowercased() != "mdns-register" }
    return conf.isOn(section, "enabled")
  }

  private mutating func checkNumber(_ setting: ConfSetting, _ key: FlexisipKey) {
    let isRight =
      switch key.type {
      case .range: setting.value.wholeMatch(of: /[+-]?\d+(-\d+)?/) != nil
      case .bytes: setting.value.wholeMatch(of: /[+-]?\d+[KMG]?/) != nil
      default: setting.value.wholeMatch(of: /[+-]?\d+/) != nil
      }
    if isRight, key.type != .integer { return }
    if isRight, let number = Int32(setting.value) { return checkBounds(setting, Int(number)) }
    let example = "\(setting.key)=\(key.defaultValue)"
    let leading = setting.value.firstMatch(of: /^[+-]?\d+/).map { String($0.output) }
    if let leading, Int32(leading) != nil {
      let unit = setting.value.dropFirst(leading.count)
      let isUnit = ["ms", "s", "min", "h", "d", "m", "y"].contains(String(unit))
      warn(
        setting.section, setting.key,
        "Flexisip reads '\(setting.value)' as \(leading)\(isUnit ? ": units are read from 2.4 on, and not here" : "")",
        correction: "\(setting.key)=\(leading)")
      return markAsValue()
    }
    if leading == nil, conf.program.isBefore(Self.refusesWords) {
      warn(
        setting.section, setting.key, "'\(setting.value)' is no number: \(conf.program.name) reads it as 0",
        correction: example)
    } else {
      let isRead = isRead(setting.section)
      add(
        isRead ? .error : .warning, setting.section, setting.key,
        "'\(setting.value)' is no number\(isRead ? ": the server does not start" : "")", correction: example,
        preventsStart: isRead)
    }
    markAsValue()
  }

  private mutating func checkBounds(_ setting: ConfSetting, _ number: Int) {
    let name = "\(setting.section)/\(setting.key)".lowercased()
    guard let bounds = Self.bounds[name], !bounds.contains(number) else { return }
    let isRead = isRead(setting.section)
    let limit =
      bounds.upperBound == Int(Int32.max)
      ? "at least \(bounds.lowerBound)" : "\(bounds.lowerBound) to \(bounds.upperBound)"
    add(
      isRead ? .error : .warning, setting.section, setting.key,
      "\(number) is out of bounds (\(limit))\(isRead ? ": the server does not start" : "")",
      correction: "\(setting.key)=\(FlexisipKeys.defaultValue(setting.section, setting.key, by: conf.program))",
      preventsStart: isRead)
    markAsValue()
  }

  private mutating func checkTime(_ setting: ConfSetting, _ key: FlexisipKey) {
    let match = setting.value.wholeMatch(of: /(\d{1,18})(|ms|s|min|h|d|m|y)/)
    let isTooFine =
      match.map { match in
        key.type == .seconds && match.2 == "ms" || key.type == .minutes && ["ms", "s"].contains(match.2)
      } ?? false
    guard match == nil || isTooFine else { return }
    // Of an unknown version: before 2.4 these are numbers, and negative ones mean something.
    if conf.program.core == nil, setting.value.wholeMatch(of: /-\d+/) != nil { return }
    let isRead = isRead(setting.section)
    let end = isRead ? ": the server does not start" : ""
    let units = "a number with ms, s, min, h, d, m or y, or without"
    add(
      isRead ? .error : .warning, setting.section, setting.key,
      isTooFine
        ? "'\(setting.value)' is finer than \(key.type.rawValue)\(end)"
        : "'\(setting.value)' is no time (\(units))\(end)",
      correction: "\(setting.key)=\(key.defaultValue)", preventsStart: isRead)
    markAsValue()
  }

  private mutating func checkList(_ setting: ConfSetting) {
    if let other = setting.raw.first(where: { $0.isWhitespace && $0 != " " && $0 != "\r" }),
      setting.raw.trimmed.contains(other)
    {
      let words = FlexisipConf.words(of: setting.value)
      report(
        setting.section, setting.key, "\(Self.name(of: other)) does not separate the parts of a list: blanks do",
        correction: "\(setting.key)=\(words.joined(separator: " "))")
      return markAsValue()
    }
    let hasComma = setting.value.split(separator: " ").contains { $0.contains(",") && !$0.contains(";network=") }
    guard hasComma, !setting.key.hasSuffix("-regex"), !conf.program.isBefore(FlexisipProgram.split) else { return }
    let words = FlexisipConf.words(of: setting.value).joined(separator: " ")
    add(
      conf.program.core == nil && conf.program.kind == .flexisip ? .warning : .error, setting.section, setting.key,
      "from Flexisip 2.6 on blanks separate the parts of a list, and no commas: '\(setting.value)' is one word",
      correction: "\(setting.key)=\(words)")
    markAsValue()
  }

  // MARK: Placeholders

  /// What was to be replaced: `<SIP_IP>`, `{{ domain }}`, `__DOMAIN__`, `@DOMAIN@`, `%DOMAIN%` or `${DOMAIN}`.
  static func placeholder(in value: String) -> String? {
    let forms = [
      /<[A-Za-z][A-Za-z0-9_. -]*>/, /\{\{[^{}]*\}\}/, /__[A-Z][A-Z0-9_]*__/, /@[A-Z][A-Z0-9_]{2,}@/,
      /%[A-Z][A-Z_]{3,}%/, /\$\{[A-Za-z_][A-Za-z0-9_]*\}/,
    ]
    return forms.lazy.compactMap { value.firstMatch(of: $0).map { String($0.output) } }.first
  }

  private static func filledIn(_ setting: ConfSetting, _ placeholder: String) -> String {
    let name = placeholder.lowercased()
    let words = name.split { !$0.isLetter }
    let example =
      if name.contains("domain") {
        "sip.example.org"
      } else if words.contains(where: { ["ip", "ipv"].contains($0) || $0.hasPrefix("addr") }) {
        "192.0.2.1"
      } else if name.contains("port") {
        "5060"
      } else if name.contains("pass") || name.contains("secret") {
        "PASSWORD"
      } else if name.contains("user") {
        "flexisip"
      } else {
        "sip.example.org"
      }
    return setting.value.replacing(placeholder, with: example)
  }
}
