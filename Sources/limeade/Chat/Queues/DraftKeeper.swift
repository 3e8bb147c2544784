// DraftKeeper.swift: brings what is typed to the disk, shortly after the key and off the screen's way.
import ChatCore
import Foundation

/// Writes one thing after the other. What is typed quickly is written together.
@MainActor
final class DraftKeeper {
  private static let delay: Duration = .milliseconds(250)

  private let record: InputRecord
  /// As on the disk, or on its way there.
  private var drafts: [String: Draft] = [:]
  private var changes: [InputRecord.Change] = []
  private var writing: Task<Void, Never>?
  private var pause: Task<Void, Never>?
  private let complain: (String) -> Void
  private var hasComplained = false

  /// - Parameter complain: told once why nothing can be kept.
  init(_ record: InputRecord, _ complain: @escaping (String) -> Void) {
    (self.record, self.complain) = (record, complain)
  }

  /// All that an earlier run has left.
  func load() -> [Draft] {
    let found = (try? record.drafts()) ?? []
    drafts = Dictionary(found.map { ($0.room, $0) }) { first, _ in first }
    return found
  }

  func lines(of room: String) async -> [String] { (try? await record.lines(of: room)) ?? [] }

  func editedText(in store: AccountStore) -> EditedText { EditedText(folder: record.folder(in: store)) }

  /// The text of a room as it is now.
  func note(_ draft: Draft) {
    let known = drafts[draft.room]
    guard (known?.text ?? "") != draft.text || known?.about != draft.about, known != nil || !draft.text.isEmpty else {
      return
    }
    drafts[draft.room] = draft.text.isEmpty ? nil : draft
    // Of two states of one text the later one counts.
    if case .draft(let last)? = changes.last, last.room == draft.room { changes.removeLast() }
    changes.append(.draft(draft))
    writeSoon()
  }

  /// A line left the room's input.
  func entered(_ line: String, in room: String) {
    changes.append(.entered(room: room, line: line))
    writeSoon()
  }

  private func writeSoon() {
    guard writing == nil else { return }
    let pause = Task { _ = try? await Task.sleep(for: Self.delay) }
    self.pause = pause
    writing = Task {
      await pause.value
      await write()
      writing = nil
      if !changes.isEmpty { writeSoon() }
    }
  }

  private func write() async {
    let taken = changes
    changes = []
    do { try await record.write(taken) } catch {
      guard !hasComplained else { return }
      hasComplained = true
      complain("what is typed is not kept for another start: \(ExitStatus.text(of: error))")
    }
  }

  /// Writes what is left.
  func finish() async {
    // Only the pause ends: the database takes nothing from a task that was cancelled.
    pause?.cancel()
    await writing?.value
    await write()
  }
}
