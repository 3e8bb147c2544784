// TerminalReader.swift: the thread that waits for keys and signals.
import CNcurses
import Foundation
import Synchronization

extension ScreenSize {
  /// Of standard output; 80x24 where it does not tell.
  public static var ofTerminal: ScreenSize { TerminalReader.currentSize }
}

/// Reads standard input and the signal pipe until `stop`; never touches ncurses.
///
/// The descriptors stay open as long as the object, which the thread holds while it runs.
final class TerminalReader: Sendable {
  private static let readSize = 4096
  /// After which an ESC is a key at once again.
  private static let patience: Duration = .seconds(3)

  private let continuation: AsyncStream<KeyEvent>.Continuation
  private let pipeReadEnd: Int32
  /// Signal handlers write CNCURSES_EVENT bytes here.
  let signalPipe: Int32
  private let finished = DispatchSemaphore(value: 0)
  private let answer = Mutex(Answer())

  /// Of the terminal, to the question for its background.
  private struct Answer {
    var isAwaited = false
    var background: TerminalBackground?
    /// nil until it was asked and has answered; then nil inside for none.
    var pictures: PictureProtocol??
  }

  /// A reader of standard input, which has to be a terminal, as standard output has. Standard error goes to the file from
  /// here on, until `cncurses_restore_stderr`.
  static func taking(
    errorFile: String, _ continuation: AsyncStream<KeyEvent>.Continuation
  ) throws(Terminal.Failure) -> TerminalReader {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { throw .notATerminal }
    guard cncurses_redirect_stderr(errorFile) == 0 else {
      throw .noStandardError(path: errorFile, reason: String(cString: strerror(errno)))
    }
    guard let reader = TerminalReader(continuation: continuation) else {
      let reason = String(cString: strerror(errno))
      cncurses_restore_stderr()
      throw .noPipe(reason: reason)
    }
    return reader
  }

