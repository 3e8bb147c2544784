// IncomingFile.swift: a download, complete but unchecked, becomes a file of the user's
import Foundation

/// What a message says of a file.
public struct IncomingFile: Sendable {
  /// As the sender wrote it; saved by what `SafeFileName` makes of it.
  public var name: String
  /// nil for a file that is not encrypted.
  public var key: FileKey?
  /// 16 bytes that the decrypted file must fit; nil when the sender gives none.
  public var tag: Data?
  /// Bytes, as announced.
  public var size: Int?

  public init(name: String, key: FileKey?, tag: Data?, size: Int?) {
    self.name = name
    self.key = key
    self.tag = tag
    self.size = size
  }

  /// Most doubles of a name in one folder.
  private static let maximumNumber = 9999

  /// Decrypts into the folder. The file gets its name only when its tag was verified, and replaces none.
  /// - Parameter part: the downloaded bytes; left as they are.
  /// - Returns: the path it has now.
  /// - Throws: `FileTransferError`, `CancellationError`. Then nothing is left in the folder.
  public func finish(part: String, in folder: String) async throws -> String {
    try await Blocking.run { cancellation in
      let name = SafeFileName.make(from: name)
      if key != nil, tag == nil { throw FileTransferError.noTag(name: name) }
      let temporary = "\(folder)/.limeade-\(UUID().uuidString)"
      let result = try FileStream(source: part, target: temporary)
        .decrypt(key: key, tag: tag, name: name, cancellation: cancellation)
      defer { unlink(temporary) }
      if let size, size != result.size {
        throw FileTransferError.otherSize(name: name, announced: size, found: result.size)
      }
      return try Self.place(temporary, in: folder, name: name)
    }
  }

  private static func place(_ temporary: String, in folder: String, name: String) throws -> String {
    for number in 0...maximumNumber {
      let path = "\(folder)/\(SafeFileName.numbered(name, number))"
      // A link fails when the name is taken, where a rename would replace the other file.
      if link(temporary, path) == 0 { return path }
      switch errno {
      case EEXIST: continue
      case EPERM, ENOTSUP, ENOSYS, EMLINK:
        // A file system without links: the name is reserved first.
        let reserved = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if reserved < 0, errno == EEXIST { continue }
        guard reserved >= 0 else { throw FileTransferError.cannotWrite(path, reason: FileStream.reason()) }
        close(reserved)
        if rename(temporary, path) == 0 { return path }
        let reason = FileStream.reason()
        unlink(path)
        throw FileTransferError.cannotWrite(path, reason: reason)
      default: throw FileTransferError.cannotWrite(path, reason: FileStream.reason())
      }
    }
    throw FileTransferError.cannotWrite("\(folder)/\(name)", reason: "there are too many files of this name")
  }
}
