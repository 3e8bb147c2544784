// TraceCommand.swift: limeade trace: the ladder diagram of a file of --trace, and its messages as a packet capture.
import ArgumentParser
import ChatCore
import Foundation
import MessageFormats
import TraceFile

struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Show what a file of --trace has: who sent what to whom.",
    discussion: """
      limeade trace check.trace
          each message as an arrow, with its line of the file
      limeade trace check.trace --room Team
          one room: its address, or the beginning of its name
      limeade trace check.trace --call-id df19f9cc
          one call
      limeade trace check.trace --pcap check.pcap
          for Wireshark and sngrep

      A capture has the SIP messages only, with a Content-Length that fits what the trace shows. What went over TLS \
      stands there as TCP to port 5060; ports and addresses of this side are those that the messages name.

      Exit code 65 when the file is no trace, or nothing in it fits.
      """)

  @OptionGroup var options: GlobalOptions
  @Argument(help: "The file.", completion: .file()) var file: String
  @Option(help: "Only this room: an address, or the beginning of its name.") var room: String?
  @Option(help: ArgumentHelp("Only this call: a Call-ID, or its beginning.", valueName: "id")) var callId: String?
  @Option(
    help: ArgumentHelp(
      "Write the messages to this file as a packet capture, in place of the ladder.", valueName: "file"),
    completion: .file())
  var pcap: String?

  func validate() throws {
    if callId?.isEmpty == true || room?.isEmpty == true { throw ValidationError("--room and --call-id are not empty") }
  }

  func run() throws {
    var filter = TraceFilter(room: room, callID: callId)
    var ladder = LadderDiagram()
    var entries = 0
    try read { _, message in
      entries += 1
      if let message { filter.learn(message) }
    }
    guard entries > 0 else { throw CommandFailure.badInput("\(file) is no trace of limeade: no line begins one") }
    var shown = 0
    try read { _, message in
      guard let message, filter.shows(message) else { return }
      shown += 1
      ladder.learn(message)
    }
    guard shown > 0 || filter.isEmpty else {
      let rooms = filter.seenRooms.sorted().prefix(20).map { "\n  \($0)" }.joined()
      throw CommandFailure.badInput(
        "no message of \(file) fits" + (room == nil || rooms.isEmpty ? "" : "; its rooms are:\(rooms)"))
    }
    if let pcap { return try capture(pcap, filter) }
    let width = options.json ? nil : Self.terminalWidth()
    if !options.json { for line in ladder.heading { Output.line(line) } }
    try read { entry, message in
      if let message {
        guard filter.shows(message) else { return }
        if options.json { return Output.line(JSONLine.string(Self.fields(message))) }
        for row in ladder.rows(message, width: width) { Output.line(row) }
      } else if filter.isEmpty {
        if options.json { return Output.line(JSONLine.string(Self.fields(note: entry))) }
        for row in ladder.rows(note: entry, width: width) { Output.line(row) }
      }
    }
  }

  private func read(_ each: (TraceEntry, TracedMessage?) throws -> Void) throws {
    do { try TraceReader.read(file) { try each($0, TracedMessage($0)) } } catch let failure as TraceReader.Failure {
      throw CommandFailure.badInput(failure.description)
    }
  }

  /// nil when standard output is no terminal.
  private static func terminalWidth() -> Int? {
    var size = winsize()
    guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
    return max(40, Int(size.ws_col))
  }

  // MARK: Capture

  private func capture(_ path: String, _ filter: TraceFilter) throws {
    let output = try CaptureFile(path, butNot: file)
    var capture = PacketCapture()
    var written = 0
    try output.write(capture.header)
    try read { _, message in
      guard let message, filter.shows(message) else { return }
      let packets = capture.packets(message)
      if packets.isEmpty { return }
      written += 1
      try output.write(packets)
    }
    if options.json {
      Output.line(JSONLine.string(["event": "capture", "file": path, "messages": written]))
    } else {
      Output.line("\(written) message(s) written to \(path)")
    }
  }

  /// Texts are in it: its owner alone may read it. A link is not followed.
  private struct CaptureFile {
    private let path: String
    private let handle: FileHandle

    init(_ path: String, butNot source: String) throws {
      self.path = path
      let descriptor = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw Self.failure(path) }
      handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
      var (own, other) = (stat(), stat())
      guard fstat(descriptor, &own) == 0, stat(source, &other) == 0 else { throw Self.failure(path) }
      if own.st_dev == other.st_dev, own.st_ino == other.st_ino {
        throw CommandFailure.cannotWrite("\(path) is the trace itself: name another file for the capture")
      }
      guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, 0) == 0 else { throw Self.failure(path) }
    }

    func write(_ data: Data) throws {
      do { try handle.write(contentsOf: data) } catch { throw Self.failure(path) }
    }

    private static func failure(_ path: String) -> CommandFailure {
      .cannotWrite("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  // MARK: JSON

  private static func fields(note entry: TraceEntry) -> [String: Any] {
    ["event": "note", "line": entry.line, "time": RFC3339.preciseString(from: entry.time), "text": entry.title]
  }

  private static func fields(_ message: TracedMessage) -> [String: Any] {
    var fields: [String: Any] = [
      "event": "message", "line": message.entry.line, "time": RFC3339.preciseString(from: message.entry.time),
      "direction": message.entry.direction?.rawValue ?? "", "peer": message.peer, "method": message.method,
    ]
    switch message.start {
    case .request(_, let target): fields["target"] = target
    case .response(let status, let reason): (fields["status"], fields["reason"]) = (status, reason)
    }
    fields["callId"] = message.callID
    fields["from"] = message.from?.description
    fields["to"] = message.to?.description
    guard let content = TracedContent(message) else { return fields }
    fields["contentType"] = content.mediaType
    fields["cpimType"] = content.cpimType
    fields["author"] = content.from?.description
    fields["messageId"] = content.messageID
    fields["limeDevices"] = content.limeDevices
    if !content.notifications.isEmpty { fields["notifications"] = content.notifications }
    return fields
  }
}
