// OutgoingFile.swift: a file on its way out: as it was when it was sent, encrypted if its room is
import Foundation

/// A copy to upload from. The original may change or go while the copy waits for the network, and a key must never meet
/// two contents.
public struct OutgoingFile: Sendable {
  /// Larger files are refused, in bytes.
  public static let maximumSize = FileCipher.maximumFileSize

  /// The original's, without its folder.
  public var name: String
  /// Media type of the original.
  public var contentType: String
  /// Bytes, which encryption does not change.
  public var size: Int
  /// nil when the copy is not encrypted.
  public var key: FileKey?
  /// 16 bytes, with `key`.
  public var tag: Data?

  public init(name: String, contentType: String, size: Int, key: FileKey?, tag: Data?) {
    self.name = name
    self.contentType = contentType
    self.size = size
    self.key = key
    self.tag = tag
  }

  /// Makes the copy.
  /// - Parameters:
  ///   - path: a regular file.
  ///   - copy: path of the copy, which must not exist yet.
  /// - Throws: `FileTransferError`, `CancellationError`. Then there is no copy.
  public static func prepare(_ path: String, copy: String, encrypted: Bool) async throws -> OutgoingFile {
    try await Blocking.run { cancellation in
      let name = SafeFileName.make(from: path)
      let key = encrypted ? try FileKey.random() : nil
      let result = try FileStream(source: path, target: copy).encrypt(key: key, cancellation: cancellation)
      let head = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)).read(upToCount: MediaType.headLength)
      return OutgoingFile(
        name: name, contentType: MediaType.of(name: name, head: head ?? Data()), size: result.size, key: key,
        tag: result.tag)
    }
  }
}
