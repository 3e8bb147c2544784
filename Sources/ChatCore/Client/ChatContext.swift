// ChatContext.swift: what all parts of an account at work share: its settings, its data, and who is told of events.
import Foundation
import Logging

/// Nothing in it changes while the account is at work.
struct ChatContext: Sendable {
  let account: AccountConfiguration
  let store: AccountStore
  let logger: Logger
  /// For the lifetimes of keys and messages.
  let clock: ChatClock
  let hub = EventHub()

  /// An error as a text to act on.
  func describe(_ error: any Error) -> String {
    let error: any Error = ChatError(storing: error) ?? error
    return (error as? LocalizedError)?.errorDescription ?? "\(error)"
  }

  /// - Parameter what: goes before the error's own text.
  func complain(_ what: String = "", of error: any Error, in room: String? = nil) {
    hub.send(.error(room: room, text: what + describe(error), code: ChatError.exitCode(of: error)))
  }

  func report(_ summary: RoomSummary) {
    guard !summary.isForNotifications else { return }
    hub.send(.room(summary, displayName: summary.displayName(for: account.address)))
  }

  @ChatActor func reportRoom(_ address: String) async {
    guard let summary = try? await store.database.read({ try RoomQueries.summary($0, address) }) else { return }
    report(summary)
  }
}