  /// Nil, with errno, when no pipe can be made.
  init?(continuation: AsyncStream<KeyEvent>.Continuation) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      // A signal handler must never wait, nor the reader for a pipe that is empty already.
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    self.continuation = continuation
    pipeReadEnd = ends[0]
    signalPipe = ends[1]
  }

  deinit {
    close(pipeReadEnd)
    close(signalPipe)
  }

  static var currentSize: ScreenSize {
    var rows: Int32 = 0
    var columns: Int32 = 0
    guard cncurses_window_size(&rows, &columns) == 0 else { return ScreenSize(columns: 80, rows: 24) }
    return ScreenSize(columns: Int(columns), rows: Int(rows))
  }

  var background: TerminalBackground? { answer.withLock { $0.background } }
  var pictures: PictureProtocol?? { answer.withLock { $0.pictures } }
  var awaitsBackground: Bool { answer.withLock { $0.isAwaited } }

  /// - Parameters:
  ///   - awaitsAnswer: the terminal was asked for its background.
  ///   - readsKeys: false while another program has the terminal; signals are told all the same.
  func start(awaitsAnswer: Bool = false, readsKeys: Bool = true) {
    answer.withLock { $0.isAwaited = awaitsAnswer }
    let thread = Thread { [self] in
      run(awaitsAnswer: awaitsAnswer, readsKeys: readsKeys)
      finished.signal()
    }
    thread.name = "terminal"
    thread.start()
  }

  /// Ends the thread and waits for its end, so that it takes no key of whoever reads the terminal next.
  func stop() {
    var event = UInt8(CNCURSES_EVENT_STOP)
    _ = write(signalPipe, &event, 1)
    finished.wait()
  }

  /// What comes from here on may be the answer to the question for pictures, which the caller sends next.
  func awaitPictures() {
    var event = UInt8(CNCURSES_EVENT_ASKED)
    _ = write(signalPipe, &event, 1)
  }

  private func run(awaitsAnswer: Bool, readsKeys: Bool) {
    var decoder = KeyDecoder()
    if awaitsAnswer { decoder.awaitAnswer() }
    var patience = ContinuousClock.now + Self.patience
    var question = EmojiWidths.Question()
    var descriptors = [
      pollfd(fd: readsKeys ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: pipeReadEnd, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      if decoder.awaitsAnswer, ContinuousClock.now > patience { decoder.endAwaiting() }
      let ready = poll(&descriptors, 2, decoder.isWaiting ? Int32(decoder.delay) : -1)
      if ready < 0, errno == EINTR || errno == EAGAIN { continue }
      if ready == 0 {
        emit(decoder.flush())
        continue
      }
      if descriptors[1].revents != 0 {
        for byte in readBytes(from: pipeReadEnd) ?? [] {
          if byte == UInt8(CNCURSES_EVENT_STOP) { return }
          if byte == UInt8(CNCURSES_EVENT_ASKED) {
            decoder.awaitAnswer(pictures: true)
            patience = ContinuousClock.now + Self.patience
          }
          emitSignal(byte)
        }
      }
      if ready < 0 || descriptors[0].revents != 0 {
        guard ready > 0, let bytes = readBytes(from: STDIN_FILENO) else {
          // The terminal is gone: only `stop` is left to wait for.
          emit([.terminate])
          descriptors[0].fd = -1
          descriptors[0].revents = 0
          continue
        }
        if !decoder.isPasting, !decoder.isWaiting, KeyDecoder.isUnbracketedPaste(bytes) {
          emit([.paste(String(decoding: wholePaste(bytes), as: UTF8.self))])
        } else {
          let events = decoder.decode(bytes)
          for case .pictures(let found) in events { answer.withLock { $0.pictures = .some(found) } }
          if awaitsAnswer { note(events, isAnswered: !decoder.awaitsAnswer) }
          emit(events.filter { !Self.takes($0, as: &question) })
          if question.hasChanged { emit([.resumed]) }
          question.hasChanged = false
        }
      }
    }
  }

  /// True for an answer to the question.
  private static func takes(_ event: KeyEvent, as question: inout EmojiWidths.Question) -> Bool {
    guard case .cursor(EmojiWidths.Question.row, let column) = event else { return false }
    if let found = question.answered(column: column), found != EmojiWidths.measured {
      EmojiWidths.measured = found
      question.hasChanged = true
    }
    return true
  }

  /// What follows without a pause belongs to it, its last line's end too.
  private func wholePaste(_ beginning: [UInt8]) -> [UInt8] {
    var bytes = beginning
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    while poll(&input, 1, Int32(KeyDecoder.pastePause)) > 0, let more = readBytes(from: STDIN_FILENO), !more.isEmpty {
      bytes += more.prefix(max(0, KeyDecoder.maximumPaste - bytes.count))
    }
    return bytes
  }

  private func note(_ events: [KeyEvent], isAnswered: Bool) {
    answer.withLock { answer in
      for case .background(let background) in events { (answer.background, answer.isAwaited) = (background, false) }
      if isAnswered { answer.isAwaited = false }
    }
  }

  private func emitSignal(_ byte: UInt8) {
    switch Int(byte) {
    case CNCURSES_EVENT_RESIZE: emit([.resize(Self.currentSize)])
    case CNCURSES_EVENT_SUSPEND: emit([.suspend])
    case CNCURSES_EVENT_CONTINUE: emit([.resumed])
    case CNCURSES_EVENT_QUIT: emit([.terminate])
    default: break
    }
  }

  private func emit(_ events: [KeyEvent]) {
    for event in events { continuation.yield(event) }
  }

  /// What is there to read; nil at the end of the file or on a lasting error.
  private func readBytes(from descriptor: Int32) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: Self.readSize)
    let count = read(descriptor, &buffer, buffer.count)
    if count > 0 { return Array(buffer.prefix(count)) }
    if count < 0, errno == EINTR || errno == EAGAIN { return [] }
    return nil
  }
}
