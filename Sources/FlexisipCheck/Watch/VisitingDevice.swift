// VisitingDevice.swift: a device made for a lasting check or for load, with keys and data of its own, taken away at the end
import ChatCore
import Foundation
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
      do { try await capped(limit) { [client] in try await client.leave(room) } } catch {
        left.append("\(address) has not left \(room): \(LiveCheck.text(of: error))")
      }
    }
    do { try await capped(limit) { [client] in try await client.giveUp() } } catch {
      left.append("the keys of \(address) are not deleted: \(LiveCheck.text(of: error))")
      do { try await capped(limit) { [client] in await client.stop(unregistering: true) } } catch {
        left.append("\(address) is not unregistered: \(LiveCheck.text(of: error))")
      }
    }
    following.cancel()
    try? store.close()
    try? FileManager.default.removeItem(at: folder)
    return left
  }
}
