// NotificationForm.swift: how a terminal is asked for a desktop notification (xterm's OSC 9 and 777, tmux's passthrough).

/// The escape sequences for notifications that terminals know.
public enum NotificationForm: String, CaseIterable, Sendable {
  /// iTerm2, kitty, Windows Terminal, foot: one text.
  case osc9
  /// urxvt, foot, Ghostty, WezTerm: title and text.
  case osc777

  /// Characters of the title and of the text that are sent.
  static let maximumLength = 200

  /// The bytes to send. Texts come from others: control characters, and what would end a field, are taken out.
  func sequence(title: String, body: String, environment: [String: String] = [:]) -> String {
    let (title, body) = (Self.field(title), Self.field(body))
    let text =
      switch self {
      case .osc9: "\u{1B}]9;\(title): \(body)\u{07}"
      case .osc777: "\u{1B}]777;notify;\(title);\(body)\u{07}"
      }
    // Multiplexers keep such sequences to themselves unless they are told to pass them on.
    if environment["TMUX"] != nil {
      return "\u{1B}Ptmux;" + text.replacing("\u{1B}", with: "\u{1B}\u{1B}") + "\u{1B}\\"
    }
    if environment["STY"] != nil { return "\u{1B}P" + text + "\u{1B}\\" }
    return text
  }

  private static func field(_ text: String) -> String {
    String(DisplayText.line(text).prefix(maximumLength)).replacing(";", with: ",")
  }
}
