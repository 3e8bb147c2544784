// SafeLine.swift: text from the network as one printable line (security checklist, 25).
import TerminalUI

enum SafeLine {
  /// Without control and bidirectional characters; line breaks become " / ".
  static func text(_ text: String) -> String { DisplayText.joinedLines(text) }
}
