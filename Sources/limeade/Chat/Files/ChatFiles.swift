// ChatFiles.swift: files in the terminal UI: sending, saving, and how far they are.
import AccountService
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
      return "[file] \(FileText.summary(file)) (\(moving ?? Self.state(file)))"
    }
  }

  /// Where a file is, with the folder only where its name stands in front already.
  private static func state(_ file: MessageFile) -> String {
    guard file.state == .saved, let path = file.path else { return FileText.state(file) }
    let url = URL(fileURLWithPath: path)
    let isNamed = url.lastPathComponent == file.name
    let shown = BaseFolders.abbreviated(isNamed ? url.deletingLastPathComponent().path : path)
    return (isNamed ? "saved in " : "saved as ") + SafeLine.text(shown)
  }
}

extension ChatScreen {
  /// Where files go when the user names no folder.
  static func downloadFolder(_ account: AccountConfiguration) -> String {
    account.downloadFolder ?? BaseFolders.downloads
  }

  func sendFiles(_ paths: [String], text: String) {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let data = store.directory
    // A large file takes a while to be copied and encrypted.
    inBackground {
      let files = try await GivenFiles(paths.map(Self.absolute), data: data)
      defer { files.remove() }
      let message = SendText(to: room, text: text, files: files.paths, waits: true)
      await self.addOwn(try await self.session.performBeside(message))
      await self.readAll(room)
      await self.paintSoon()
    }
  }

  func recentEntries(of room: String) async -> [MessageWithDeliveries] {
    (try? await store.history(HistoryRequest(room: room, limit: 1000))) ?? []
  }

  /// `/save [--unencrypted] [NAME] [FOLDER]`; a single word with a slash is a folder.
  func saveFile(_ arguments: [String]) async {
    var words = arguments.filter { $0 != "--unencrypted" }
    let isFolder = words.count == 1 && (words[0].contains("/") || words[0] == "~")
    if isFolder { words.insert("", at: 0) }
    await saveFile(
      named: words.first.flatMap { $0.isEmpty ? nil : $0 }, in: words.dropFirst().first,
      unencrypted: arguments.contains("--unencrypted"))
  }

  /// The chosen message, or the newest ones of the room, oldest first.
  func chosenOrRecentEntries(of room: String) async -> [MessageWithDeliveries] {
    guard let chosen = chosenNumber else { return await recentEntries(of: room) }
    return (try? await store.message(number: chosen)).map { [$0] } ?? []
  }

  /// - Parameters:
  ///   - name: the beginning of a file's name; nil for those of the chosen message, else the newest that is not saved.
  ///   - unencrypted: also one without a key in an encrypted room.
  private func saveFile(named name: String?, in folder: String?, unencrypted: Bool) async {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let folder = folder ?? Self.downloadFolder(account)
    if name == nil, let chosen = chosenNumber {
      guard let message = try? await store.message(number: chosen)?.message else {
        return complain("the message is gone")
      }
      let indices = message.files.indices.filter { message.files[$0].isOffered }
      guard !indices.isEmpty else { return complain("the chosen message has no file; Esc ends the choice") }
      for index in indices { save(message, index, in: folder, again: true, unencrypted: unencrypted) }
      return
    }
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
    save(message, index, in: folder, again: true, unencrypted: unencrypted)
  }

  private func save(
    _ message: Message, _ index: Int, in folder: String, again: Bool, unencrypted: Bool = false
  ) {
    let wish = SaveFile(
      room: message.room, id: message.messageID, folder: Self.absolute(folder), index: index, again: again,
      unencrypted: unencrypted)
    order { _ = try await self.session.perform(wish) }
  }

  /// For the holder, whose current folder may be another one.
  private nonisolated static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: BaseFolders.expanded(path)).standardizedFileURL.path
  }

  /// What is offered is saved unasked if the account says so. Several screens ask for it, and it is saved once.
  func fetchByItself(_ progress: FileProgress) async {
    guard account.downloadsAutomatically,
      let message = try? await store.message(room: progress.room, messageID: progress.messageID)?.message,
      !message.isOutgoing, !blocked.contains(message.sender)
    else { return }
    for (index, file) in message.files.enumerated()
    where message.fileID(index) == progress.id && account.fetchesByItself(file, of: message) {
      save(message, index, in: Self.downloadFolder(account), again: false)
    }
  }

  func cancelTransfers() async {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let entries = await recentEntries(of: room)
    var count = 0
    for entry in entries where !entry.message.files.isEmpty {
      if (try? await session.perform(CancelTransfers(room: room, id: entry.message.messageID))) == true { count += 1 }
    }
    note(count == 0 ? "nothing to cancel" : "cancelled the transfers of \(count) message\(count == 1 ? "" : "s")")
  }
}
