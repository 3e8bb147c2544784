// EncryptionPolicy.swift: where the plaintext travels (LIME §3.4: cipher message and direct message)

/// Whether the plaintext is in each device's ratchet message, or once in a cipher message whose key is in each of them.
public enum EncryptionPolicy: Sendable, CaseIterable {
  /// In each ratchet message.
  case direct
  /// Once in a cipher message; the ratchet messages hold its key. What chat uses.
  case cipherMessage
  /// Whichever uploads fewer bytes.
  case optimizeUploadSize
  /// Whichever makes upload and all downloads together smaller.
  case optimizeGlobalBandwidth

  /// Bytes of a GCM tag.
  private static let tagLength = AESGCM.tagLength
  /// Bytes of the random seed that stands for the plaintext in the ratchet messages.
  private static let seedLength = CipherMessage.seedLength

  /// Resolves the two optimising policies for one message.
  func usesCipherMessage(plaintextLength: Int, devices: Int) -> Bool {
    let seeds = devices * Self.seedLength
    let cipher = plaintextLength + Self.tagLength
    let direct = devices * plaintextLength
    switch self {
    case .direct: return false
    case .cipherMessage: return true
    case .optimizeUploadSize: return direct > cipher + seeds
    // Every device downloads its own ratchet message, and the cipher message if there is one.
    case .optimizeGlobalBandwidth: return 2 * direct > cipher + seeds + devices * cipher + seeds
    }
  }
}
