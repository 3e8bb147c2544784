// FileCipher.swift: AES-192-GCM with an IV of 8 bytes, a piece at a time (NIST SP 800-38D)
import CCrypto
import Foundation

/// Encrypts or decrypts one file. What it decrypts is worth nothing before `verify`. Used by one thread at a time.
final class FileCipher {
  /// Most bytes under one key (SP 800-38D §5.2.1.1).
  static let maximumFileSize = (1 << 36) - 32

  private let context: OpaquePointer

  init(key: FileKey, encrypting: Bool) throws {
    guard let context = EVP_CIPHER_CTX_new() else { throw FileTransferError.cipher }
    self.context = context
    let direction: Int32 = encrypting ? 1 : 0
    try check(EVP_CipherInit_ex(context, EVP_aes_192_gcm(), nil, nil, nil, direction))
    let ivLength = FileKey.length - FileKey.keyLength
    try check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, Int32(ivLength), nil))
    try key.data.withUnsafeBytes { bytes in
      guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { throw FileTransferError.cipher }
      try check(EVP_CipherInit_ex(context, nil, nil, base, base + FileKey.keyLength, direction))
    }
  }

  deinit { EVP_CIPHER_CTX_free(context) }

  /// Replaces the bytes by their encrypted or decrypted form.
  func update(_ bytes: UnsafeMutableRawBufferPointer) throws {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress, !bytes.isEmpty else { return }
    var written: Int32 = 0
    try check(EVP_CipherUpdate(context, base, &written, base, Int32(bytes.count)))
  }

  /// The tag, after all is encrypted.
  func tag() throws -> Data {
    var written: Int32 = 0
    var unused: UInt8 = 0
    try check(EVP_CipherFinal_ex(context, &unused, &written))
    var tag = Data(count: FileKey.tagLength)
    let result = tag.withUnsafeMutableBytes {
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32($0.count), $0.baseAddress)
    }
    try check(result)
    return tag
  }

  /// Whether all that was decrypted is what was encrypted. OpenSSL compares in constant time.
  func verify(tag: Data) throws -> Bool {
    guard tag.count == FileKey.tagLength else { return false }
    var tag = Data(tag)
    let result = tag.withUnsafeMutableBytes {
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32($0.count), $0.baseAddress)
    }
    try check(result)
    var written: Int32 = 0
    var unused: UInt8 = 0
    let verified = EVP_CipherFinal_ex(context, &unused, &written) == 1
    // A wrong tag leaves entries in the thread's error queue, which TLS code on this thread would take for its own.
    if !verified { ERR_clear_error() }
    return verified
  }

  private func check(_ result: Int32) throws {
    guard result == 1 else {
      ERR_clear_error()
      throw FileTransferError.cipher
    }
  }
}
