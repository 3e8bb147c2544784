// Terminal.swift: the real screen: ncurses paints grids, a reader thread turns bytes and signals into key events.
import CNcurses
import Foundation

/// The process's terminal. At most one is started at a time. While it runs, standard error goes to a file, because C
/// libraries write there. However the process ends, short of SIGKILL, the terminal is given back as it was.
@MainActor
public final class Terminal {
  /// Why the terminal cannot be taken.
  public enum Failure: Error, Equatable, CustomStringConvertible {
    case notATerminal
    case unknownTerminal(name: String)
    case noTerminfo(name: String)
    case noStandardError(path: String, reason: String)
    case noPipe(reason: String)
    case alreadyStarted

    public var description: String {
      switch self {
      case .notATerminal: "standard input and output must be a terminal; without one, write limeade chat --plain ROOM"
      case .unknownTerminal(let name):
        "TERM is \"\(name)\", which names no terminal with a movable cursor; set TERM, or write limeade chat --plain ROOM"
      case .noTerminfo(let name):
        """
        there is no terminfo entry for TERM "\(name)" on this machine: install it (on Debian the package ncurses-term \
        has most), or write TERM=xterm-256color limeade chat, if the terminal is of that kind
        """
      case .noStandardError(let path, let reason): "cannot write the log file \(path): \(reason)"
      case .noPipe(let reason): "cannot create a pipe: \(reason)"
      case .alreadyStarted: "the terminal is in use already"
      }
    }
  }

  private static var isTaken = false
  /// How long the end waits for what the terminal was asked at the start.
  private static let lastAnswer: Duration = .milliseconds(100)
  /// Bytes; xterm and tmux take somewhat more.
  private static let maximumCopied = 50_000

  /// Whether links are given to the terminal (OSC 8) or drawn as other text.
  public var hasLinks = false

  /// Keys, pastes, changes of size and requests to stop, from `start` to `stop`; ends with `stop`.
  public nonisolated let keyEvents: AsyncStream<KeyEvent>

  private let continuation: AsyncStream<KeyEvent>.Continuation
  private(set) var reader: TerminalReader?
  private var painted: CellGrid?
  /// How wide it draws emoji; the answers come as keys do.
  private var hasAskedWidths = false
  /// Another program has the terminal.
  private var isLent = false
  private var title: String?

  /// Touches nothing yet: `start` takes the terminal.
  public init() {
    (keyEvents, continuation) = AsyncStream.makeStream()
  }

  /// The terminal's size now; 80x24 where it does not tell.
  public var size: ScreenSize { TerminalReader.currentSize }

  /// Number of colours: 0 for a monochrome terminal. 0 before `start`.
  public var colors: Int { reader == nil ? 0 : Int(cncurses_colors()) }

  /// Takes the terminal. `errorFile` gets what is written to standard error from now on. Once only per instance.
  /// - Parameters:
  ///   - usesMouse: the terminal reports its mouse, and selects text only with Shift held.
  ///   - setsTitle: `show(title:)` has an effect.
  ///   - asksBackground: the terminal is asked for its background, which comes as an event.
  public func start(
    errorFile: String = "/dev/null", usesMouse: Bool = false, setsTitle: Bool = false, asksBackground: Bool = false
  ) throws(Failure) {
    guard !Self.isTaken, reader == nil else { throw .alreadyStarted }
    let reader = try TerminalReader.taking(errorFile: errorFile, continuation)
    // Before ncurses, which would put its own handlers where it finds none.
    cncurses_watch_signals(reader.signalPipe)
    let outcome = cncurses_start(usesMouse ? 1 : 0, setsTitle ? 1 : 0)
    guard outcome == 0 else {
      cncurses_unwatch_signals()
      cncurses_restore_stderr()
      let name = ProcessInfo.processInfo.environment["TERM"] ?? ""
      throw outcome == -2 ? .noTerminfo(name: name) : .unknownTerminal(name: name)
    }
    Self.isTaken = true
    self.reader = reader
    reader.start(awaitsAnswer: asksBackground && cncurses_ask_background() != 0)
  }

  /// The background, if the terminal tells it in that time; most have before anybody asks.
  public func background(within time: Duration) async -> TerminalBackground? {
    let deadline = ContinuousClock.now + time
    while let reader, reader.awaitsBackground, ContinuousClock.now < deadline {
      try? await Task.sleep(for: .milliseconds(2))
    }
    return reader?.background
  }

  /// Sets the window's title, if it is another one than before. It is cleaned, and given back by `stop`.
  public func show(title text: String) {
    let text = DisplayText.line(text)
    guard text != title, reader != nil, cncurses_has_title() != 0 else { return }
    title = text
    send("\u{1B}]2;\(text)\u{1B}\\")
  }

  /// Gives the terminal back and ends `keyEvents`. Harmless when not started.
  public func stop() {
    guard let reader else { return }
    // An answer that comes after the end would be typed into the shell.
    let deadline = ContinuousClock.now + Self.lastAnswer
    while reader.awaitsBackground, ContinuousClock.now < deadline { usleep(2000) }
    reader.stop()
    cncurses_stop()
    cncurses_unwatch_signals()
    cncurses_restore_stderr()
    self.reader = nil
    painted = nil
    title = nil
    Self.isTaken = false
    continuation.finish()
  }

