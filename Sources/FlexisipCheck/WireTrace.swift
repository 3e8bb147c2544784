// WireTrace.swift: what was sent and received, for others to look at: without passwords and digests
import Foundation

/// Writes each message as it comes, with its time and direction. Who may read the file is its owner alone (0600).
///
/// `@unchecked Sendable`: `file` is only touched under `lock`.
public final class WireTrace: @unchecked Sendable {
  public enum Direction: String, Sendable {
    case sent = "->"
    case received = "<-"
  }

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
  private static let maximumBody = 16_384
  /// What these say lets others try passwords, or act in the user's name.
  private static let secretHeaders: Set = ["authorization", "proxy-authorization", "cookie", "set-cookie"]

  private let lock = NSLock()
  private let file: FileHandle

  /// Begins the file anew. A link at `path` is not followed.
  /// - Throws: `Failure`
  public init(path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    // A file that was there keeps its mode, unless it is changed.
    guard descriptor >= 0, fchmod(descriptor, 0o600) == 0 else {
      let reason = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
      throw Failure.cannotWrite(path: path, reason: reason)
    }
    file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
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
    let time = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
    let text = "===== \(time) \(Self.printable(title))\n" + lines.map { Self.printable($0) + "\n" }.joined()
    lock.withLock { try? file.write(contentsOf: Data(text.utf8)) }
  }

  /// Header lines, folded ones joined, with the secret ones' values left out.
  static func withoutSecrets(_ head: String) -> [String] {
    var lines: [String] = []
    for line in head.components(separatedBy: "\r\n") {
      if line.first == " " || line.first == "\t", !lines.isEmpty {
        lines[lines.count - 1] += " " + line.trimmed
      } else {
        lines.append(line)
      }
    }
    return lines.map { line in
      guard let colon = line.firstIndex(of: ":"),
        secretHeaders.contains(String(line[..<colon]).trimmed.lowercased())
      else { return line }
      return "\(line[..<colon]): (removed)"
    }
  }

  private static func shown(_ body: Data) -> [String] {
    guard !body.isEmpty else { return [] }
    let kept = body.prefix(maximumBody)
    let isText = kept.allSatisfy { $0 >= 32 || $0 == 9 || $0 == 10 || $0 == 13 }
    guard isText, let text = String(bytes: kept, encoding: .utf8) else { return ["(\(body.count) bytes)"] }
    let cut = body.count > kept.count ? ["(\(body.count - kept.count) bytes more)"] : []
    return text.components(separatedBy: "\n") + cut
  }

  /// What came from the network must not reach a terminal as control characters.
  private static func printable(_ line: String) -> String {
    String(
      String.UnicodeScalarView(
        line.unicodeScalars.filter { $0 != "\r" }.map { scalar in
          scalar == "\t" || !(scalar.properties.generalCategory == .control) ? scalar : "?"
        }))
  }
}
