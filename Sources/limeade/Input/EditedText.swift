// EditedText.swift: a text in a file for the user's editor, in a private folder, and wiped after it.
import Foundation

/// The file stands alone in its folder (0700), where editors also put copies of theirs: all of it is wiped.
struct EditedText {
  /// Bytes that are taken back.
  static let maximumSize = 1 << 20

  let folder: URL
  /// What the editor is called with.
  var file: URL { folder.appendingPathComponent("message.txt") }
  private var roomFile: URL { folder.appendingPathComponent("room") }

  init(folder: URL) { self.folder = folder }

  /// - Throws: `CommandFailure`, exit code 73.
  func write(_ text: String, room: String) throws {
    wipe()
    guard mkdir(folder.path, 0o700) == 0 else { throw Self.failure(folder) }
    try Self.create(roomFile, room)
    // Editors end the last line of a file, and complain of one without an end.
    try Self.create(file, text.isEmpty ? "" : text + "\n")
  }

  private static func failure(_ url: URL) -> CommandFailure {
    CommandFailure.cannotWrite("\(url.path) for the editor: \(String(cString: strerror(errno)))")
  }

  private static func create(_ url: URL, _ text: String) throws {
    let descriptor = open(url.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure(url) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do { try handle.write(contentsOf: Data(text.utf8)) } catch { throw failure(url) }
  }

  /// What stands in the file, without the end of its last line; nil when it cannot be read or is too large.
  func read() -> String? {
    guard let handle = try? FileHandle(forReadingFrom: file) else { return nil }
    defer { try? handle.close() }
    guard let data = try? handle.read(upToCount: Self.maximumSize + 1) ?? Data(), data.count <= Self.maximumSize else {
      return nil
    }
    return TextLines.withoutLastEnd(String(decoding: data, as: UTF8.self))
  }

  /// The room whose line is edited, or was when the program was killed.
  var room: String? { try? String(contentsOf: roomFile, encoding: .utf8) }

  /// Keeps a text that fits nowhere.
  /// - Returns: where it is; nil when that failed.
  func keep(at now: Date = Date()) -> String? {
    let kept = folder.deletingLastPathComponent()
      .appendingPathComponent("unsent-\(Int(now.timeIntervalSince1970)).txt")
    guard rename(file.path, kept.path) == 0 else { return nil }
    chmod(kept.path, 0o600)
    return kept.path
  }

  /// Overwrites and removes the file and what the editor has left beside it.
  func wipe() {
    let manager = FileManager.default
    for case let name as String in manager.enumerator(atPath: folder.path) ?? .init() {
      Self.overwrite(folder.appendingPathComponent(name).path)
    }
    try? manager.removeItem(at: folder)
  }

  private static func overwrite(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
    let descriptor = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let zeros = [UInt8](repeating: 0, count: 64 * 1024)
    var left = Int(status.st_size)
    while left > 0 {
      let written = Foundation.write(descriptor, zeros, min(left, zeros.count))
      guard written > 0 else { break }
      left -= written
    }
    fsync(descriptor)
  }
}
