// LogFile.swift: --log-file and --log-level: what happened, without texts and without secrets, for the owner only.
import ChatCore
import Foundation
import Logging

/// A file that log lines are appended to: `2026-11-21T09:14:02.123Z info  registered device=…`
final class LogFile: Sendable {
  private let descriptor: Int32

  /// - Throws: exit code 73 when it cannot be written.
  init(path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw CommandFailure.cannotWrite("the log \(path) cannot be written: \(String(cString: strerror(errno)))")
    }
    // One that was there may be readable by others.
    fchmod(descriptor, 0o600)
  }

  deinit { close(descriptor) }

  /// One write for each line, so that the lines of several programs do not mix.
  func append(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
  }
}

/// Log lines to a file or to standard error, each passed through `Redaction`.
struct LineLogHandler: LogHandler {
  /// nil is standard error.
  let file: LogFile?
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    let fields = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    let level = event.level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
    let line = "\(JSONLine.time(Date())) \(level) \(Redaction.text("\(event.message)\(fields)"))"
    if let file { file.append(line) } else { Output.note(line) }
  }
}

/// What an account does, as log lines: never the text of a message.
enum EventLog {
  /// Logs the client's events from now on, until it stops.
  static func follow(_ client: ChatClient, _ logger: Logger) {
    guard logger.logLevel <= .error else { return }
    let events = client.events()
    Task { for await event in events { log(event, logger) } }
  }

  private static func log(_ event: ChatEvent, _ logger: Logger) {
    var fields = event.jsonFields
    let name = fields.removeValue(forKey: "event") as? String ?? "event"
    let level: Logger.Level
    switch event {
    case .connection(.offline): level = .warning
    case .connection: level = .info
    case .error, .security, .lost: level = .warning
    case .messageState(let message): level = message.state == .failed ? .warning : .info
    case .message, .change, .delivery, .room, .participant, .lifetime, .roomEvent, .invitation: level = .info
    case .device, .composing: level = .debug
    case .file(let progress): level = progress.step == .failed ? .warning : .debug
    }
    // Only those whose text is the program's own.
    if case .error = event {} else if case .security = event {} else { fields["text"] = nil }
    if case .file = event { fields["name"] = nil }
    for name in ["participants", "files", "path"] { fields[name] = nil }
    logger.log(level: level, "\(name)", metadata: fields.mapValues { .string("\($0)") })
  }
}
