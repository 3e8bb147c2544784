// GivenFiles.swift: files named on the command line, also with names that are no UTF-8 (path_resolution(7)).
import Foundation

/// Absolute paths, for the program that holds the account. A name of other bytes, which no text can hold, gets a link
/// with a name that can; and what that program does not see, as a service has a /tmp of its own, is copied.
struct GivenFiles {
  let paths: [String]
  private let links: URL?

  /// - Parameter data: the account's folder.
  init(_ names: [String], data: URL) throws {
    var folder: URL?
    func links() throws -> URL {
      let links = try folder ?? Self.makeFolder(in: data)
      folder = links
      return links
    }
    paths = try names.map { name in
      var path = URL(fileURLWithPath: BaseFolders.expanded(name)).standardizedFileURL.path
      if name.unicodeScalars.contains("\u{FFFD}"), let bytes = Self.argument(name) {
        path = try Self.link(to: bytes, in: try links())
      }
      guard HolderView.hides(path, data: data) else { return path }
      let real = URL(fileURLWithPath: path).resolvingSymlinksInPath()
      let copy = try links().appendingPathComponent("copies-\(UUID().uuidString)")
        .appendingPathComponent(URL(fileURLWithPath: path).lastPathComponent)
      do {
        try FileManager.default.createDirectory(at: copy.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: real, to: copy)
      } catch { throw CommandFailure.cannotWrite("\(path) cannot be copied: \(error.localizedDescription)") }
      return copy.path
    }
    self.links = folder
  }

  /// When the program that holds the account has made its copies.
  func remove() { if let links { try? FileManager.default.removeItem(at: links) } }

  /// The bytes of the argument, which Swift has repaired; nil when it is UTF-8.
  private static func argument(_ name: String) -> [UInt8]? {
    for index in 0..<Int(CommandLine.argc) {
      guard let pointer = CommandLine.unsafeArgv[index] else { continue }
      var bytes = Array(UnsafeBufferPointer(start: pointer, count: strlen(pointer))).map(UInt8.init(bitPattern:))
      let option = Array("--file=".utf8)
      if bytes.starts(with: option) { bytes.removeFirst(option.count) }
      let isOdd = String(validating: bytes, as: UTF8.self) == nil
      if isOdd, String(decoding: bytes, as: UTF8.self) == name { return bytes }
    }
    return nil
  }

  private static func makeFolder(in data: URL) throws -> URL {
    let folder = data.appendingPathComponent("transfers/given-\(UUID().uuidString)")
    do {
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch { throw CommandFailure.cannotWrite("\(folder.path) cannot be made: \(error.localizedDescription)") }
    return folder
  }

  private static func link(to bytes: [UInt8], in folder: URL) throws -> String {
    let slash = UInt8(ascii: "/")
    let target =
      bytes.first == slash ? bytes : Array(FileManager.default.currentDirectoryPath.utf8) + [slash] + bytes
    let name = String(decoding: bytes.split(separator: slash).last ?? [], as: UTF8.self)
    var link = folder.appendingPathComponent(name)
    // Two may look the same once they are texts.
    var number = 1
    while (try? FileManager.default.attributesOfItem(atPath: link.path)) != nil {
      number += 1
      link = folder.appendingPathComponent("\(number) \(name)")
    }
    let result = (target + [0]).withUnsafeBufferPointer { target in
      target.withMemoryRebound(to: CChar.self) { target in
        target.baseAddress.map { symlink($0, link.path) } ?? -1
      }
    }
    guard result == 0 else {
      throw CommandFailure.cannotWrite("\(link.path) cannot be made: \(String(cString: strerror(errno)))")
    }
    return link.path
  }
}

/// What the program that holds the account sees of the file system (mount_namespaces(7), systemd.exec(5): PrivateTmp=).
enum HolderView {
  private static let temporary = ["/tmp/", "/var/tmp/"]

  /// Whether `path` is in a folder for temporary files, and the holder, if there is one, has folders of its own for
  /// them.
  static func hides(_ path: String, data: URL) -> Bool {
    let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    guard temporary.contains(where: { path.hasPrefix($0) || (real + "/").hasPrefix($0) }),
      let text = try? String(contentsOf: data.appendingPathComponent("lock"), encoding: .utf8),
      let holder = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), kill(holder, 0) == 0,
      let own = namespace("self"), let other = namespace("\(holder)")
    else { return false }
    return own != other && inode("/tmp") != inode("/proc/\(holder)/root/tmp")
  }

  private static func namespace(_ process: String) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/mnt")
  }

  /// nil for what cannot be looked at.
  private static func inode(_ path: String) -> [UInt]? {
    var status = stat()
    return stat(path, &status) == 0 ? [UInt(status.st_dev), UInt(status.st_ino)] : nil
  }
}
