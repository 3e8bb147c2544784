// PeerStatus.swift: what the user knows of a peer's device (LIME §5: peer device status)

/// How far the identity of a peer's device is known.
public enum PeerStatus: String, Sendable, Codable, CaseIterable {
  /// Never exchanged a message with it: its identity key is new.
  case unknown
  /// Exchanged messages; its identity key was not compared.
  case untrusted
  /// The user compared its identity key.
  case trusted
  /// The user flagged it.
  case unsafe
}
