// FileKey.swift: the key of one encrypted file, as a message hands it on (GSMA RCC.07 §3.5.4.8, Linphone's file-key)
import CCrypto
import Foundation

/// Key and IV of one file. Used for one content only: a second one under it would reveal both.
public struct FileKey: Sendable, CustomStringConvertible, CustomReflectable {
  /// 24 bytes AES-192 key, 8 bytes IV.
  public static let length = 32
  static let keyLength = 24
  /// Bytes of the AES-GCM tag.
  public static let tagLength = 16

  /// Key, then IV: 32 bytes, as `file-key` has them in base64.
  public let data: Data

  /// nil unless it has `length` bytes.
  public init?(_ data: Data) {
    guard data.count == Self.length else { return nil }
    self.data = data
  }

  /// - Throws: `FileTransferError.cipher` when the system gives no randomness.
  public static func random() throws -> FileKey {
    var data = Data(count: length)
    let made = data.withUnsafeMutableBytes { bytes in
      RAND_priv_bytes(bytes.bindMemory(to: UInt8.self).baseAddress, Int32(length))
    }
    guard made == 1, let key = FileKey(data) else { throw FileTransferError.cipher }
    return key
  }

  public var description: String { "(file key)" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
