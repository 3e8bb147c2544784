// Subscriptions.swift: SUBSCRIBE and NOTIFY (RFC 6665)
import CSofia
import Foundation
import MessageFormats

@SIPActor
final class SubscriptionTable {
  private struct Subscription {
    var handle: SofiaHandle
    var resource: SIPURI
    var isEnding = false
    /// Of the notifier in this dialog, once it is known.
    var remoteTag: String?
  }

  private var subscriptions: [SubscriptionID: Subscription] = [:]
  private var lastID: UInt64 = 0
  private let incoming: IncomingRequests
  private let emit: @Sendable (SIPEvent) -> Void

  init(incoming: IncomingRequests, emit: @escaping @Sendable (SIPEvent) -> Void) {
    self.incoming = incoming
    self.emit = emit
  }

  var count: Int { subscriptions.count }

  // MARK: Requests

  func subscribe(_ handle: SofiaHandle, resource: SIPURI, tags: TagList) async throws -> SubscriptionID {
    lastID += 1
    let id = SubscriptionID(value: lastID)
    subscriptions[id] = Subscription(handle: handle, resource: resource)
    // Set before the request is sent: the first NOTIFY may overtake the response (RFC 6665 §4.1.2.4).
    handle.onEvent = { [unowned self] in receive($0, id) }
    handle.onRefresh = { [unowned self] event, result in
      if event.kind == SOFIA_RESPONSE_SUBSCRIBE { refreshed(result, id, ended: event.subscriptionEnded) }
    }
    do {
      let response = try await handle.perform(.subscribe, tags)
      try Self.check(response)
      note(response.headers.tag(of: "To"), id)
    } catch {
      remove(id)
      throw error
    }
    return id
  }

  func resubscribe(_ id: SubscriptionID, tags: TagList) async throws {
    guard let subscription = subscriptions[id], !subscription.isEnding else { throw SIPError.noSuchDialog }
    try Self.check(try await subscription.handle.perform(.subscribe, tags))
  }

  func unsubscribe(_ id: SubscriptionID) async {
    guard let subscription = subscriptions[id], !subscription.isEnding else { return }
    subscriptions[id]?.isEnding = true
    _ = try? await subscription.handle.perform(.unsubscribe, TagList())
    // Not destroyed: nua would send another SUBSCRIBE if the last NOTIFY is still on its way.
    subscriptions[id] = nil
    subscription.handle.abandon()
  }

  private static func check(_ response: SIPResponse) throws {
    guard response.isSuccess else { throw SIPError.refused(status: response.status, reason: response.reason) }
  }

  // MARK: Answers and NOTIFY

  private func refreshed(_ result: Result<SIPResponse, any Error>, _ id: SubscriptionID, ended: Bool) {
    switch result {
    case .success(let response) where response.isSuccess: return
    case .success(let response):
      if ended || response.status == 481 { end(id, reason: "\(response.status) \(response.reason)") }
    case .failure(let error):
      if ended { end(id, reason: "\(error)") }
    }
  }

  private func note(_ tag: String?, _ id: SubscriptionID) {
    if subscriptions[id]?.remoteTag == nil { subscriptions[id]?.remoteTag = tag }
  }

  private func receive(_ event: SofiaEvent, _ id: SubscriptionID) {
    guard event.kind == SOFIA_INCOMING_NOTIFY, let message = event.message else {
      incoming.receive(event)
      return
    }
    let headers = message.headers
    // The first may overtake the response; none of another sender counts.
    note(headers.tag(of: "From"), id)
    guard headers.tag(of: "From") == subscriptions[id]?.remoteTag else { return }
    // nua answers NOTIFY itself: 200 when the subscription stands, 481 and the like otherwise. What cannot be decoded
    // is dropped; the gap shows in the versions of the documents that follow.
    if event.status < 300, let body = try? ContentCoding.decode(message.body, headers: headers) {
      notified(id, headers: headers, body: body)
    }
    let state = headers.first(named: "Subscription-State") ?? ""
    if event.subscriptionEnded || state.lowercased().hasPrefix("terminated") { end(id, reason: Self.reason(state)) }
  }

  private func notified(_ id: SubscriptionID, headers: [SIPHeader], body: Data) {
    guard let subscription = subscriptions[id], !subscription.isEnding else { return }
    emit(
      .notify(
        SubscriptionNotify(
          subscription: id, resource: subscription.resource, event: headers.first(named: "Event") ?? "",
          headers: headers, contentType: headers.first(named: "Content-Type") ?? "", body: body)))
  }

  /// `terminated;reason=noresource` gives `noresource`.
  private static func reason(_ state: String) -> String {
    let parameters = state.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
    return parameters.first { $0.lowercased().hasPrefix("reason=") }.map { String($0.dropFirst(7)) } ?? "terminated"
  }

  // MARK: End

  private func end(_ id: SubscriptionID, reason: String) {
    guard let subscription = subscriptions[id], !subscription.isEnding else { return }
    remove(id)
    emit(
      .subscriptionEnded(SubscriptionEnd(subscription: id, resource: subscription.resource, reason: reason)))
  }

  private func remove(_ id: SubscriptionID) { subscriptions.removeValue(forKey: id)?.handle.destroy() }

  /// Ends all subscriptions and waits for the answers.
  func close() async {
    let ids = Array(subscriptions.keys)
    await withTaskGroup(of: Void.self) { group in
      for id in ids { group.addTask { await self.unsubscribe(id) } }
    }
  }

  /// Drops what `close` could not end.
  func abandon() {
    for subscription in subscriptions.values { subscription.handle.abandon() }
    subscriptions = [:]
  }
}
