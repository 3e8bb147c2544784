// AccountSocket.swift: the Unix socket in an account's data folder, for programs of the same user only (unix(7)).
import Foundation

/// `socket` in the account's folder: the name is only touched by the process that has the account's lock.
enum AccountSocket {
  static let name = "socket"
  private static let backlog: Int32 = 16
  /// Seconds in which the other end has to take what is written to it.
  private static let writeTimeout = 10

  /// Listens, in place of what a holder that was killed has left behind. The caller has the account's lock.
  static func listen(in folder: URL) throws -> Int32 {
    let path = folder.appendingPathComponent(name).path
    let descriptor = try make()
    unlink(path)
    // Before bind: the name then is 0600 from its first moment, whatever the umask.
    fchmod(descriptor, 0o600)
    let isBound = withAddress(in: folder) { bind(descriptor, $0, $1) == 0 }
    guard isBound, chmod(path, 0o600) == 0, Foundation.listen(descriptor, backlog) == 0 else {
      let cause = String(cString: strerror(errno))
      close(descriptor)
      throw ServiceError.noSocket(path: path, cause: cause)
    }
    return descriptor
  }

  static func remove(from folder: URL) { unlink(folder.appendingPathComponent(name).path) }

  /// nil when nobody listens there.
  static func connect(in folder: URL) throws -> Int32? {
    let descriptor = try make()
    guard withAddress(in: folder, { Foundation.connect(descriptor, $0, $1) == 0 }) else {
      close(descriptor)
      return nil
    }
    var timeout = timeval(tv_sec: writeTimeout, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    return descriptor
  }

  /// Who is at the other end, as the kernel knows it; nil when it is not a process of this user.
  static func peer(of descriptor: Int32) -> pid_t? {
    // struct ucred of unix(7).
    var credentials: (process: pid_t, user: uid_t, group: gid_t) = (0, .max, .max)
    var length = socklen_t(MemoryLayout.size(ofValue: credentials))
    guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0,
      credentials.user == geteuid()
    else { return nil }
    return credentials.process
  }

  private static func make() throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else {
      throw ServiceError.noSocket(path: "a Unix socket", cause: String(cString: strerror(errno)))
    }
    return descriptor
  }

  /// A socket's address has 107 bytes, and folders may have longer names: so by way of the open folder (proc(5)).
  private static func withAddress(
    in folder: URL, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
  ) -> Bool {
    let directory = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return false }
    defer { close(directory) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array("/proc/self/fd/\(directory)/\(name)".utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }
}

/// Lines from a descriptor, with a limit on their length. For one thread.
struct LineReader {
  enum Failure: Error { case tooLong }

  let descriptor: Int32
  let limit: Int
  private var buffer = Data()
  /// Bytes at the buffer's start that hold no line end.
  private var searched = 0

  init(_ descriptor: Int32, limit: Int) { (self.descriptor, self.limit) = (descriptor, limit) }

  /// Blocks. nil at the end.
  mutating func next() throws(Failure) -> Data? {
    while true {
      if let end = buffer[(buffer.startIndex + searched)...].firstIndex(of: 10) {
        let line = Data(buffer[buffer.startIndex..<end])
        buffer.removeSubrange(...end)
        searched = 0
        return line
      }
      searched = buffer.count
      guard buffer.count <= limit else { throw .tooLong }
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      buffer.append(contentsOf: chunk[..<count])
    }
  }
}

enum LineWriter {
  /// Blocks. False when the other end is gone or does not read.
  static func write(_ line: String, to descriptor: Int32) -> Bool {
    var rest = Array((line + "\n").utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
