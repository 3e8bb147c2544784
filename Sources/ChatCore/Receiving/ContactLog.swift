// ContactLog.swift: keeps the account of when the server could reach us, over restarts too (`ServerContact`).
import Foundation
import GRDB

@ChatActor final class ContactLog {
  private let context: ChatContext
  private var contact = ServerContact()
  private var signs: Task<Void, Never>?

  init(_ context: ChatContext) { self.context = context }

  func begin() async throws {
    let now = Date()
    let before = contact.before
    if before == nil {
      let known = try await context.store.database.read { try Self.lastContact($0) }
      contact.begin(at: now, before: known)
    } else {
      contact.begin(at: now)
    }
    signs?.cancel()
    signs = Task { [weak self] in
      while !Task.isCancelled {
        do { try await Task.sleep(for: .seconds(ServerContact.interval)) } catch { return }
        self?.sign(at: Date())
      }
    }
  }

  func reconnect() { contact.reconnect(at: Date()) }

  func sign(at now: Date) { contact.sign(at: now) }

  /// The circumstances in which a message arrives now.
  func arrival(at now: Date, mayWait: Bool) -> Arrival {
    Arrival(
      now: now, isCatchingUp: contact.isCatchingUp(at: now), earliest: contact.earliest(at: now), mayWait: mayWait)
  }

  func end() async {
    signs?.cancel()
    signs = nil
    guard contact.since != nil else { return }
    contact.end(at: Date())
    guard let end = contact.before else { return }
    try? await context.store.database.write { db in
      try Setting.lastContact.write(db, "\(end.timeIntervalSince1970)")
    }
  }

  /// After a crash it is not written down: then we were there at least when the last message came.
  private nonisolated static func lastContact(_ db: Database) throws -> Date? {
    let written = try Setting.lastContact.read(db).flatMap(TimeInterval.init).map(Date.init(timeIntervalSince1970:))
    let received = try StoredDate.fetchOne(
      db, sql: "SELECT receivedAt FROM message WHERE NOT isOutgoing ORDER BY id DESC LIMIT 1")?.date
    return [written, received].compactMap(\.self).max()
  }
}
