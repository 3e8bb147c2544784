// Uploads.swift: files are uploaded first, and then go out as a message that says where (GSMA RCC.07 §3.5.4.8)
import FileTransfer
import Foundation
import GRDB
import MessageFormats

@ChatActor final class Uploads {
  /// `failure` of a message whose uploads the user ended.
  nonisolated static let cancelled = "cancelled"
  /// Messages whose files are uploaded at the same time.
  private static let uploadsAtATime = 2
  private static let longestUploadPause: TimeInterval = 60

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let writer: MessageWriter
  private let outbox: Outbox
  /// By row of the message.
  private var uploads: [Int64: Task<Void, Never>] = [:]

  init(_ context: ChatContext, _ ownDevice: OwnDevice, _ writer: MessageWriter, _ outbox: Outbox) {
    (self.context, self.ownDevice, self.writer, self.outbox) = (context, ownDevice, writer, outbox)
  }

  // MARK: Sending

  /// Stores the message and copies of the files, encrypted in an encrypted room, and returns; events tell what becomes
  /// of them. The files may change or go after that.
  /// - Parameters:
  ///   - text: goes with the files; may be empty.
  ///   - paths: regular files, one at least.
  /// - Throws: `ChatError`, `FileTransferError`, `CancellationError`. Then nothing is sent.
  func send(
    _ text: String, files paths: [String], to address: String, _ options: MessageOptions
  ) async throws -> Message {
    if !text.isEmpty { try MessageWriter.checkSize(text) }
    guard (1...MessageContent.maximumFiles).contains(paths.count) else {
      throw ChatError.badInput("a message takes 1 to \(MessageContent.maximumFiles) files, not \(paths.count)")
    }
    guard context.account.fileServer != nil else { throw FileTransferError.noFileServer }
    guard let gruu = ownDevice.gruu else { throw ChatError.notConnected }
    guard let room = try await context.store.database.read({ try Room.fetchOne($0, key: address) }) else {
      throw ChatError.unknownRoom(address, known: [])
    }
    guard room.state != .left else {
      throw ChatError.notInRoom(try await context.store.database.read { try RoomQueries.name($0, of: room) })
    }
    try await writer.check(options, in: address)
    if let known = try await context.store.database.read({ try MessageWriter.written($0, options, in: address) }) {
      return known
    }
    let needsTrust = options.requireTrust || context.account.requiresTrust
    let files = try await copies(of: paths, encrypted: room.isEncrypted)
    let (own, now) = (context.account.address.description, Date().wholeSeconds)
    do {
      let message = try await context.store.database.write { db -> Message in
        let message = try MessageWriter.write(
          db, text, files: files, to: address, options, account: own, device: gruu, time: now)
        if let row = message.id {
          try PendingUpload(message: row, requiresTrust: needsTrust, waits: options.waits).insert(db)
        }
        return message
      }
      await wake()
      return message
    } catch {
      TransferFolder(context.store).remove(files)
      throw error
    }
  }

  private func copies(of paths: [String], encrypted: Bool) async throws -> [MessageFile] {
    let folder = TransferFolder(context.store)
    try folder.create()
    var files: [MessageFile] = []
    do {
      for path in paths {
        let copy = TransferFolder.newCopyName()
        let file = try await OutgoingFile.prepare(path, copy: folder.file(copy), encrypted: encrypted)
        files.append(MessageFile(file, path: URL(fileURLWithPath: path).path, copy: copy))
      }
    } catch {
      folder.remove(files)
      throw error
    }
    return files
  }

  // MARK: Uploading

  /// Takes up every upload that waits and is not under way.
  func wake() async {
    guard ownDevice.agent != nil,
      let waiting = try? await context.store.database.read({ try PendingUpload.order(sql: "message").fetchAll($0) })
    else { return }
    for upload in waiting where uploads[upload.message] == nil {
      guard uploads.count < Self.uploadsAtATime, ownDevice.agent != nil else { return }
      uploads[upload.message] = Task { [weak self] in await self?.run(upload) }
    }
  }

  private func run(_ upload: PendingUpload) async {
    var retries = 0
    while !Task.isCancelled {
      do {
        try await self.upload(upload)
        break
      } catch let error as FileTransferError where error.isTransient {
        retries += 1
        if retries == 1 || retries % 10 == 0 { await reportDelay(of: upload, error) }
        let pause = min(Self.longestUploadPause, FileServerClient.pause(beforeRetry: retries))
        try? await Task.sleep(for: .seconds(pause))
      } catch is CancellationError {
        break
      } catch {
        await giveUp(upload.message, context.describe(error), step: .failed)
        break
      }
    }
    uploads[upload.message] = nil
    // A stopped client has nothing more to do; a cancelled upload leaves its place to the next.
    await wake()
  }