  /// Shows a grid; only rows that differ from the last one are sent.
  public func paint(_ grid: CellGrid) {
    guard reader != nil, !isLent, grid.size.rows > 0, grid.size.columns > 0 else { return }
    if painted?.size != grid.size {
      cncurses_resize(Int32(clamping: grid.size.rows), Int32(clamping: grid.size.columns))
      painted = nil
    }
    var contested: [Int] = []
    var linked: [Int] = []
    for row in 0..<grid.size.rows {
      let cells = grid.cells(inRow: row)
      let before = painted?.cells(inRow: row)
      let links = hasLinks ? grid.links(inRow: row) : []
      let linksBefore = hasLinks ? painted?.links(inRow: row) ?? [] : []
      if before == cells, links == linksBefore { continue }
      // What went past ncurses must be painted over even where ncurses sees no change.
      if let before, !linksBefore.isEmpty || before.contains(where: { ClusterWidth.isContested($0.text) }) {
        cncurses_repaint_row(Int32(row))
      }
      if !links.isEmpty { linked.append(row) }
      if cells.contains(where: { ClusterWidth.isContested($0.text) }) {
        contested.append(row)
        cncurses_repaint_row(Int32(row))
      }
      for run in GridRun.runs(of: cells, contested: .blank) {
        run.withArguments { cncurses_put(Int32(row), Int32(run.column), $0, $1, $2, $3) }
      }
    }
    let cursor = grid.cursor ?? CellGrid.Position(row: -1, column: 0)
    cncurses_refresh(Int32(clamping: cursor.row), Int32(clamping: cursor.column))
    if !hasAskedWidths, grid.size.rows > EmojiWidths.Question.row {
      hasAskedWidths = true
      // Now that the screen is ours; the row is painted over at once, before anything else is read from it.
      send(EmojiWidths.Question.text)
      cncurses_repaint_row(Int32(EmojiWidths.Question.row - 1))
      cncurses_refresh(Int32(clamping: cursor.row), Int32(clamping: cursor.column))
    }
    overlay(contested, linked: linked, of: grid)
    painted = grid
  }

  /// Clears the screen and writes lines as they are, without panes, for the terminal's own selection: it breaks those
  /// that are too long, and knows that they are one. Stays until the next `repaint` and `paint`.
  /// - Parameter lines: cleaned by `DisplayText`; the last that fit are to be seen.
  public func showBare(_ lines: [String]) {
    guard reader != nil else { return }
    let text = lines.joined(separator: "\r\n")
    text.withCString { cncurses_bare($0, text.utf8.count) }
  }

  /// Puts a text on the clipboard of the terminal's window system (xterm's OSC 52), which may refuse without a word.
  /// - Returns: false when the text is longer than terminals take.
  public func copy(_ text: String) -> Bool {
    guard text.utf8.count <= Self.maximumCopied else { return false }
    send("\u{1B}]52;c;\(Data(text.utf8).base64EncodedString())\u{1B}\\")
    return true
  }

  /// Next `paint` sends everything, and clears the screen first.
  public func repaint() {
    guard reader != nil, !isLent else { return }
    cncurses_repaint()
    painted = nil
  }

  /// Gives the terminal to the shell, stops the process as Ctrl-Z does, and takes the terminal again when continued.
  public func suspend() {
    guard reader != nil, !isLent else { return }
    cncurses_pause()
    cncurses_stop_process_group()
    cncurses_continue()
    painted = nil
    title = nil
    // The window may have changed meanwhile, and its SIGWINCH may have gone to the shell.
    continuation.yield(.resize(size))
  }

  /// Lets another program have the terminal while `body` runs: nothing is painted or read, but signals are told.
  public func lend(to body: () async -> Void) async {
    guard let reader, !isLent else { return }
    isLent = true
    reader.stop()
    cncurses_pause()
    reader.start(readsKeys: false)
    await body()
    isLent = false
    title = nil
    // The program may be ending.
    guard self.reader != nil else { return }
    reader.stop()
    cncurses_continue()
    painted = nil
    reader.start()
    // The window may have changed meanwhile.
    continuation.yield(.resize(size))
  }

  /// Rings the bell.
  public func ring() { send("\u{07}") }

  /// Asks the terminal for a desktop notification. Texts are cleaned and shortened.
  public func notify(_ form: NotificationForm, title: String, body: String) {
    send(form.sequence(title: title, body: body, environment: ProcessInfo.processInfo.environment))
  }

  func send(_ text: String) {
    guard reader != nil, !isLent else { return }
    text.withCString { cncurses_send($0, text.utf8.count) }
  }

  /// From the first contested cluster of a row on, every run is put to its place explicitly: however wide a terminal
  /// thinks the cluster is, the next run begins in its column and covers what is too much.
  private func overlay(_ rows: [Int], linked: [Int], of grid: CellGrid) {
    guard !rows.isEmpty || !linked.isEmpty else { return }
    cncurses_overlay_begin()
    for row in rows {
      let runs = GridRun.runs(of: grid.cells(inRow: row), contested: .alone)
      for run in runs.drop(while: { !$0.isContested }) {
        run.withArguments { cncurses_overlay(Int32(row), Int32(run.column), $0, $1, $2, $3) }
      }
    }
    for row in linked { for link in grid.links(inRow: row) { overlay(link, row: row, of: grid) } }
    cncurses_overlay_end()
  }

  /// The pieces of one address have the same target and id: the terminal takes them for one link.
  private func overlay(_ link: CellLink, row: Int, of grid: CellGrid) {
    cncurses_overlay_link(link.target, StableHash.of(link.target))
    let cells = grid.cells(inRow: row)
    let first = cells.startIndex + link.columns.lowerBound
    for run in GridRun.runs(of: cells[first..<first + link.columns.count], contested: .alone) {
      run.withArguments { cncurses_overlay(Int32(row), Int32(link.columns.lowerBound + run.column), $0, $1, $2, $3) }
    }
    cncurses_overlay_link("", 0)
  }
}
