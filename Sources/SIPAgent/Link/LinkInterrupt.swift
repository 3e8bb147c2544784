// LinkInterrupt.swift: how other threads end a link's connection, or the link
import Foundation

/// `@unchecked Sendable`: `closed` and `resetting` are only touched under `lock`; the pipe is constant.
final class LinkInterrupt: @unchecked Sendable {
  private let pipe = Pipe()
  private let lock = NSLock()
  private var closed = false
  private var resetting = false

  /// Readable once the link is closed, or is to drop its connection.
  var descriptor: Int32 { pipe.fileHandleForReading.fileDescriptor }

  var isClosed: Bool { lock.withLock { closed } }

  func reset() {
    lock.withLock {
      guard !closed, !resetting else { return }
      resetting = true
      try? pipe.fileHandleForWriting.write(contentsOf: [0])
    }
  }

  func close() {
    lock.withLock {
      guard !closed else { return }
      closed = true
      try? pipe.fileHandleForWriting.close()
    }
  }

  /// Whether `reset` was called since the last call of this.
  @discardableResult
  func takeReset() -> Bool {
    lock.withLock {
      guard resetting else { return false }
      resetting = false
      var byte: UInt8 = 0
      // One byte for each time that the flag was set.
      _ = read(descriptor, &byte, 1)
      return true
    }
  }
}
