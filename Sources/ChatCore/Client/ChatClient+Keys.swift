// ChatClient+Keys.swift: what a user does with keys and devices.
import Foundation

extension ChatClient {
  /// Brings the published keys up to date now, whether due or not.
  /// - Throws: `ChatError.keyServer`, `ChatError.noKeyServer`; the next attempt continues where this one ended.
  public func updateKeys() async throws -> KeyUpdate { try await keyUpkeep.updateKeys() }

  /// As `AccountStore.verification`, after fetching keys that are not known yet.
  public func verification(of address: String) async throws -> Verification {
    try await recipients.verification(of: address)
  }

  /// The user decided on a device: what waited may go.
  public func trustChanged() { outbox.trustChanged() }
}
