// ChatClient+Files.swift: files are uploaded first, and then go out as a message that says where (GSMA RCC.07 §3.5.4.8)
import FileTransfer
import Foundation
import GRDB
import MessageFormats

extension ChatClient {
  /// Sends the text and the files of a message to another room, with the name of its author.
  public func forward(_ messageID: String, from room: String, to target: String) async throws -> Message {
    guard let message = try await store.message(room: room, messageID: messageID)?.message else {
      throw ChatError.noMessage(messageID)
    }
    guard message.state != .undecryptable, !message.isRetracted, !message.preview.isEmpty else {
      throw ChatError.badInput("the message has nothing to forward")
    }
    guard message.lifetime == nil else {
      throw ChatError.badInput("the message deletes itself after reading: it is not forwarded")
    }
    // Whom a stranger's text is from nobody knows.
    let source = message.isStranger ? Self.unknownAuthor : message.forwardedFrom ?? message.sender
    let options = MessageOptions(forwardedFrom: source, waits: false)
    guard message.files.isEmpty else { return try await forward(message, to: target, options) }
    return try await send(message.text, to: target, options)
  }

  /// As Linphone names one that is not to be known.
  private nonisolated static let unknownAuthor = "Anonymous"

  /// Most files in one message.
  public nonisolated static let fileLimit = MessageContent.maximumFiles
  /// Messages whose files are uploaded at the same time.
  private nonisolated static let uploadsAtATime = 2
  private nonisolated static let longestUploadPause: TimeInterval = 60
  /// `failure` of a message whose uploads the user ended.
  public nonisolated static let cancelled = "cancelled"

  // MARK: Sending

  /// Stores the message and copies of the files, encrypted in an encrypted room, and returns; events tell what becomes
  /// of them. The files may change or go after that.
  /// - Parameters:
  ///   - text: goes with the files; may be empty.
  ///   - paths: regular files, one at least.
  /// - Throws: `ChatError`, `FileTransferError`, `CancellationError`. Then nothing is sent.
  public func send(
    _ text: String, files paths: [String], to address: String, _ options: MessageOptions = MessageOptions()
  ) async throws -> Message {
    if !text.isEmpty { try MessageWriter.checkSize(text) }
    guard (1...Self.fileLimit).contains(paths.count) else {
      throw ChatError.badInput("a message takes 1 to \(Self.fileLimit) files, not \(paths.count)")
    }
    guard account.fileServer != nil else { throw FileTransferError.noFileServer }
    guard let gruu = ownDevice.gruu else { throw ChatError.notConnected }
    guard let room = try await store.database.read({ try Room.fetchOne($0, key: address) }) else {
      throw ChatError.unknownRoom(address, known: [])
    }
    guard room.state != .left else { throw ChatError.notInRoom(room.subject) }
    try await writer.check(options, in: address)
    if let known = try await store.database.read({ try MessageWriter.written($0, options, in: address) }) {
      return known
    }
    let needsTrust = options.requireTrust || account.requiresTrust
    let files = try await copies(of: paths, encrypted: room.isEncrypted)
    let (account, now) = (account.address.description, Date().wholeSeconds)
    do {
      let message = try await store.database.write { db -> Message in
        let message = try MessageWriter.write(
          db, text, files: files, to: address, options, account: account, device: gruu, time: now)
        if let row = message.id {
          try PendingUpload(message: row, requiresTrust: needsTrust, waits: options.waits).insert(db)
        }
        return message
      }
      await wakeUploads()
      return message
    } catch {
      TransferFolder(store).remove(files)
      throw error
    }
  }

