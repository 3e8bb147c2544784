// FileStream.swift: one file into another, piece by piece, through the cipher if there is a key
import Foundation

/// Copies with constant memory. Files that it makes are new, 0600, on the disk in the end, and removed if it fails.
struct FileStream {
  private static let pieceSize = 256 * 1024

  let source: String
  let target: String

  struct Result {
    var size = 0
    var tag: Data?
  }

  func encrypt(key: FileKey?, cancellation: Blocking.Cancellation) throws -> Result {
    let cipher = try key.map { try FileCipher(key: $0, encrypting: true) }
    return try copy(cipher, cancellation) { try cipher?.tag() }
  }

  /// - Throws: `FileTransferError.notAuthentic`, with nothing left of the target.
  func decrypt(key: FileKey?, tag: Data?, name: String, cancellation: Blocking.Cancellation) throws -> Result {
    let cipher = try key.map { try FileCipher(key: $0, encrypting: false) }
    return try copy(cipher, cancellation) {
      guard let cipher else { return nil }
      guard let tag, try cipher.verify(tag: tag) else { throw FileTransferError.notAuthentic(name: name) }
      return tag
    }
  }

  private func copy(
    _ cipher: FileCipher?, _ cancellation: Blocking.Cancellation, finish: () throws -> Data?
  ) throws -> Result {
    // Non-blocking, as opening a pipe would wait for its other end.
    let input = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard input >= 0 else { throw FileTransferError.cannotRead(source, reason: Self.reason()) }
    defer { close(input) }
    var status = stat()
    guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw FileTransferError.notAFile(source)
    }
    guard status.st_size <= FileCipher.maximumFileSize else {
      throw FileTransferError.tooLarge(
        name: source, size: Int(status.st_size), limit: FileCipher.maximumFileSize)
    }
    let output = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard output >= 0 else { throw FileTransferError.cannotWrite(target, reason: Self.reason()) }
    var isComplete = false
    defer {
      close(output)
      if !isComplete { unlink(target) }
    }
    var result = Result()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      try cancellation.check()
      let count = read(input, buffer.baseAddress, buffer.count)
      guard count >= 0 else {
        if errno == EINTR { continue }
        throw FileTransferError.cannotRead(source, reason: Self.reason())
      }
      if count == 0 { break }
      result.size += count
      guard result.size <= FileCipher.maximumFileSize else {
        throw FileTransferError.tooLarge(name: source, size: nil, limit: FileCipher.maximumFileSize)
      }
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
      try cipher?.update(piece)
      try write(piece, to: output)
    }
    result.tag = try finish()
    guard fsync(output) == 0 else { throw FileTransferError.cannotWrite(target, reason: Self.reason()) }
    isComplete = true
    return result
  }

  private func write(_ piece: UnsafeMutableRawBufferPointer, to output: Int32) throws {
    var done = 0
    while done < piece.count {
      let count = Foundation.write(output, piece.baseAddress?.advanced(by: done), piece.count - done)
      guard count >= 0 else {
        if errno == EINTR { continue }
        throw FileTransferError.cannotWrite(target, reason: Self.reason())
      }
      done += count
    }
  }

  static func reason() -> String { String(cString: strerror(errno)) }
}
