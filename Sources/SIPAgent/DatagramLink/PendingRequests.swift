// PendingRequests.swift: what a link has sent over UDP and nobody has answered yet
import Foundation

/// Requests that have had no answer, to be sent to the next server when one fails, or to be refused.
struct PendingRequests {
  private struct Entry {
    var request: SIPDatagram
    var added: ContinuousClock.Instant
  }

  /// Sofia gives up after so many seconds (RFC 3261 §17.1.2.2, Timer F).
  private static let lifetime = 32.0
  /// More are not kept; Sofia sends them again by itself.
  private static let maximumCount = 128

  private var entries: [String: Entry] = [:]

  var requests: [SIPDatagram] { entries.values.sorted { $0.added < $1.added }.map(\.request) }

  mutating func add(_ request: SIPDatagram) {
    guard request.method != "ACK", let transaction = request.transaction, entries[transaction] == nil else { return }
    let oldest = ContinuousClock.now - .seconds(Self.lifetime)
    entries = entries.filter { $0.value.added > oldest }
    if entries.count < Self.maximumCount { entries[transaction] = Entry(request: request, added: .now) }
  }

  mutating func remove(answeredBy response: SIPDatagram) {
    if let transaction = response.transaction { entries[transaction] = nil }
  }

  mutating func removeAll() { entries = [:] }
}
