// WireTrace.swift: the SIP and HTTP that was sent and received, in a file to look at or to attach to a report
import Foundation
import SafeText

/// Writes each message as it comes, with its time and direction, without credentials. Texts of unencrypted rooms,
/// addresses and names are in it, so that its owner alone may read the file (0600).
///
/// `@unchecked Sendable`: `file`, `nextLine` and `titles` are only touched under `lock`.
public final class WireTrace: @unchecked Sendable {
  /// Which way a message went; the raw value stands in the file.
  public enum Direction: String, Sendable {
    case sent = "->"
    case received = "<-"
  }

  /// The file cannot be written.
  public enum Failure: Error, LocalizedError, CustomStringConvertible {
    case cannotWrite(path: String, reason: String)

    public var description: String {
      switch self {
      case .cannotWrite(let path, let reason): "\(path) cannot be written: \(reason)"
      }
    }
    public var errorDescription: String? { description }
  }

  /// Longer bodies are cut, in bytes.
  public static let maximumBody = 65_536
  /// What these say proves a password, lets others try passwords, or acts in the user's name (RFC 3261 §20, RFC 7615).
  private static let secretHeaders: Set = [
    "authorization", "proxy-authorization", "authentication-info", "proxy-authentication-info", "cookie", "set-cookie",
  ]

  /// As it was given.
  public let path: String
  private let lock = NSLock()
  private let file: FileHandle
  /// Whether the file was empty in the beginning.
  private let countsLines: Bool
  private var nextLine = 1
  /// The last entries.
  private var titles: [Title] = []

  /// A link at `path` is not followed.
  /// - Parameter continues: whether to keep what is in the file.
  /// - Throws: `Failure`
  public init(path: String, continues: Bool = false) throws {
    let start = continues ? O_APPEND : O_TRUNC
    let descriptor = open(path, O_WRONLY | O_CREAT | start | O_NOFOLLOW | O_CLOEXEC, 0o600)
    // A file that was there keeps its mode, unless it is changed.
    guard descriptor >= 0, fchmod(descriptor, 0o600) == 0 else {
      let reason = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
      throw Failure.cannotWrite(path: path, reason: reason)
    }
    file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    self.path = path
    countsLines = lseek(descriptor, 0, SEEK_END) == 0
  }

  /// - Parameters:
  ///   - peer: whom it goes to or comes from, such as `TCP 192.0.2.1:5060`.
  ///   - message: a SIP or HTTP message, head and body.
  public func note(_ direction: Direction, _ peer: String, _ message: Data) {
    let head = message.range(of: Data("\r\n\r\n".utf8))
    let body = head.map { message[$0.upperBound...] } ?? Data()
    let lines = Self.withoutSecrets(String(decoding: message[..<(head?.lowerBound ?? message.endIndex)], as: UTF8.self))
    write("\(direction.rawValue) \(peer)", lines + [""] + Self.shown(body))
  }

  /// Something that is no message: a connection made or refused, what a certificate says.
  public func note(_ text: String) { write(text, []) }

  private func write(_ title: String, _ lines: [String]) {
    let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    let shown = lines.map { Self.withoutMark(Self.printable($0)) + "\n" }
    let text = "\(Self.mark)\(time) \(Self.printable(title))\n" + shown.joined()
    // A full disk costs the trace, not the connection.
    lock.withLock {
      titles.append(Title(line: nextLine, begins: String((lines.first ?? title).prefix(Self.keptBeginning))))
      if titles.count > Self.keptTitles { titles.removeFirst(Self.keptTitles / 2) }
      nextLine += 1 + lines.count
      try? file.write(contentsOf: Data(text.utf8))
    }
  }

  /// What an entry begins with: no text of others may look so.
  private static let mark = "===== "

  private static func withoutMark(_ line: String) -> String {
    line.hasPrefix(mark) ? "\\x3d" + line.dropFirst() : line
  }

  // MARK: Finding it again

  private struct Title {
    var line: Int
    /// Of the message, or of a note.
    var begins: String
  }

  private static let keptTitles = 2000
  private static let keptBeginning = 80

  /// Where the next entry will stand, from 1.
  public var position: Int { lock.withLock { nextLine } }

  /// Where to look when something that began at `start` has failed: the last answer that refuses, but for a challenge,
  /// else the first entry; nil when nothing has come since, or the file had been there before.
  public func placeOfFailure(since start: Int) -> Int? {
    lock.withLock {
      let since = titles.drop { $0.line < start }
      guard countsLines, let first = since.first else { return nil }
      let refusal = since.last { title in
        let words = title.begins.split(separator: " ", maxSplits: 2)
        guard words.count > 1, words[0] == "SIP/2.0" || words[0] == "HTTP", let status = Int(words[1]) else {
          return false
        }
        return status >= 400 && status != 401 && status != 407
      }
      return (refusal ?? first).line
    }
  }

  /// Header lines, folded ones joined (RFC 3261 §7.3.1), with the secret ones' values left out.
  static func withoutSecrets(_ head: String) -> [String] {
    var lines: [String] = []
    for line in head.replacingOccurrences(of: "\r\n", with: "\n").components(separatedBy: "\n") {
      if line.first == " " || line.first == "\t", !lines.isEmpty {
        lines[lines.count - 1] += " " + line.trimmingCharacters(in: .whitespaces)
      } else {
        lines.append(line)
      }
    }
    return lines.map { line in
      guard let colon = line.firstIndex(of: ":"),
        secretHeaders.contains(line[..<colon].trimmingCharacters(in: .whitespaces).lowercased())
      else { return line }
      return "\(line[..<colon]): (removed)"
    }
  }

  private static func shown(_ body: Data) -> [String] {
    guard !body.isEmpty else { return [] }
    let kept = body.prefix(maximumBody)
    let isText = kept.allSatisfy { $0 >= 32 || $0 == 9 || $0 == 10 || $0 == 13 }
    guard isText else { return ["(\(body.count) bytes)"] }
    let cut = body.count > kept.count ? ["(\(body.count - kept.count) bytes more)"] : []
    // CR LF is one character to Swift.
    let lines = kept.split(separator: 10, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    return lines + cut
  }

  /// What came from the network must not reach a terminal as control characters, nor turn its text around.
  static func printable(_ line: String) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in line.unicodeScalars {
      switch ScalarTreatment(of: scalar) {
      case .keep, .tab: shown.append(scalar)
      case .lineBreak where scalar == "\r": break
      case .lineBreak, .remove, .replace:
        shown.append(contentsOf: String(format: "\\x%02x", scalar.value).unicodeScalars)
      }
    }
    return String(shown)
  }
}
