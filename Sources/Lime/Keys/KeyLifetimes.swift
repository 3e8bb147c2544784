// KeyLifetimes.swift: how long keys and sessions are used and kept (LIME §5: key management)

/// Lifetimes and amounts; times in seconds.
public enum KeyLifetimes {
  /// One-time keys made at registration, and the number kept on the server.
  public static let oneTimeKeys = 100
  /// The least number of one-time keys added at once.
  static let oneTimeKeyBatch = 25
  /// Between two looks at the keys on the server.
  public static let updateInterval: Int64 = day
  /// Age at which the signed prekey is replaced.
  static let signedPrekey: Int64 = 7 * day
  /// How long a replaced signed prekey still serves first messages under way.
  static let replacedSignedPrekey: Int64 = 30 * day
  /// How long a one-time key that the server handed out may still come into use.
  static let dispatchedOneTimeKey: Int64 = 37 * day
  /// How long a session that is not active any longer still decrypts.
  static let staleSession: Int64 = 30 * day
  /// Messages decrypted after which the key of a missing one is given up.
  static let skippedKey = 128

  private static let day: Int64 = 24 * 60 * 60
}
