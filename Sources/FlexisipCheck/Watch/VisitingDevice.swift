// VisitingDevice.swift: a device made for a lasting check or for load, with keys and data of its own, taken away at the end
import ChatCore
import Foundation
import HTTPClient
import Lime
import Logging
import ServerConnection

/// An account on a device that exists as long as what it was made for.
package final class VisitingDevice: Sendable {
  /// Seconds. If the program is broken off, the server forgets the device soon.
  private static let registrationLifetime = 600

  package let account: AccountConfiguration
  package let client: ChatClient
  private let store: AccountStore
  private let folder: URL
  private let following: Task<Void, Never>

  /// - Parameters:
  ///   - parent: where its folder is made.
  ///   - take: hears of every event, one after the other.
  package init(
    _ account: AccountConfiguration, in parent: URL = FileManager.default.temporaryDirectory, logger: Logger,
    trace: WireTrace? = nil,
    take: @escaping @Sendable (ChatEvent) -> Void
  ) throws {
    var account = account
    account.expires = Self.registrationLifetime
    self.account = account
    folder = parent.appendingPathComponent("limeade-visit-\(UUID().uuidString)")
    store = try AccountStore(directory: folder)
    client = ChatClient(account: account, store: store, logger: logger, trace: trace)
    let events = client.events()
    following = Task { for await event in events { take(event) } }
  }

  package var address: String { account.address.description }

  package func start() async throws { try await client.start() }

  /// Leaves the rooms, deletes the keys, unregisters, and removes the folder.
  /// - Parameter limit: seconds for each answer.
  /// - Returns: what is left behind.
  package func remove(leaving rooms: [String], within limit: Double) async -> [String] {
    var left: [String] = []
    for room in rooms {
      do { try await Self.capped(limit) { [client] in try await client.leave(room) } } catch {
        left.append("\(address) has not left \(room): \(LiveCheck.text(of: error))")
      }
    }
    do { try await Self.capped(limit) { try await self.deleteKeys(limit) } } catch {
      left.append("the keys of \(address) are not deleted: \(LiveCheck.text(of: error))")
    }
    do { try await Self.capped(limit) { [client] in await client.stop(unregistering: true) } } catch {
      left.append("\(address) is not unregistered: \(LiveCheck.text(of: error))")
    }
    following.cancel()
    try? store.close()
    try? FileManager.default.removeItem(at: folder)
    return left
  }

  private struct NotDeleted: Error, LocalizedError {
    var answer: String
    var errorDescription: String? { answer }
  }

  private func deleteKeys(_ limit: Double) async throws {
    guard let url = account.keyServer, let device = await client.device,
      (try? await store.keys(curve: account.curve))?.isPublished == true
    else { return }
    let http = HTTPClient(
      caFile: account.caFile,
      credentials: HTTPCredentials(
        username: account.address.user ?? "", password: account.password.reveal(), realm: account.digestRealm),
      timeout: limit)
    let answer = try await http.send(
      .post(
        KeyServerRequest(curve: account.curve, content: .deleteDevice).serialized, to: url.absoluteString,
        contentType: keyServerMediaType,
        headers: [HTTPField("From", device), HTTPField("X-Lime-user-identity", device)]))
    guard answer.status == 200, let content = try? KeyServerAnswer(parsing: answer.body).content,
      case .acknowledged(.deviceDeleted) = content
    else { throw NotDeleted(answer: "HTTP \(answer.status)") }
  }

  package struct TookTooLong: Error, LocalizedError {
    var seconds: Double
    package var errorDescription: String? { "nothing within \(Int(seconds)) s" }
  }

  /// Waits no longer than `seconds`; work that does not end by then goes on alone.
  package static func capped<Value: Sendable>(
    _ seconds: Double, _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let (values, sink) = AsyncThrowingStream.makeStream(of: Value.self)
    let working = Task {
      do {
        sink.yield(try await work())
        sink.finish()
      } catch { sink.finish(throwing: error) }
    }
    let timer = Task {
      try? await Task.sleep(for: .seconds(seconds))
      sink.finish(throwing: TookTooLong(seconds: seconds))
    }
    defer {
      timer.cancel()
      working.cancel()
    }
    for try await value in values { return value }
    throw TookTooLong(seconds: seconds)
  }
}
