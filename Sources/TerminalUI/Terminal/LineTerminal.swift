// LineTerminal.swift: a terminal line by line: what happens is printed above the line being typed, and no cursor moves but
// back over that line. For screen readers, and for terminals that can do no more (TERM=dumb).
import CNcurses
import Foundation

/// Keys come one by one, and are shown by this program. Nothing is written but text, CR, LF and backspaces.
@MainActor
public final class LineTerminal {
  /// Keys, pastes and requests to stop, from `start` to `stop`; ends with `stop`.
  public nonisolated let keyEvents: AsyncStream<KeyEvent>

  private let continuation: AsyncStream<KeyEvent>.Continuation
  private var reader: TerminalReader?
  private var before = termios()
  private var line = EditedLine()

  /// Touches nothing yet: `start` takes the terminal.
  public init() {
    (keyEvents, continuation) = AsyncStream.makeStream()
  }

  /// Takes the terminal. `errorFile` gets what is written to standard error from now on.
  public func start(errorFile: String = "/dev/null") throws(Terminal.Failure) {
    guard reader == nil else { throw .alreadyStarted }
    let reader = try TerminalReader.taking(errorFile: errorFile, continuation)
    tcgetattr(STDIN_FILENO, &before)
    cncurses_watch_signals(reader.signalPipe)
    takeKeys()
    self.reader = reader
    reader.start()
  }

  /// Gives the terminal back, on a line of its own. Harmless when not started.
  public func stop() {
    guard let reader else { return }
    reader.stop()
    send(line.ended())
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before)
    cncurses_unwatch_signals()
    cncurses_restore_stderr()
    self.reader = nil
    continuation.finish()
  }

  /// Gives the terminal to the shell, stops the process as Ctrl-Z does, and takes the terminal again when continued.
  public func suspend() {
    guard reader != nil else { return }
    send(line.ended())
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before)
    cncurses_stop_process_group()
    takeKeys()
    continuation.yield(.resumed)
  }

  /// Another program has the terminal while `body` runs, as an editor.
  public func lend(to body: () async -> Void) async {
    guard let reader else { return }
    reader.stop()
    send(line.ended())
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before)
    reader.start(readsKeys: false)
    await body()
    // The program may be ending.
    guard self.reader != nil else { return }
    reader.stop()
    takeKeys()
    reader.start()
  }

  /// Without echo, line by line or signals of keys; what is written keeps its line ends.
  private func takeKeys() {
    var keys = before
    keys.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
    keys.c_iflag &= ~tcflag_t(IXON | ICRNL)
    tcsetattr(STDIN_FILENO, TCSADRAIN, &keys)
  }

  /// Shows lines above the one being typed, which comes back below them as it is now.
  /// - Parameters:
  ///   - lines: cleaned by `DisplayText`.
  ///   - prompt: before the text.
  public func show(_ lines: [String], prompt: String, _ input: InputLine) {
    let width = max(8, TerminalReader.currentSize.columns - 1)
    var output = ""
    if !lines.isEmpty { output += line.erased() + lines.map { $0 + "\n" }.joined() }
    output += line.changed(to: prompt, input, width: width)
    send(output)
  }

  /// What was typed stays as it stands, and the next line begins.
  public func endLine() { send(line.ended()) }

  /// Rings the bell.
  public func ring() { send("\u{07}") }

  private func send(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        var ready = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      } else if errno != EINTR {
        return
      }
    }
  }
}

/// The line at the bottom as the terminal shows it, and what to write to change it: one byte for a letter at its end.
struct EditedLine: Equatable {
  private var clusters: [String] = []
  /// Clusters before the cursor.
  private var cursor = 0

  private static func columns(_ clusters: some Sequence<String>) -> Int {
    clusters.reduce(0) { $0 + ClusterWidth.columns(of: $1) }
  }

  /// Nothing is left of it, and the cursor stands where it began.
  mutating func erased() -> String {
    guard !clusters.isEmpty else { return "" }
    let blanks = String(repeating: " ", count: Self.columns(clusters))
    self = EditedLine()
    return "\r\(blanks)\r"
  }

  /// It stays, and a new one begins.
  mutating func ended() -> String {
    guard !clusters.isEmpty else { return "" }
    // The cursor goes behind it, so that nothing of it is written over.
    let rest = clusters[cursor...].joined()
    self = EditedLine()
    return rest + "\n"
  }

  /// - Parameter width: columns; of a longer text what is around the cursor is shown.
  mutating func changed(to prompt: String, _ input: InputLine, width: Int) -> String {
    var text = input.text.map { $0 == "\n" ? " / " : DisplayText.cluster($0) }
    var place = input.cursor
    let head = DisplayText.line(prompt).map(String.init)
    let room = max(4, width - Self.columns(head))
    // By half lines, so that it stands still while one types.
    let step = max(1, room / 2)
    var hidden = 0
    while Self.columns(text[..<place]) >= room {
      let gone = Self.prefix(text, columns: step)
      text.removeFirst(gone)
      place -= gone
      hidden += gone
    }
    text = Array(text.prefix(Self.prefix(text, columns: room)))
    let wanted = EditedLine(clusters: head + text, cursor: head.count + place)
    let same = zip(clusters, wanted.clusters).prefix { $0 == $1 }.count
    var output = ""
    if same < clusters.count || same < wanted.clusters.count {
      output += Self.move(from: cursor, to: same, in: clusters)
      output += wanted.clusters[same...].joined()
      // What stood there before.
      let surplus = Self.columns(clusters[same...]) - Self.columns(wanted.clusters[same...])
      if surplus > 0 {
        output += String(repeating: " ", count: surplus) + String(repeating: "\u{8}", count: surplus)
      }
      output += Self.move(from: wanted.clusters.count, to: wanted.cursor, in: wanted.clusters)
    } else {
      output += Self.move(from: cursor, to: wanted.cursor, in: clusters)
    }
    self = wanted
    return output
  }

  private static func prefix(_ clusters: [String], columns: Int) -> Int {
    var left = columns
    var count = 0
    for cluster in clusters {
      left -= ClusterWidth.columns(of: cluster)
      if left < 0 { break }
      count += 1
    }
    return max(1, count)
  }

  /// Back by backspaces, forward by writing the same again.
  private static func move(from old: Int, to new: Int, in clusters: [String]) -> String {
    new < old
      ? String(repeating: "\u{8}", count: columns(clusters[new..<old])) : clusters[old..<new].joined()
  }
}
