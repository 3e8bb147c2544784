// Glyphs.swift: what lines and marks are drawn with: box characters and symbols, or ASCII and letters.

/// The signs of the screen. Each is one column wide on every terminal that has it, `lock` two.
public struct Glyphs: Hashable, Sendable {
  /// What borders and rules are made of.
  public enum Lines: String, CaseIterable, Sendable {
    case box, ascii
  }

  /// What stands before a text.
  public enum Marks: String, CaseIterable, Sendable {
    case symbols, letters
  }

  /// What borders and rules are made of.
  public var lines: Lines
  /// What stands before a text.
  public var marks: Marks

  public init(lines: Lines = .box, marks: Marks = .symbols) {
    self.lines = lines
    self.marks = marks
  }

  /// Box characters and symbols.
  public static let standard = Glyphs()
  /// For terminals that have nothing else.
  public static let ascii = Glyphs(lines: .ascii, marks: .letters)

  /// What the locale of `environment` has: box characters and symbols where it is UTF-8. The Linux console's fonts have
  /// the box, but neither ticks nor a lock.
  public static func ofLocale(_ environment: [String: String]) -> Glyphs {
    guard isUTF8(environment) else { return .ascii }
    return Glyphs(lines: .box, marks: environment["TERM"] == "linux" ? .letters : .symbols)
  }

  /// Whether text is UTF-8 by LC_ALL, LC_CTYPE and LANG, the first of which that is not empty decides (POSIX).
  static func isUTF8(_ environment: [String: String]) -> Bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
    let locale = names.first { !$0.isEmpty }?.lowercased() ?? ""
    return locale.contains("utf-8") || locale.contains("utf8")
  }

  // MARK: Lines

  var vertical: String { lines == .box ? "│" : "|" }
  var horizontal: String { lines == .box ? "─" : "-" }
  /// Before the text that a message answers.
  var quote: String { lines == .box ? "│ " : "> " }
  /// Between the parts of the status bar.
  var divider: String { " \(vertical) " }
  /// Before the open room, and the chosen one of a list.
  var pointer: String { lines == .box ? "▌" : ">" }

  // MARK: Marks

  /// Of a room that stays at the top of the list.
  var pin: String { marks == .symbols ? "▴" : "^" }

  /// Before the words about an encrypted room, with a blank behind it.
  var lock: String { marks == .symbols ? "🔒 " : "" }

  func mark(_ encryption: MessageRow.Encryption) -> String {
    guard marks == .symbols else { return encryption.letter }
    return switch encryption {
    case .notEncrypted: "○"
    case .encrypted: "◇"
    case .trusted: "◆"
    case .unsafe: "!"
    case .undecryptable: "✗"
    case .stranger: "?"
    }
  }

  /// Two ticks reach into the column of the name, which is short before an own message.
  func mark(_ delivery: MessageRow.Delivery) -> String {
    guard marks == .symbols else { return delivery.letter }
    return switch delivery {
    case .queued: "…"
    case .sending: "↑"
    case .sent: "·"
    case .delivered(let count, let total): count >= total ? "✓" : "·"
    case .displayed(let count, let total): count >= total ? "✓✓" : "✓"
    case .failed: "✗"
    }
  }

  func mark(_ trust: MemberRow.Trust) -> String {
    guard marks == .symbols else { return trust.letter }
    return switch trust {
    case .trusted: "◆"
    case .untrusted, .unknown: "◇"
    case .held: "?"
    case .excluded: "✗"
    case .unsafe: "!"
    case .notEncrypted: "○"
    }
  }

  func mark(_ level: MessageRow.Level) -> String {
    switch level {
    case .information: lines == .box ? "──" : "--"
    case .warning: lines == .box ? "!" : "**"
    case .error: marks == .symbols ? "✗" : "!!"
    }
  }

  /// What the marks mean, a line each, for /help.
  public var legend: [String] {
    let trusts: [(MessageRow.Encryption, String)] = [
      (.trusted, "encrypted end to end, from a trusted device"),
      (.encrypted, "encrypted end to end, from an untrusted device"), (.notEncrypted, "not encrypted"),
      (.unsafe, "from a device flagged as unsafe"), (.undecryptable, "cannot be decrypted"),
      (.stranger, "not from a member's device"),
    ]
    let states: [(MessageRow.Delivery, String)] = [
      (.queued, "your message waits"), (.sending, "is being sent"), (.sent, "is at the server"),
      (.delivered(1, of: 2), "was delivered to some"), (.delivered(1, of: 1), "was delivered to all"),
      (.displayed(1, of: 2), "was read by some"), (.displayed(1, of: 1), "was read by all"),
      (.failed(reason: ""), "was not delivered: the reason stands below it"),
    ]
    var lines: [(mark: String, words: String)] = []
    for (mark, words) in trusts.map({ (mark($0.0), $0.1) }) + states.map({ (mark($0.0), $0.1) }) {
      if let index = lines.firstIndex(where: { $0.mark == mark }) {
        lines[index].words += "; " + words
      } else {
        lines.append((mark, words))
      }
    }
    return lines.map { $0.mark.padded(to: 4) + $0.words }
  }
}
