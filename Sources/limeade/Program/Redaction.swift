// Redaction.swift: takes secrets out of what is logged (security checklist, 25).
import Foundation

enum Redaction {
  static let replacement = "(secret)"
  /// Shorter ones would take words out of every line.
  private static let shortestSecret = 4

  private static let lock = NSLock()
  /// Safe: only touched under `lock`.
  nonisolated(unsafe) private static var secrets: Set<String> = []

  /// From now on this value is replaced wherever it is logged.
  static func hide(_ secret: String) {
    guard secret.utf8.count >= shortestSecret else { return }
    _ = lock.withLock { secrets.insert(secret) }
  }

  /// One printable line without the hidden values, without passwords in URIs, and without what proves a password.
  static func text(_ text: String) -> String {
    var result = text
    for secret in lock.withLock({ secrets }) { result = result.replacing(secret, with: replacement) }
    for (pattern, template) in patterns {
      let all = NSRange(result.startIndex..., in: result)
      result = pattern.stringByReplacingMatches(in: result, range: all, withTemplate: template)
    }
    return SafeLine.text(result)
  }

  private static let patterns: [(NSRegularExpression, String)] = [
    // sip:user:password@host, https://user:password@host
    ("(?i)\\b((?:sips?:|https?://)[^\\s:@/]*):[^\\s@/]+@", "$1:\(replacement)@"),
    // Header fields with credentials, to the end of the line.
    ("(?im)\\b((?:proxy-)?authorization|(?:set-)?cookie)\\s*[:=].*$", "$1: \(replacement)"),
    // Parameters of a digest answer, and settings.
    (
      "(?i)\\b(response|cnonce|rspauth|password|passphrase|secret|token|ha1)(\\s*[=:]\\s*)(\"[^\"]*\"|[^\\s,;\"]+)",
      "$1$2\(replacement)"
    ),
  ].compactMap { pattern, template in (try? NSRegularExpression(pattern: pattern)).map { ($0, template) } }
}
