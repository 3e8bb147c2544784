// StandardInput.swift: standard input line by line, several at a time when they come fast.
import Foundation

/// Read on a thread of its own, because a read blocks. Whoever takes the lines gets all that came meanwhile.
///
/// `@unchecked Sendable`: `lines` is only touched under `lock`.
final class StandardInput: @unchecked Sendable {
  /// Says that there are lines to `take()`. Ends after the last one.
  let news: AsyncStream<Void>
  private let lock = NSLock()
  private var lines: [String] = []
  private let maximumLines: Int
  private let maximumBytes: Int

  /// All of it.
  /// - Parameter limit: in bytes; a longer text is refused without reading its rest.
  static func text(limit: Int) throws -> String {
    var data: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while data.count <= limit {
      let count = read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw CommandFailure.badInput("standard input cannot be read: \(String(cString: strerror(errno)))")
      }
      if count == 0 { break }
      data += chunk[..<count]
    }
    guard data.count <= limit else {
      throw CommandFailure.badInput("standard input is longer than \(limit) bytes, which a message can have")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw CommandFailure.badInput("standard input is not UTF-8 text")
    }
    return text
  }

  /// - Parameters:
  ///   - lines: that are taken at a time, at most.
  ///   - bytes: of these, at most; a longer line is taken alone.
  init(lines: Int, bytes: Int) {
    (maximumLines, maximumBytes) = (lines, bytes)
    let (news, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.news = news
    Thread.detachNewThread { [self] in
      while let line = readLine() {
        // Nothing to send; and the program that sends by lines is not to end for it.
        guard line.contains(where: { !$0.isWhitespace }) else { continue }
        lock.withLock { self.lines.append(line) }
        bell.yield()
      }
      bell.finish()
    }
  }

  /// nil when there are none now.
  func take() -> [String]? {
    lock.withLock {
      guard var bytes = lines.first?.utf8.count else { return nil }
      var count = 1
      while count < min(lines.count, maximumLines), bytes + lines[count].utf8.count <= maximumBytes {
        bytes += lines[count].utf8.count
        count += 1
      }
      defer { lines.removeFirst(count) }
      return Array(lines[..<count])
    }
  }
}
