// Downloads.swift: fetching the files of messages in the background
import FileTransfer
import Foundation

@ChatActor final class Downloads {
  private let context: ChatContext
  private var downloads: [FilePlace: Task<Void, Never>] = [:]

  init(_ context: ChatContext) { self.context = context }

  /// Fetches a file of a message in the background; events tell how far it is.
  /// - Parameters:
  ///   - folder: made if absent.
  ///   - unencrypted: also a file without a key in an encrypted room.
  func save(_ message: Message, _ index: Int, in folder: String, unencrypted: Bool) {
    guard let row = message.id else { return }
    let key = FilePlace(message: row, index: index)
    guard downloads[key] == nil else { return }
    let hub = context.hub
    if message.files.indices.contains(index) {
      hub.send(.file(FileProgress(message, index, message.files[index], .downloading, done: 0)))
    }
    let saver = FileSaver(account: context.account, store: context.store) { hub.send(.file($0)) }
    downloads[key] = Task { [weak self] in
      // What went wrong is told by the saver.
      _ = try? await saver.save(message, index, in: folder, unencrypted: unencrypted)
      self?.ended(key)
    }
  }

  private func ended(_ key: FilePlace) { downloads[key] = nil }

  /// Tells of each file of a message that came, right after it.
  func offer(_ message: Message) {
    for (index, file) in message.files.enumerated() {
      context.hub.send(.file(FileProgress(message, index, file, .offered)))
    }
  }

  /// Ends the message's downloads, whose bytes are kept.
  /// - Returns: whether there was one.
  func cancel(_ row: Int64) async -> Bool {
    var found = false
    for (key, task) in downloads where key.message == row {
      task.cancel()
      // When it has ended, another one can begin.
      await task.value
      found = true
    }
    return found
  }

  func stop() {
    for task in downloads.values { task.cancel() }
  }
}

extension AccountConfiguration {
  /// Whether a file that somebody offers is to be fetched without being asked for: the account says so, and the file is
  /// on a known host, not larger than the account's limit, and encrypted if the message is.
  public func fetchesByItself(_ file: MessageFile, of message: Message) -> Bool {
    guard downloadsAutomatically, file.state == .offered, !file.isExpired, file.isEncrypted || !message.isEncrypted,
      let url = file.url
    else { return false }
    return DownloadPolicy(fileServer: fileServer, hosts: fileHosts).allows(url) && file.size ?? 0 <= downloadLimit
  }
}

/// One file of one message.
private struct FilePlace: Hashable {
  var message: Int64
  var index: Int
}
