// PrivateFiles.swift: an account's files are for their owner only, also those that came back from a backup (chmod(2)).
import Foundation

enum PrivateFiles {
  /// Takes away what others may do with the folder and all that is in it. Links are left alone, and what belongs to
  /// others; a file system that knows no modes is not worth failing for.
  static func close(_ folder: URL) {
    let path = folder.path
    close(path)
    guard let names = FileManager.default.enumerator(atPath: path) else { return }
    for case let name as String in names { close("\(path)/\(name)") }
  }

  private static func close(_ path: String) {
    var status = stat()
    // The path and not a descriptor: closing one of a database gives up the locks that this process has on it.
    guard lstat(path, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o077 != 0 else { return }
    switch status.st_mode & S_IFMT {
    case S_IFREG, S_IFSOCK: chmod(path, status.st_mode & 0o700)
    case S_IFDIR: chmod(path, 0o700)
    default: break
    }
  }
}
