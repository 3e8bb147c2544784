// GivenFiles.swift: files named on the command line, also with names that are no UTF-8 (path_resolution(7)).
import FileTransfer
import Foundation

/// Absolute paths, for the program that holds the account. A name of other bytes, which no text can hold, gets a link
/// with a name that can; and what that program does not see, as a service has a /tmp of its own, is copied, as is
/// standard input.
struct GivenFiles {
  let paths: [String]
  private let links: URL?

  /// - Parameters:
  ///   - data: the account's folder.
  ///   - inputName: of what "-" stands for, the whole of standard input.
  /// - Throws: then nothing is left of it.
  init(_ names: [String], data: URL, inputName: String? = nil) async throws {
    var folder: URL?
    do {
      if let inputName, names.contains("-") {
        // Before there is something that a signal could leave behind.
        let signals = Interruption.signals()
        let made = try Self.makeFolder(in: data)
        folder = made
        let copy = made.appendingPathComponent(inputName).path
        try await Self.copyStandardInput(to: copy, until: signals)
        paths = try Self.paths(names.filter { $0 != "-" }, data, &folder) + [copy]
      } else {
        paths = try Self.paths(names, data, &folder)
      }
      links = folder
    } catch {
      if let folder { try? FileManager.default.removeItem(at: folder) }
      throw error
    }
  }

  private static func paths(_ names: [String], _ data: URL, _ folder: inout URL?) throws -> [String] {
    func links() throws -> URL {
      let links = try folder ?? Self.makeFolder(in: data)
      folder = links
      return links
    }
    return try names.map { name in
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
  }

  /// A piece at a time. Signals end it in order, so that nothing stays behind.
  private static func copyStandardInput(to path: String, until signals: AsyncStream<Int32>) async throws {
    try await Race.first(
      {
        try await withCheckedThrowingContinuation { (end: CheckedContinuation<Void, any Error>) in
          Thread.detachNewThread { end.resume(with: Result { try writeStandardInput(to: path) }) }
        }
      },
      {
        for await signal in signals {
          throw CommandFailure(code: 128 + signal, text: "interrupted, nothing was sent")
        }
        throw CancellationError()
      })
  }

  private static func writeStandardInput(to path: String) throws {
    func failure() -> CommandFailure {
      .cannotWrite("\(path) cannot be written: \(String(cString: strerror(errno))); nothing was sent")
    }
    let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard output >= 0 else { throw failure() }
    defer { close(output) }
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    var total = 0
    while true {
      let count = read(STDIN_FILENO, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw CommandFailure.badInput("standard input cannot be read: \(String(cString: strerror(errno)))")
      }
      guard count > 0 else { return }
      total += count
      guard total <= OutgoingFile.maximumSize else {
        throw CommandFailure.badInput("standard input is longer than a file can be (\(OutgoingFile.maximumSize) bytes)")
      }
      var rest = piece[..<count]
      while !rest.isEmpty {
        let written = rest.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { throw failure() }
        rest = rest.dropFirst(written)
      }
    }
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