  private func reportDelay(of upload: PendingUpload, _ error: FileTransferError) async {
    let message = try? await context.store.database.read { try Message.fetchOne($0, key: upload.message) }
    context.complain("not uploaded yet, will be tried again: ", of: error, in: message?.room)
  }

  /// Uploads what is missing, then hands the message to the outbox.
  private func upload(_ upload: PendingUpload) async throws {
    let row = upload.message
    guard let message = try await context.store.database.read({ try Message.fetchOne($0, key: row) }),
      !message.isRetracted
    else {
      // Nobody has the message, so there is nothing to send; its copies are removed at the next start.
      _ = try await context.store.database.write { try upload.delete($0) }
      return
    }
    let folder = TransferFolder(context.store)
    let client = FileServerClient(account: context.account, device: ownDevice.gruu?.description)
    for (index, file) in message.files.enumerated() where file.state == .waiting {
      guard let copy = file.copy, let outgoing = file.outgoing else { throw FileTransferError.cipher }
      guard FileManager.default.fileExists(atPath: folder.file(copy)) else {
        throw FileTransferError.cannotRead(folder.file(copy), reason: "the copy for the upload is gone")
      }
      let throttle = ProgressThrottle()
      _ = throttle.allows()
      let (hub, started) = (context.hub, FileProgress(message, index, file, .uploading, done: 0))
      context.hub.send(.file(started))
      let offer = try await client.upload(outgoing, copy: folder.file(copy)) { done in
        guard throttle.allows() else { return }
        var progress = started
        progress.done = done
        hub.send(.file(progress))
      }
      try Task.checkCancellation()
      let changed = try await context.store.database.write { db in
        try FileQueries.change(db, message: row, index: index) {
          ($0.url, $0.until, $0.state, $0.failure) = (offer.url, offer.until, .uploaded, nil)
        }
      }
      if let (message, file) = changed { context.hub.send(.file(FileProgress(message, index, file, .uploaded))) }
    }
    try await hand(upload, to: SIPURI(message.room))
    folder.remove(message.files)
    outbox.wake()
  }

  /// All files have an address: from now on it is a message like others.
  private func hand(_ upload: PendingUpload, to target: SIPURI?) async throws {
    guard let gruu = ownDevice.gruu, let target else { throw ChatError.notConnected }
    try await context.store.database.write { db in
      try upload.delete(db)
      guard var message = try Message.fetchOne(db, key: upload.message), message.state == .queued,
        !message.isRetracted, let room = try Room.fetchOne(db, key: message.room)
      else { return }
      guard !room.isEncrypted || message.files.allSatisfy(\.isEncrypted) else {
        throw ChatError.badInput("the room became encrypted after the file was prepared; send it again")
      }
      message.attachments = message.files.map { file in
        var file = file
        file.copy = nil
        return file
      }
      try message.update(db)
      try MessageWriter.enqueue(
        db, message, from: gruu, to: target, requiresTrust: upload.requiresTrust, waits: upload.waits)
    }
  }

  /// The message will not be sent.
  private func giveUp(_ row: Int64, _ reason: String, step: FileProgress.Step) async {
    let message = try? await context.store.database.write { db -> Message? in
      guard try PendingUpload.deleteOne(db, key: row), var message = try Message.fetchOne(db, key: row) else {
        return nil
      }
      message.state = .failed
      message.failure = reason
      message.attachments = message.files.map { file in
        var file = file
        if file.state == .waiting { (file.state, file.failure) = (.failed, reason) }
        return file
      }
      try message.update(db)
      return message
    }
    guard let message = message ?? nil else { return }
    TransferFolder(context.store).remove(message.files)
    for (index, file) in message.files.enumerated() where file.state == .failed {
      context.hub.send(.file(FileProgress(message, index, file, step)))
    }
    context.hub.send(.messageState(message))
  }

  // MARK: Ending

  /// Ends the message's uploads, so that it is not sent.
  /// - Returns: whether it waited for them.
  func cancel(_ row: Int64) async -> Bool {
    let isWaiting = (try? await context.store.database.read { try PendingUpload.exists($0, key: row) }) ?? false
    guard isWaiting else { return false }
    uploads[row]?.cancel()
    await giveUp(row, Self.cancelled, step: .cancelled)
    return true
  }

  /// Ends all with the connection. They are taken up at the next start.
  func stop() {
    for task in uploads.values { task.cancel() }
  }
}