  private func copies(of paths: [String], encrypted: Bool) async throws -> [MessageFile] {
    let folder = TransferFolder(store)
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
  func wakeUploads() async {
    guard ownDevice.agent != nil,
      let waiting = try? await store.database.read({ try PendingUpload.order(sql: "message").fetchAll($0) })
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
        await giveUp(upload.message, describe(error), step: .failed)
        break
      }
    }
    uploads[upload.message] = nil
    // A stopped client has nothing more to do; a cancelled upload leaves its place to the next.
    await wakeUploads()
  }

  private func reportDelay(of upload: PendingUpload, _ error: FileTransferError) async {
    let message = try? await store.database.read { try Message.fetchOne($0, key: upload.message) }
    hub.send(.error(room: message?.room, text: "not uploaded yet, will be tried again: \(error)"))
  }

  /// Uploads what is missing, then hands the message to the outbox.
  private func upload(_ upload: PendingUpload) async throws {
    let row = upload.message
    guard let message = try await store.database.read({ try Message.fetchOne($0, key: row) }), !message.isRetracted
    else {
      // Nobody has the message, so there is nothing to send; its copies are removed at the next start.
      _ = try await store.database.write { try upload.delete($0) }
      return
    }
    let folder = TransferFolder(store)
    let client = FileServerClient(account: account, device: device)
    for (index, file) in message.files.enumerated() where file.state == .waiting {
      guard let copy = file.copy, let outgoing = file.outgoing else { throw FileTransferError.cipher }
      guard FileManager.default.fileExists(atPath: folder.file(copy)) else {
        throw FileTransferError.cannotRead(folder.file(copy), reason: "the copy for the upload is gone")
      }
      let throttle = ProgressThrottle()
      _ = throttle.allows()
      let (hub, started) = (hub, FileProgress(message, index, file, .uploading, done: 0))
      hub.send(.file(started))
      let offer = try await client.upload(outgoing, copy: folder.file(copy)) { done in
        guard throttle.allows() else { return }
        var progress = started
        progress.done = done
        hub.send(.file(progress))
      }
      try Task.checkCancellation()
      let changed = try await store.database.write { db in
        try FileQueries.change(db, message: row, index: index) {
          ($0.url, $0.until, $0.state, $0.failure) = (offer.url, offer.until, .uploaded, nil)
        }
      }
      if let (message, file) = changed { hub.send(.file(FileProgress(message, index, file, .uploaded))) }
    }
    try await hand(upload, to: SIPURI(message.room))
    folder.remove(message.files)
    outbox.wake()
  }

  /// All files have an address: from now on it is a message like others.
  private func hand(_ upload: PendingUpload, to target: SIPURI?) async throws {
    guard let gruu = ownDevice.gruu, let target else { throw ChatError.notConnected }
    try await store.database.write { db in
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

  /// The files of a message, which are on a server already, once more in another room.
  func forward(_ message: Message, to address: String, _ options: MessageOptions) async throws -> Message {
    guard let gruu = ownDevice.gruu, let target = SIPURI(address) else { throw ChatError.notConnected }
    if !options.waits { try await recipients.checkAdmission(in: address) }
    guard message.files.allSatisfy(\.isOffered) else {
      throw ChatError.badInput("the message's files are not on the file server yet")
    }
    let isEncrypted = try await store.database.read { try Room.find($0, address)?.isEncrypted ?? false }
    if isEncrypted, let file = message.files.first(where: { !$0.isEncrypted }) {
      throw ChatError.badInput(
        "\(file.name) is not encrypted on the file server, and the room is: save it, and send it as a new file")
    }
    let files = message.files.map { file in
      var file = file
      (file.state, file.path, file.copy, file.failure) = (.uploaded, nil, nil, nil)
      return file
    }
    let (account, now) = (account.address.description, Date().wholeSeconds)
    let needsTrust = options.requireTrust || self.account.requiresTrust
    let sent = try await store.database.write { db -> Message in
      let sent = try MessageWriter.write(
        db, message.text, files: files, to: address, options, account: account, device: gruu, time: now)
      try MessageWriter.enqueue(db, sent, from: gruu, to: target, requiresTrust: needsTrust, waits: options.waits)
      return sent
    }
    outbox.wake()
    return sent
  }

  /// Sends a message that failed once more, as a new one: its text and files, what it answers, how long it lives.
  /// - Throws: `ChatError`, `FileTransferError` when a file is neither where it was nor on the server.
  public func resend(_ message: Message) async throws -> Message {
    guard message.isOutgoing, message.state == .failed else {
      throw ChatError.badInput("only a message of your own that failed is sent once more")
    }
    let options = MessageOptions(
      replyTo: message.replyTo, forwardedFrom: message.forwardedFrom, lifetime: message.lifetime)
    if message.files.isEmpty { return try await send(message.text, to: message.room, options) }
    if message.files.allSatisfy({ $0.isOffered && !$0.isExpired }) {
      return try await forward(message, to: message.room, options)
    }
    let paths = message.files.compactMap(\.path)
    guard paths.count == message.files.count else {
      throw ChatError.badInput("not all files of the message are on this machine: send them anew")
    }
    return try await send(message.text, files: paths, to: message.room, options)
  }

  /// The message will not be sent.
  private func giveUp(_ row: Int64, _ reason: String, step: FileProgress.Step) async {
    let message = try? await store.database.write { db -> Message? in
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
    TransferFolder(store).remove(message.files)
    for (index, file) in message.files.enumerated() where file.state == .failed {
      hub.send(.file(FileProgress(message, index, file, step)))
    }
    hub.send(.messageState(message))
  }

  // MARK: Receiving

  /// Fetches a file of a message in the background; events tell how far it is.
  /// - Parameters:
  ///   - folder: made if absent.
  ///   - unencrypted: also a file without a key in an encrypted room.
  public func save(_ message: Message, _ index: Int, in folder: String, unencrypted: Bool = false) {
    guard let row = message.id else { return }
    let key = FilePlace(message: row, index: index)
    guard downloads[key] == nil else { return }
    let hub = hub
    if message.files.indices.contains(index) {
      hub.send(.file(FileProgress(message, index, message.files[index], .downloading, done: 0)))
    }
    let saver = FileSaver(account: account, store: store) { hub.send(.file($0)) }
    downloads[key] = Task { [weak self] in
      // What went wrong is told by the saver.
      _ = try? await saver.save(message, index, in: folder, unencrypted: unencrypted)
      self?.ended(key)
    }
  }

  private func ended(_ key: FilePlace) { downloads[key] = nil }

  /// Tells of each file of a message that came, right after it.
  func offer(_ message: Message) {
    for (index, file) in message.files.enumerated() { hub.send(.file(FileProgress(message, index, file, .offered))) }
  }

  // MARK: Cancelling

  /// Ends the message's uploads, so that it is not sent, and its downloads, whose bytes are kept.
  /// - Returns: whether there was something to end.
  @discardableResult
  public func cancelTransfers(of message: Message) async -> Bool {
    guard let row = message.id else { return false }
    var found = false
    for (key, task) in downloads where key.message == row {
      task.cancel()
      // When it has ended, another one can begin.
      await task.value
      found = true
    }
    let isWaiting = (try? await store.database.read { try PendingUpload.exists($0, key: row) }) ?? false
    guard isWaiting else { return found }
    uploads[row]?.cancel()
    await giveUp(row, Self.cancelled, step: .cancelled)
    return true
  }

  /// Ends all transfers with the connection. Uploads are taken up at the next start.
  func stopTransfers() {
    for task in Array(uploads.values) + Array(downloads.values) { task.cancel() }
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
struct FilePlace: Hashable {
  var message: Int64
  var index: Int
}
