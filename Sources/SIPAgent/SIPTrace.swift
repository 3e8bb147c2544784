// SIPTrace.swift: every SIP message that is sent or received, in a file to look at or to attach to a report
import CSofia
import Foundation

/// The file of a trace: readable by its owner only, without credentials. Texts of unencrypted rooms, addresses and
/// names are in it.
///
/// One for the process, as Sofia's log is.
///
/// `@unchecked Sendable`: what is mutable is only touched on Sofia's thread, by Sofia's log.
public final class SIPTrace: @unchecked Sendable {
  private static let lock = NSLock()
  /// Safe: only touched under `lock`.
  nonisolated(unsafe) private static var started: SIPTrace?
  static var current: SIPTrace? { lock.withLock { started } }

  private let file: Int32
  private var isTaking = false
  private var rest: [UInt8] = []
  private var redaction = TraceRedaction()

  /// Writes the messages of every agent that is made from now on. A file that is there is continued.
  /// - Throws: `SIPError.invalidConfiguration` when the file cannot be written.
  public static func start(writingTo path: String) throws {
    let trace = try SIPTrace(path: path)
    lock.withLock { started = trace }
  }

  private init(path: String) throws {
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else {
      throw SIPError.invalidConfiguration("the trace \(path) cannot be written: \(String(cString: strerror(errno)))")
    }
    // One that was there may be readable by others.
    fchmod(file, 0o600)
  }

  deinit { close(file) }

  @SIPActor
  func begin() {
    guard !isTaking else { return }
    isTaking = true
    // Held by Sofia's log from now on.
    sofia_trace_start(Unmanaged.passRetained(self).toOpaque(), onTraceText)
  }

  fileprivate func take(_ bytes: UnsafeBufferPointer<UInt8>) {
    rest.append(contentsOf: bytes)
    var lines: [UInt8] = []
    while let end = rest.firstIndex(of: 10) {
      lines += redaction.line(Array(rest[..<end]))
      rest.removeSubrange(...end)
    }
    var left = lines[...]
    while !left.isEmpty {
      let count = left.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      // A full disk costs the trace, not the connection.
      guard count > 0 else { return }
      left = left.dropFirst(count)
    }
  }
}

private let onTraceText: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Int) -> Void = {
  context, text, length in
  guard let context, let text, length > 0 else { return }
  let trace = Unmanaged<SIPTrace>.fromOpaque(context).takeUnretainedValue()
  text.withMemoryRebound(to: UInt8.self, capacity: length) {
    trace.take(UnsafeBufferPointer(start: $0, count: length))
  }
}

/// Line by line: takes credentials out and makes control characters visible.
struct TraceRedaction {
  /// Header fields whose value is or proves a secret (RFC 3261 §20, RFC 7315, RFC 8898).
  private static let secretHeaders: Set<String> = [
    "authorization", "proxy-authorization", "authentication-info", "proxy-authentication-info", "cookie", "set-cookie",
  ]
  /// What Sofia puts before the lines of a message.
  private static let indentation = Array("   ".utf8)

  private var isInHeader = false
  private var isFolded = false

  /// - Parameter line: without its end.
  /// - Returns: what is written for it, with its end.
  mutating func line(_ line: [UInt8]) -> [UInt8] {
    guard line.starts(with: Self.indentation) else {
      // `send 512 bytes to tcp/[192.0.2.1]:5060 at 09:14:02.123456:` begins a message. The day is not in it.
      (isInHeader, isFolded) = (true, false)
      let day = Date().formatted(.iso8601.year().month().day())
      return Array("\(day) ".utf8) + Self.visible(line) + [10]
    }
    let text = line.dropFirst(Self.indentation.count)
    if text.isEmpty || text.allSatisfy({ $0 == 13 }) { isInHeader = false }
    guard isInHeader else { return Self.visible(line) + [10] }
    // A field goes on over lines that begin with a blank (RFC 3261 §7.3.1).
    if text.first == 32 || text.first == 9 { return isFolded ? [] : Self.visible(line) + [10] }
    isFolded = false
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return Self.visible(line) + [10] }
    let name = String(decoding: text[..<colon], as: UTF8.self).trimmingCharacters(in: .whitespaces)
    guard Self.secretHeaders.contains(name.lowercased()) else { return Self.visible(line) + [10] }
    isFolded = true
    return Self.indentation + Self.visible(Array(text[...colon])) + Array(" (credentials removed)\n".utf8)
  }

  /// Control characters as `\x1b`: the file may be shown on a terminal.
  private static func visible(_ line: [UInt8]) -> [UInt8] {
    let text = String(decoding: line, as: UTF8.self)
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 9: result.append(scalar)
      case 13: break
      case 0..<32, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069:
        result.append(contentsOf: String(format: "\\x%02x", scalar.value).unicodeScalars)
      default: result.append(scalar)
      }
    }
    return Array(String(result).utf8)
  }
}
