// Expiry.swift: messages that delete themselves some time after being read (Linphone's Ephemeral-Time).
import Foundation
import GRDB

enum Ephemeral {
  /// The longest lifetime that is taken seriously: ten years, in seconds.
  static let longest = 315_360_000

  /// nil for 0, which means that messages stay, and for nonsense.
  static func sensible(_ seconds: Int?) -> Int? {
    seconds.flatMap { $0 > 0 && $0 <= longest ? $0 : nil }
  }

  /// When a message deletes itself, in words; nil for one that stays.
  static func text(_ lifetime: Int?, unread: Int?) -> String? {
    guard let once = lifetime ?? unread else { return nil }
    return "deleted \(once) s after being read" + (unread.map { ", or unread after \($0) s" } ?? "")
  }
}

/// Deletes what has expired when its time comes, and sees to it that the disk forgets what was deleted.
@ChatActor final class Expiry {
  /// Between two attempts to empty the write-ahead log while a reader is in the way.
  private static let scrubPause: Duration = .seconds(1)
  /// How many times as long as it took the next cleaning of the search index waits.
  private static let purgeShare = 20

  private let context: ChatContext
  private var task: Task<Void, Never>?
  /// Whether deleted text may still be in the search index or the write-ahead log; at the start, of the last run.
  private var needsScrub = true
  private var nextPurge = ContinuousClock.now

  init(_ context: ChatContext) { self.context = context }

  /// Deletes what has expired, and sets the clock for what expires next.
  func schedule() {
    task?.cancel()
    task = Task { [weak self] in
      while !Task.isCancelled {
        guard let pause = await self?.expire() else { return }
        do { try await Task.sleep(for: pause) } catch { return }
      }
    }
  }

  /// - Returns: how long to sleep until there is something to do again; nil when nothing expires.
  private func expire() async -> Duration? {
    let (store, now) = (context.store, context.clock.now())
    let expired = (try? store.database.removeExpired(at: now)) ?? []
    for message in expired {
      context.hub.send(
        .change(
          MessageChange(.expired, room: message.room, messageID: message.messageID, sender: message.sender, time: now)))
    }
    if !expired.isEmpty { needsScrub = true }
    for room in Set(expired.filter { !$0.isRead }.map(\.room)) { await context.reportRoom(room) }
    if needsScrub { needsScrub = await !eraseFromDisk() }
    if needsScrub { return Self.scrubPause }
    let next = try? await store.database.read { db in
      try StoredDate.fetchOne(db, sql: "SELECT min(expiresAt) FROM message WHERE expiresAt IS NOT NULL")?.date
    }
    guard let next = next ?? nil else { return nil }
    // A clock that is set, or a computer that sleeps, must not make it late.
    return min(context.clock.interval, .seconds(max(0.01, next.timeIntervalSince(now))))
  }

  func stop() {
    task?.cancel()
    task = nil
  }

  /// After deleting text on the user's or its author's wish: makes sure that the disk forgets it.
  func forgetOnDisk() {
    needsScrub = true
    schedule()
  }

  /// Takes deleted words out of the search index and the write-ahead log.
  /// - Returns: false when it has to be tried again.
  private func eraseFromDisk() async -> Bool {
    let start = ContinuousClock.now
    guard start >= nextPurge else { return false }
    defer {
      // The whole index is merged each time: with a long history that must not be all that the disk does.
      let end = ContinuousClock.now
      nextPurge = end + (end - start) * Self.purgeShare
    }
    do { try await context.store.purgeSearchIndex() } catch { return false }
    return context.store.database.scrub()
  }
}
