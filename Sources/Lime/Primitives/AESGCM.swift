// AESGCM.swift: AES-256-GCM with the 16-byte IV of LIME (NIST SP 800-38D)

import CCrypto
import Foundation

/// AES-256 in Galois/Counter mode by OpenSSL, as libsodium's takes IVs of 12 bytes only.
enum AESGCM {
  static let keyLength = 32
  static let ivLength = 16
  static let tagLength = 16
  /// Bytes of plaintext or ciphertext in one call.
  static let maximumLength = 1 << 26

  /// - Parameters:
  ///   - keyAndIV: key, then IV: all derivations of LIME give both in one go.
  ///   - message: gets the ciphertext, as long as the plaintext, and the tag of 16 bytes at its end.
  static func seal(
    _ plaintext: some ContiguousBytes, keyAndIV: SecretBytes, associatedData: [UInt8], appendingTo message: inout Data
  ) throws {
    let context = try Context(encrypting: true, keyAndIV: keyAndIV)
    try context.authenticate(associatedData)
    try plaintext.withBytePointer { source, count in
      let start = message.count
      message.append(contentsOf: repeatElement(0, count: count + tagLength))
      try message.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        try context.update(source, count, into: base + start)
        try context.finishSealing(tag: base + start + count)
      }
    }
  }

  /// - Returns: the plaintext, or nil when the tag does not fit: key, IV, associated data or ciphertext differ.
  static func open(
    _ ciphertext: Data, tag: Data, keyAndIV: SecretBytes, associatedData: [UInt8]
  ) throws -> SecretBytes? {
    guard tag.count == tagLength else { return nil }
    let context = try Context(encrypting: false, keyAndIV: keyAndIV)
    try context.authenticate(associatedData)
    // Decrypted bytes are wiped with the rest when the tag turns out wrong.
    let plaintext = try SecretBytes(count: ciphertext.count) { target in
      try ciphertext.withBytePointer { try context.update($0, $1, into: target) }
    }
    return try context.finishOpening(tag: tag) ? plaintext : nil
  }

  /// OpenSSL's cipher, for one message after the other; wiped and freed with the last reference.
  final class Context {
    /// Looked up once, as libcrypto's look-up costs more than encrypting a seed.
    // Unchecked, yet safe: libcrypto never changes a fetched algorithm, and this one is never freed.
    nonisolated(unsafe) private static let algorithm = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)

    private let context: OpaquePointer
    private let direction: Int32

    /// Needs `setKey` before anything else.
    init(encrypting: Bool) throws {
      guard let context = EVP_CIPHER_CTX_new() else { throw LimeError.internalFailure("no memory for AES") }
      self.context = context
      direction = encrypting ? 1 : 0
      try check(EVP_CipherInit_ex(context, Self.algorithm, nil, nil, nil, direction))
      try check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, Int32(AESGCM.ivLength), nil))
    }

    convenience init(encrypting: Bool, keyAndIV: SecretBytes) throws {
      guard keyAndIV.count == AESGCM.keyLength + AESGCM.ivLength else {
        throw LimeError.internalFailure("wrong length of an AES key")
      }
      try self.init(encrypting: encrypting)
      try keyAndIV.withBytePointer { key, _ in try setKey(key) }
    }

    /// Begins a message.
    /// - Parameter keyAndIV: 48 bytes.
    func setKey(_ keyAndIV: UnsafePointer<UInt8>) throws {
      try check(EVP_CipherInit_ex(context, nil, nil, keyAndIV, keyAndIV + AESGCM.keyLength, direction))
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    func authenticate(_ bytes: [UInt8]) throws {
      try bytes.withBytePointer { try update($0, $1, into: nil) }
    }

    /// With no target the bytes are associated data.
    func update(_ source: UnsafePointer<UInt8>, _ count: Int, into target: UnsafeMutablePointer<UInt8>?) throws {
      guard count > 0 else { return }
      guard count <= AESGCM.maximumLength else { throw LimeError.messageTooLong(bytes: count) }
      var written: Int32 = 0
      try check(EVP_CipherUpdate(context, target, &written, source, Int32(count)))
    }

    func finishSealing(tag: UnsafeMutablePointer<UInt8>) throws {
      var written: Int32 = 0
      var unused: UInt8 = 0
      try check(EVP_CipherFinal_ex(context, &unused, &written))
      try check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(AESGCM.tagLength), tag))
    }

    /// OpenSSL compares the tags in constant time.
    func finishOpening(tag: Data) throws -> Bool {
      var tag = Data(tag)
      try tag.withUnsafeMutableBytes {
        try check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32($0.count), $0.baseAddress))
      }
      var written: Int32 = 0
      var unused: UInt8 = 0
      let opened = EVP_CipherFinal_ex(context, &unused, &written) == 1
      // A wrong tag leaves entries in the thread's error queue, which TLS code on this thread would take for its own.
      if !opened { ERR_clear_error() }
      return opened
    }

    private func check(_ result: Int32) throws {
      guard result == 1 else {
        ERR_clear_error()
        throw LimeError.internalFailure("AES-GCM of libcrypto failed")
      }
    }
  }
}
