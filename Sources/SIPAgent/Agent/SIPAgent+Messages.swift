// SIPAgent+Messages.swift: MESSAGE outside a dialog, one or several (RFC 3428)
import CSofia
import Foundation
import MessageFormats

/// A MESSAGE to be sent.
public struct OutgoingMessage: Sendable {
  /// Beside those that the agent writes (From, To, Call-ID, CSeq, Via, Route).
  public var headers: [SIPHeader]
  /// The whole field.
  public var contentType: String
  /// Any bytes; over UDP, what does not fit a packet goes by TCP.
  public var body: Data

  public init(headers: [SIPHeader] = [], contentType: String, body: Data) {
    self.headers = headers
    self.contentType = contentType
    self.body = body
  }
}

extension SIPAgent {
  /// Sends a MESSAGE.
  /// - Parameter from: the address in From, nil for the account's; the GRUU in encrypted rooms.
  /// - Returns: the final response, also when it refuses the message.
  /// - Throws: `SIPError` when there was no response, or the account's credentials were refused.
  public func message(
    to target: SIPURI, from: SIPURI? = nil, headers: [SIPHeader] = [], contentType: String, body: Data
  ) async throws -> SIPResponse {
    let message = OutgoingMessage(headers: headers, contentType: contentType, body: body)
    let handle = try await makeHandle(target: target, from: from, contact: nil)
    // nua keeps the handle of every request until it is told otherwise.
    defer { handle.destroy() }
    return try await withCheckedThrowingContinuation { continuation in
      send(message, to: target, by: handle) { continuation.resume(with: $0) }
    }
  }

  /// Whether several messages may be on their way at a time: over a connection, which keeps their order and controls
  /// congestion. Over UDP each waits for the answer of the one before (RFC 3428 §8).
  public var sendsSeveralMessages: Bool {
    get async { (try? await parts().stack.keepsOrder) ?? false }
  }

  /// Sends MESSAGEs to one place in this order, without waiting for the answer of one before the next, if
  /// `sendsSeveralMessages`.
  /// - Returns: for each what `message` would have returned or thrown. Over UDP all that follow one without a response
  ///   are not sent and end as that one did.
  public func messages(
    to target: SIPURI, from: SIPURI? = nil, _ messages: [OutgoingMessage]
  ) async -> [Result<SIPResponse, any Error>] {
    guard messages.count > 1, await sendsSeveralMessages else {
      return await oneByOne(messages, to: target, from: from)
    }
    var handles: [SofiaHandle] = []
    do {
      for _ in messages { handles.append(try await makeHandle(target: target, from: from, contact: nil)) }
    } catch {
      for handle in handles { handle.destroy() }
      return messages.map { _ in .failure(error) }
    }
    defer { for handle in handles { handle.destroy() } }
    return await withCheckedContinuation { continuation in
      let answers = Answers(count: messages.count, continuation)
      for (index, handle) in handles.enumerated() {
        send(messages[index], to: target, by: handle) { answers.take($0, of: index) }
      }
    }
  }

  private func oneByOne(
    _ messages: [OutgoingMessage], to target: SIPURI, from: SIPURI?
  ) async -> [Result<SIPResponse, any Error>] {
    var results: [Result<SIPResponse, any Error>] = []
    for message in messages {
      do {
        results.append(
          .success(
            try await self.message(
              to: target, from: from, headers: message.headers, contentType: message.contentType, body: message.body)))
      } catch {
        while results.count < messages.count { results.append(.failure(error)) }
      }
      if results.count == messages.count { break }
    }
    return results
  }

  /// With the credentials of the message before, if the server accepted them.
  /// - Parameter finish: gets, once, what `message` returns or throws.
  private func send(
    _ message: OutgoingMessage, to target: SIPURI, by handle: SofiaHandle,
    finish: @escaping (Result<SIPResponse, any Error>) -> Void
  ) {
    // nua takes these out again if the server wants others.
    let known = handle.credentials.header(method: "MESSAGE", uri: target.description, body: message.body)
    let tags = requestTags(message.headers + [known].compactMap { $0 })
      .add(contentType: message.contentType, body: message.body)
    handle.start(.message, tags) { result in
      if case .success(let response) = result, response.isSuccess {
        if let answered = handle.answered { handle.credentials.accepted(answered.challenge, of: answered.asker) }
      } else {
        handle.credentials.forget()
      }
      finish(result)
    }
  }

  /// Collects the answers until all are there.
  @SIPActor
  private final class Answers {
    private var results: [Result<SIPResponse, any Error>?]
    private var missing: Int
    private let continuation: CheckedContinuation<[Result<SIPResponse, any Error>], Never>

    init(count: Int, _ continuation: CheckedContinuation<[Result<SIPResponse, any Error>], Never>) {
      results = Array(repeating: nil, count: count)
      missing = count
      self.continuation = continuation
    }

    func take(_ result: Result<SIPResponse, any Error>, of index: Int) {
      results[index] = result
      missing -= 1
      if missing == 0 { continuation.resume(returning: results.compactMap { $0 }) }
    }
  }
}
