// ChatFiles.swift: files in the terminal UI: sending, saving, and how far they are.
import ChatCore
import Foundation

/// Uploads and downloads that are under way, by the file's id.
struct RunningTransfers {
  private var running: [String: FileProgress] = [:]

  mutating func note(_ progress: FileProgress) {
    switch progress.step {
    case .uploading, .downloading: running[progress.id] = progress
    case .offered, .uploaded, .saved, .failed, .cancelled: running[progress.id] = nil
    }
  }

  /// A line for each file: `[file] plan.pdf, 12.3 kB, application/pdf (uploading: 42 %)`
  func lines(of message: Message) -> [String] {
    message.files.enumerated().map { index, file in
      let moving = running[message.fileID(index)].map { "\($0.step.rawValue): \(FileText.share($0))" }
      return "[file] \(FileText.summary(file)) (\(moving ?? FileText.state(file)))"
    }
  }
}

extension ChatScreen {
  /// Where files go when the user names no folder.
  static func downloadFolder(_ account: AccountConfiguration) -> String {
    account.downloadFolder ?? ProcessInfo.processInfo.environment["XDG_DOWNLOAD_DIR"]
      ?? "\(NSHomeDirectory())/Downloads"
  }

  func sendFiles(_ paths: [String], text: String) {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let (client, expanded) = (client, paths.map { NSString(string: $0).expandingTildeInPath })
    // A large file takes a while to be copied and encrypted.
    inBackground {
      let message = try await client.send(text, files: expanded, to: room)
      await self.add(message)
      await self.paintSoon()
    }
  }

  private func recentEntries(of room: String) async -> [MessageWithDeliveries] {
    (try? await client.store.history(HistoryRequest(room: room, limit: 1000))) ?? []
  }

  /// - Parameter name: the beginning of a file's name; nil for the newest that is not saved.
  func saveFile(named name: String?, in folder: String?) async {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let entries = await recentEntries(of: room)
    let offers = entries.reversed().flatMap { entry in
      entry.message.files.enumerated().filter { $0.element.isOffered }.map { (entry.message, $0.offset, $0.element) }
    }
    let wanted = name?.lowercased()
    let found = offers.first { message, _, file in
      wanted.map { file.name.lowercased().hasPrefix($0) } ?? (file.state == .offered && !message.isOutgoing)
    }
    guard let (message, index, _) = found else {
      return complain(name.map { "no file in this room begins with '\($0)'" } ?? "there is no file to save")
    }
    let target = folder.map { NSString(string: $0).expandingTildeInPath } ?? Self.downloadFolder(client.account)
    await client.save(message, index, in: target)
  }

  func cancelTransfers() async {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let entries = await recentEntries(of: room)
    var count = 0
    for entry in entries where !entry.message.files.isEmpty {
      if await client.cancelTransfers(of: entry.message) { count += 1 }
    }
    note(count == 0 ? "nothing to cancel" : "cancelled the transfers of \(count) message\(count == 1 ? "" : "s")")
  }
}
