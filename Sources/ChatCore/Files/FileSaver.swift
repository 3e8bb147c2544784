// FileSaver.swift: a file that a message offers becomes a file of the user's
import FileTransfer
import Foundation
import GRDB

/// Fetches files. It needs no SIP connection, and works while another process holds the account.
public struct FileSaver: Sendable {
  private let account: AccountConfiguration
  private let store: AccountStore
  private let report: @Sendable (FileProgress) -> Void

  /// - Parameter report: told of each step; on any thread.
  public init(
    account: AccountConfiguration, store: AccountStore, report: @escaping @Sendable (FileProgress) -> Void = { _ in }
  ) {
    self.account = account
    self.store = store
    self.report = report
  }

  /// What `id` means: a Message-ID, with `/2` for the second file and so on.
  public func find(_ id: String, room: String? = nil) async throws -> (message: Message, index: Int) {
    guard let found = try await store.database.read({ try FileQueries.find($0, id: id, room: room) }) else {
      throw ChatError.badInput("no file has the id '\(id)'; 'limeade history ROOM' shows them")
    }
    return found
  }

  /// Downloads, verifies and saves. An earlier attempt's bytes are not fetched again.
  /// - Parameters:
  ///   - folder: made if absent; a relative one is of this process.
  ///   - anyHost: also from a host that is neither the account's file server nor in `file-hosts`.
  ///   - unencrypted: also a file without a key in an encrypted room.
  /// - Returns: the path.
  /// - Throws: `FileTransferError`, `CancellationError`.
  public func save(
    _ message: Message, _ index: Int, in folder: String, anyHost: Bool = false, unencrypted: Bool = false
  ) async throws -> String {
    guard let row = message.id, message.files.indices.contains(index) else {
      throw ChatError.badInput("the message has no such file")
    }
    let file = message.files[index]
    // Stored, and read by programs with other current folders.
    let folder = URL(fileURLWithPath: folder).standardizedFileURL.path
    do {
      if !unencrypted { try await requireKey(file, of: message) }
      let path = try await fetch(file, of: message, row: row, index, in: folder, anyHost: anyHost)
      if let (message, file) = try await change(row, index, { ($0.state, $0.path, $0.failure) = (.saved, path, nil) }) {
        report(FileProgress(message, index, file, .saved))
      }
      return path
    } catch is CancellationError {
      report(FileProgress(message, index, file, .cancelled))
      throw CancellationError()
    } catch {
      let text = (error as? LocalizedError)?.errorDescription ?? "\(error)"
      if let (message, file) = try await change(row, index, { $0.failure = text }) {
        report(FileProgress(message, index, file, .failed))
      }
      throw error
    }
  }

  /// What is written in an encrypted room is its members' word, which a file that its server can change is not.
  private func requireKey(_ file: MessageFile, of message: Message) async throws {
    guard !file.isEncrypted else { return }
    let isEncrypted = try await store.database.read { try Room.find($0, message.room)?.isEncrypted ?? false }
    guard !message.isEncrypted, !isEncrypted else { throw FileTransferError.noKey(name: file.name) }
  }

  private func change(
    _ row: Int64, _ index: Int, _ body: @escaping @Sendable (inout MessageFile) -> Void
  ) async throws -> (Message, MessageFile)? {
    try await store.database.write { try FileQueries.change($0, message: row, index: index, body) }
  }

  private func fetch(
    _ file: MessageFile, of message: Message, row: Int64, _ index: Int, in folder: String, anyHost: Bool
  ) async throws -> String {
    guard let url = file.url else { throw ChatError.badInput("\(file.name) is not on a file server yet") }
    let key = file.key.flatMap { FileKey($0) }
    guard (file.key == nil) == (key == nil) else { throw FileTransferError.badKey(name: file.name) }
    // Nothing is fetched that could not be verified.
    if key != nil, file.tag == nil { throw FileTransferError.noTag(name: file.name) }
    do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
      throw FileTransferError.cannotWrite(folder, reason: error.localizedDescription)
    }
    let transfers = TransferFolder(store)
    try transfers.create()
    let part = transfers.part(row, index)
    let lock: FileLock
    do { lock = try FileLock(path: part + ".lock") } catch { throw FileTransferError.inUse(file.name) }
    defer { withExtendedLifetime(lock) {} }
    let client = FileServerClient(account: account, device: try await store.deviceID(), anyHost: anyHost)
    let throttle = ProgressThrottle()
    _ = throttle.allows()
    try await client.download(
      url, name: file.name, size: file.size, until: file.until, part: part, limit: account.downloadLimit
    ) { [report] done, _ in
      if throttle.allows() { report(FileProgress(message, index, file, .downloading, done: done)) }
    }
    let incoming = IncomingFile(name: file.name, key: key, tag: file.tag, size: file.size)
    do {
      let path = try await incoming.finish(part: part, in: folder)
      transfers.removePart(row, index)
      return path
    } catch let error as FileTransferError {
      // What is not what was sent will not be so the next time either.
      switch error {
      case .notAuthentic, .otherSize: transfers.removePart(row, index)
      default: break
      }
      throw error
    }
  }
}

extension FileServerClient {
  /// - Parameter device: the GRUU, once there is one.
  init(account: AccountConfiguration, device: String?, anyHost: Bool = false) {
    self.init(
      url: account.fileServer, sender: device ?? account.address.description,
      account: .init(
        username: account.address.user ?? "", realm: account.digestRealm, password: account.password.reveal()),
      caFile: account.caFile,
      policy: DownloadPolicy(fileServer: account.fileServer, hosts: account.fileHosts, allowsAnyHost: anyHost))
  }
}
