// RawAnswer.swift: a server's own words behind the sentence of an error, for those who want to see them (RFC 3261 §21).
import Foundation

/// Texts of errors are sentences; what the server answered stands at their end in brackets, as `[SIP 488 Not Acceptable
/// Here]`. So it goes wherever the text goes, and whoever shows it can leave it out.
public enum RawAnswer {
  private static let opening = " [SIP "
  /// Of the server's words, in characters.
  private static let maximumReason = 200

  /// To stand behind a sentence.
  static func mark(_ status: Int, _ reason: String) -> String {
    let words = reason.prefix(maximumReason).map { "[]".contains($0) ? "|" : String($0) }.joined()
    return "\(opening)\(status)\(words.isEmpty ? "" : " ")\(words)]"
  }

  /// The sentence alone.
  public static func removed(from text: String) -> String {
    var rest = text[...]
    var result = ""
    while let start = rest.range(of: opening) {
      result += rest[..<start.lowerBound]
      rest = rest[start.lowerBound...]
      guard let end = rest.dropFirst().firstIndex(where: { "[]".contains($0) && $0 == "]" }) else { break }
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }
}
