// FileLock.swift: keeps a second process from using an account's ratchets at the same time (flock(2)).
import Foundation

/// An exclusive advisory lock on a file, held until the value is released or the process ends.
final class FileLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `StoreError.inUse` with the holder's process number when another process holds it.
  init(path: String) throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StoreError.cannotCreate(path, String(cString: strerror(errno))) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let holder = (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
      close(descriptor)
      throw StoreError.inUse(path, process: holder.flatMap { $0.isEmpty ? nil : $0 } ?? "unknown")
    }
    let text = "\(getpid())\n"
    ftruncate(descriptor, 0)
    _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
  }

  deinit { close(descriptor) }
}
