// TransferFolder.swift: where copies wait for their upload, and downloads for their end
import FileTransfer
import Foundation
import GRDB

/// A folder beside the account's database. What nobody needs any more is removed at the start.
struct TransferFolder: Sendable {
  let path: String

  init(_ store: AccountStore) { path = store.directory.appendingPathComponent("transfers").path }

  func create() throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch { throw FileTransferError.cannotWrite(path, reason: error.localizedDescription) }
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The beginning of a download, by message row and place.
  func part(_ row: Int64, _ index: Int) -> String { file("\(row)-\(index).part") }

  static func newCopyName() -> String { "\(UUID().uuidString).copy" }

  /// Links and copies that a command made for the files of its command line, and did not come to remove. What comes
  /// through a pipe may take long, and its copy grows meanwhile.
  private func removeGiven(_ name: String) {
    let folder = file(name)
    let inside = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let times = ([folder] + inside.map { "\(folder)/\($0)" }).compactMap {
      (try? FileManager.default.attributesOfItem(atPath: $0))?[.modificationDate] as? Date
    }
    guard let last = times.max(), last.timeIntervalSinceNow < -3600 else { return }
    try? FileManager.default.removeItem(atPath: folder)
  }

  func remove(_ files: [MessageFile]) {
    for copy in files.compactMap(\.copy) { unlink(file(copy)) }
  }

  func removePart(_ row: Int64, _ index: Int) {
    for ending in ["", ".validator", ".lock"] { unlink(part(row, index) + ending) }
  }

  /// Removes copies that no upload needs, and parts of messages that are gone.
  func sweep(_ store: AccountStore) async throws {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path), !names.isEmpty else { return }
    let (copies, rows) = try await store.database.read { db in
      let uploads = try Message.fetchAll(
        db, sql: "SELECT message.* FROM message JOIN upload ON upload.message = message.id")
      let rows = try Int64.fetchSet(db, sql: "SELECT id FROM message WHERE attachments IS NOT NULL")
      return (Set(uploads.flatMap(\.files).compactMap(\.copy)), rows)
    }
    for name in names where !copies.contains(name) {
      if name.hasPrefix("given-") {
        removeGiven(name)
        continue
      }
      let row = name.prefix { $0 != "-" }
      if let row = Int64(row), rows.contains(row) { continue }
      unlink(file(name))
    }
  }
}
