// ServerContact.swift: when the server could reach us, and so how late what comes may be.
import Foundation
import GRDB
import MessageFormats

/// What comes while we are connected was written a moment ago, whatever it says; what waited for us, since we were
/// connected last.
struct ServerContact: Sendable {
  /// A clock may be wrong by so many seconds, or a message be so long on its way.
  static let tolerance: TimeInterval = 30
  /// How long after a connection was made messages may still come that waited, in seconds.
  static let catchUp: TimeInterval = 300
  /// Between two signs of life, in seconds.
  static let interval: TimeInterval = 20

  /// How long a connection may have been dead before that is noticed, in seconds.
  private static let silence: TimeInterval = 120

  /// When the present contact began; nil while there is none.
  private(set) var since: Date?
  /// When the one before it ended; nil when there was none.
  private(set) var before: Date?
  private var lastSign: Date?

  /// - Parameter before: when the last contact ended, as far as is known from elsewhere.
  mutating func begin(at now: Date, before: Date? = nil) {
    (self.before, since, lastSign) = (self.before ?? before, now, now)
  }

  mutating func end(at now: Date) {
    guard since != nil else { return }
    // A computer that slept learns late that its connection is gone.
    before = min(lastSign?.addingTimeInterval(2 * Self.interval) ?? now, now)
    since = nil
  }

  /// The connection was replaced by another one: it may have been dead for a while.
  mutating func reconnect(at now: Date) {
    (before, since, lastSign) = (now.addingTimeInterval(-Self.silence), now, now)
  }

  /// To be called every `interval`: a gap means that the computer slept, and that messages wait for us.
  mutating func sign(at now: Date) {
    guard since != nil, let last = lastSign else { return }
    if now.timeIntervalSince(last) > 3 * Self.interval { (before, since) = (last, now) }
    lastSign = now
  }

  func isCatchingUp(at now: Date) -> Bool {
    since.map { (0..<Self.catchUp).contains(now.timeIntervalSince($0)) } ?? true
  }

  /// When what comes now can have been written at the earliest.
  func earliest(at now: Date) -> Date {
    guard isCatchingUp(at: now), let before else { return now.addingTimeInterval(-Self.tolerance) }
    return min(before, now).addingTimeInterval(-Self.tolerance)
  }
}

/// Where a message stands in its room, and the time that it claims if that is another one.
struct MessagePlace: Equatable {
  var time: Date
  var claimed: Date?

  /// A time that is not believable counts for nothing: the message stands where it came, at the bottom, not above what
  /// was read already, nor below all that follows.
  init(claimed: Date?, arrival: Arrival) {
    let now = ChatClient.wholeSeconds(arrival.now)
    guard let claimed else {
      time = now
      return
    }
    if claimed > now {
      time = now
      if claimed.timeIntervalSince(now) > ServerContact.tolerance { self.claimed = claimed }
    } else if claimed < arrival.earliest {
      (time, self.claimed) = (now, claimed)
    } else {
      time = claimed
    }
  }
}

extension ChatClient {
  func beginContact() async throws {
    let now = Date()
    let before = contact.before
    if before == nil {
      let known = try await store.database.read { try Self.lastContact($0) }
      contact.begin(at: now, before: known)
    } else {
      contact.begin(at: now)
    }
    contactSigns?.cancel()
    contactSigns = Task { [weak self] in
      while !Task.isCancelled {
        do { try await Task.sleep(for: .seconds(ServerContact.interval)) } catch { return }
        await self?.signContact()
      }
    }
  }

  private func signContact() { contact.sign(at: Date()) }

  /// Messages that wait for the state of their room come again over the next connection.
  func endContact() async {
    contactSigns?.cancel()
    contactSigns = nil
    holding?.cancel()
    holding = nil
    held.removeAll()
    guard contact.since != nil else { return }
    contact.end(at: Date())
    guard let end = contact.before else { return }
    try? await store.database.write { db in try Setting.lastContact.write(db, "\(end.timeIntervalSince1970)") }
  }

  /// After a crash it is not written down: then we were there at least when the last message came.
  private static func lastContact(_ db: Database) throws -> Date? {
    let written = try Setting.lastContact.read(db).flatMap(TimeInterval.init).map(Date.init(timeIntervalSince1970:))
    let received = try StoredDate.fetchOne(
      db, sql: "SELECT receivedAt FROM message WHERE NOT isOutgoing ORDER BY id DESC LIMIT 1")?.date
    return [written, received].compactMap(\.self).max()
  }
}
