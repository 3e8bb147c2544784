// FileOutboxTests.swift: files that wait for their server: across restarts, once, or not at all.
import ChatCore
import FileTransfer
import Foundation
import HostilePeer
import Lab
import MessageFormats
import TestSupport
import Testing

@Suite(.serialized) struct FileOutbox {
  private static let content = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 11 >> 2) })

  /// Alice again, on her folder, with another file server.
  private static func alice(_ scene: Scene, fileServer: URL?) async throws -> ChatAccount {
    try await again(scene.alice, scene, fileServer: fileServer)
  }

  private static func again(_ before: ChatAccount, _ scene: Scene, fileServer: URL?) async throws -> ChatAccount {
    let account = try ChatAccount(
      user: before.configuration.name, domain: ChatService.domain, proxy: #require(SIPURI(scene.service.proxy)),
      factory: #require(SIPURI(scene.service.factory)), keyServer: scene.service.keyServer, fileServer: fileServer,
      folder: before.folder)
    try await account.start()
    return account
  }

  private static func transfers(_ account: ChatAccount) -> [String] {
    let path = account.folder.file("transfers").path
    return (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  }

  @Test func aFileWaitsForItsServerOverARestartAndIsSentOnce() async throws {
    try await Scene.play(.lab) { scene in
      let room = try await scene.room(named: "Later").room.room.address
      // Alice's first client lets go of her folder.
      try await scene.alice.yieldFolder()
      let refusing = try LoopbackSocket.refusing()
      let away = try await Self.alice(scene, fileServer: URL(string: "http://127.0.0.1:\(refusing.port)/hft"))
      let folder = try TemporaryFolder()
      let path = folder.file("late.bin")
      try Self.content.write(to: path)
      let sent = try await away.client.send("at last", files: [path.path], to: room)
      #expect(sent.state == .queued && sent.files.first?.state == .waiting)
      try await away.event("delay", within: 60) { event in
        if case .error(_, let text, _) = event, text.contains("tried again") { return true }
        return nil
      }
      // What is written meanwhile does not wait for it.
      _ = try await away.client.send("meanwhile", to: room)
      _ = try await scene.bob.message("meanwhile", within: 60)
      #expect(Self.transfers(away).count == 1)
      try FileManager.default.removeItem(at: path)
      try await away.yieldFolder()

      let back = try await Self.alice(scene, fileServer: scene.service.fileServer)
      let atBob = try await scene.bob.message("at last", within: 60)
      #expect(atBob.messageID == sent.messageID)
      await scene.bob.client.save(atBob, 0, in: folder.file("bob").path)
      #expect(try await scene.bob.savedFile("late.bin") == Self.content)
      try await back.delivery(of: sent.messageID, by: scene.bob.address, within: 60)
      #expect(Self.transfers(back).isEmpty)
      let texts = try await scene.bob.client.store.history(room: room).map(\.message.text)
      #expect(texts.sorted() == ["at last", "meanwhile"])
      await back.stop()
    }
  }

  @Test func aCancelledFileIsNotSentAndLeavesNothing() async throws {
    try await Scene.play(.lab) { scene in
      let room = try await scene.room(named: "Never").room.room.address
      try await scene.alice.yieldFolder()
      let refusing = try LoopbackSocket.refusing()
      let alice = try await Self.alice(scene, fileServer: URL(string: "http://127.0.0.1:\(refusing.port)/hft"))
      let folder = try TemporaryFolder()
      try Self.content.write(to: folder.file("a.bin"))
      let sent = try await alice.client.send("", files: [folder.file("a.bin").path], to: room)
      #expect(await alice.client.cancelTransfers(of: sent))
      #expect(await !alice.client.cancelTransfers(of: sent))
      try await alice.event("failed message", within: 60) { event in
        if case .messageState(let message) = event, message.state == .failed { return message.failure }
        return nil
      }
      #expect(Self.transfers(alice).isEmpty)
      let stored = try #require(try await alice.client.store.message(room: room, messageID: sent.messageID))
      #expect(stored.message.state == .failed && stored.message.files.map(\.state) == [.failed])
      await #expect(throws: FileTransferError.notAFile(folder.url.path)) {
        try await alice.client.send("", files: [folder.file("a.bin").path, folder.url.path], to: room)
      }
      #expect(Self.transfers(alice).isEmpty)
      await alice.stop()
    }
  }

  @Test func anUploadCancelledInTheMiddleIsNotSentAndIsSentOnceMore() async throws {
    try await Scene.play(.lab) { scene in
      let room = try await scene.room(named: "Middle").room.room.address
      try await scene.alice.yieldFolder()
      let server = try #require(scene.service.fileServer)
      let proxy = try FaultProxy(to: #require(server.port), .limited(Self.long.count / 2))
      defer { proxy.stop() }
      let alice = try await Self.alice(scene, fileServer: URL(string: "http://127.0.0.1:\(proxy.port)\(server.path)"))
      let folder = try TemporaryFolder()
      try Self.long.write(to: folder.file("long.bin"))
      let question = try await alice.client.send("which file?", to: room)
      _ = try await scene.bob.message("which file?", within: 60)
      let sent = try await alice.client.send(
        "this", files: [folder.file("long.bin").path], to: room, MessageOptions(replyTo: question.messageID))
      try await Self.wait("half of the file") { proxy.bytesToServers > Self.long.count / 2 }
      #expect(await alice.client.cancelTransfers(of: sent))
      let failed = try await alice.event("failed message", within: 60) { event -> Message? in
        if case .messageState(let message) = event, message.state == .failed { return message }
        return nil
      }
      #expect(failed.failure == ChatClient.cancelled)
      try await Self.wait("removal of the copy") { Self.transfers(alice).isEmpty }

      proxy.set(.forward)
      let again = try await alice.client.resend(failed)
      #expect(again.messageID != sent.messageID && again.replyTo == question.messageID)
      let atBob = try await scene.bob.message("this", within: 60)
      #expect(atBob.messageID == again.messageID && atBob.replyTo == question.messageID)
      await scene.bob.client.save(atBob, 0, in: folder.file("bob").path)
      #expect(try await scene.bob.savedFile("long.bin") == Self.long)
      await #expect(throws: ChatError.self) { try await alice.client.resend(again) }
      let texts = try await scene.bob.client.store.history(HistoryRequest(room: room)).map(\.message.text)
      #expect(texts == ["which file?", "this"])
      // Bob finds it by the name of the file.
      let found = try await scene.bob.client.store.history(HistoryRequest(search: "LONG"))
      #expect(found.map(\.message.messageID) == [again.messageID])
      await alice.stop()
    }
  }

  @Test func aDownloadCancelledInTheMiddleGoesOnWhereItEnded() async throws {
    try await Scene.play(.lab) { scene in
      let room = try await scene.room(named: "Half").room.room.address
      let folder = try TemporaryFolder()
      try Self.long.write(to: folder.file("long.bin"))
      _ = try await scene.alice.client.send("", files: [folder.file("long.bin").path], to: room)
      let message = try await scene.bob.fileMessage("long.bin")
      let row = try #require(message.id)
      let port = try #require(scene.service.fileServer?.port)
      let proxy = try FaultProxy(to: port, .limited(Self.long.count / 2))
      defer { proxy.stop() }
      // For Bob's next client the file server is at the proxy; the server's links name its own port.
      try await scene.bob.yieldFolder()
      let bob = try await Self.again(
        scene.bob, scene, fileServer: URL(string: "http://127.0.0.1:\(proxy.port)/hft"))
      try await bob.client.store.database.write { db in
        try db.execute(
          sql: "UPDATE message SET attachments = replace(attachments, ?, ?) WHERE id = ?",
          arguments: [":\(port)", ":\(proxy.port)", row])
      }
      let throughProxy = try #require(try await bob.client.store.message(number: row)?.message)
      await bob.client.save(throughProxy, 0, in: folder.file("bob").path)
      try await Self.wait("half of the file") { proxy.bytesToClients > Self.long.count / 2 }
      let part = bob.folder.file("transfers").appendingPathComponent("\(row)-0.part")
      try await Self.wait("a part of the file") { Self.size(part) > 0 }
      #expect(await bob.client.cancelTransfers(of: throughProxy))
      let kept = Self.size(part)
      #expect(kept > 0 && kept < Self.long.count)
      let before = proxy.bytesToClients
      proxy.set(.forward)
      await bob.client.save(throughProxy, 0, in: folder.file("bob").path)
      let path = try await bob.event("saved file", within: 60) { event -> String? in
        if case .file(let progress) = event, progress.step == .saved { return progress.file.path }
        return nil
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Self.long)
      #expect(proxy.bytesToClients - before < Self.long.count)
      await bob.stop()
    }
  }

  private static let long = Data((0..<4_000_000).map { UInt8(truncatingIfNeeded: $0 &* 13 >> 3) })

  private static func size(_ file: URL) -> Int {
    (try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int) ?? 0
  }

  private static func wait(_ what: String, until isThere: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while !isThere() {
      guard ContinuousClock.now < deadline else { throw TestFailure("not within 60 s: \(what)") }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test func aForwardedFileIsTheSameAndARetractedOneIsGone() async throws {
    try await Scene.play(.lab) { scene in
      let room = try await scene.room(named: "First").room.room.address
      let second = try await scene.alice.client.createRoom(named: "Second", members: [scene.address("bob")])
      let folder = try TemporaryFolder()
      try Self.content.write(to: folder.file("a.bin"))
      let sent = try await scene.alice.client.send("look", files: [folder.file("a.bin").path], to: room)
      let first = try await scene.bob.message("look", within: 60)
      let forwarded = try await scene.alice.client.forward(sent.messageID, from: room, to: second.room.address)
      let copy = try await scene.bob.event("forwarded message", within: 60) { event -> Message? in
        if case .message(let message) = event, message.messageID == forwarded.messageID { return message }
        return nil
      }
      #expect(copy.text == "look" && copy.forwardedFrom == scene.alice.address && copy.files == first.files)
      await scene.bob.client.save(copy, 0, in: folder.file("bob").path)
      #expect(try await scene.bob.savedFile("a.bin") == Self.content)

      _ = try await scene.alice.client.retract(sent.messageID, in: room)
      try await scene.bob.event("retraction", within: 60) { event in
        if case .change(let change) = event, change.messageID == sent.messageID { return true }
        return nil
      }
      let left = try #require(try await scene.bob.client.store.message(room: room, messageID: sent.messageID))
      #expect(left.message.isRetracted && left.message.files.isEmpty)
    }
  }

  @Test func aFileOfAnotherHostIsNotFetchedAndAChangedOneNotKept() async throws {
    try await Scene.play(.lab) { scene in
      let room = try await scene.room(named: "Doubt").room.room.address
      let folder = try TemporaryFolder()
      try Self.content.write(to: folder.file("a.bin"))
      _ = try await scene.alice.client.send("", files: [folder.file("a.bin").path], to: room)
      let message = try await scene.bob.fileMessage("a.bin")
      let inbox = folder.file("inbox").path

      var elsewhere = scene.bob.configuration
      elsewhere.fileServer = URL(string: "http://files.example.org/")
      let stranger = FileSaver(account: elsewhere, store: scene.bob.client.store)
      let port = try #require(scene.bob.configuration.fileServer?.port)
      await #expect(throws: FileTransferError.otherHost("127.0.0.1:\(port)", known: ["files.example.org"])) {
        try await stranger.save(message, 0, in: inbox)
      }
      let path = try await stranger.save(message, 0, in: inbox, anyHost: true)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Self.content)

      // The whole download is there already, with one bit of it changed.
      let row = try #require(message.id)
      let transfers = scene.bob.folder.file("transfers")
      try Data(count: Self.content.count).write(to: transfers.appendingPathComponent("\(row)-0.part"))
      let saver = FileSaver(account: scene.bob.configuration, store: scene.bob.client.store)
      await #expect(throws: FileTransferError.notAuthentic(name: "a.bin")) {
        try await saver.save(message, 0, in: inbox)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: inbox) == ["a.bin"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: transfers.path).isEmpty)
      let again = try await saver.save(message, 0, in: inbox)
      #expect(again.hasSuffix("a (1).bin"))
    }
  }

  /// Whoever runs the server could give another file than the one that was sent.
  @Test func aFileWithoutKeyInAnEncryptedRoomIsSavedOnlyWhenAskedFor() async throws {
    let lab = Lab(.example)
    let addresses = try await lab.start()
    let carol = try HostilePeer("carol", sip: addresses.sip)
    let alice = try ChatAccount(
      user: "alice", domain: addresses.domain, proxy: #require(SIPURI(addresses.sip)),
      factory: #require(SIPURI(addresses.factory)), keyServer: addresses.keyServer, fileServer: addresses.fileServer)
    try await carol.start()
    let lime = try await carol.limeDevice(at: addresses)
    try await alice.start()
    let members = [SIPURI(user: "carol", host: addresses.domain)]
    let room = try await alice.client.createRoom(named: "Secret", members: members).room.address
    try await alice.stored(room, "both devices", within: 20) { $0.deviceCount == 2 }

    let folder = try TemporaryFolder()
    try Self.content.write(to: folder.file("a.bin"))
    let server = try #require(addresses.fileServer)
    let uploaded = try await CommandRun(
      URL(fileURLWithPath: "/usr/bin/curl"),
      [
        "-sS", "--noproxy", "*", "--digest", "-u", "carol:carol", "-F", "File=@\(folder.file("a.bin").path)",
        server.absoluteString,
      ], within: 20)
    var cpim = CPIMMessage.text(uploaded.output, from: carol.device, to: room)
    cpim.contentType = .fileTransfer
    let device = try #require(await alice.client.device)
    try await carol.send(cpim, as: lime, to: [device], room: room)

    let message = try await alice.fileMessage("a.bin")
    #expect(message.isEncrypted && message.files.map(\.isEncrypted) == [false])
    var configuration = alice.configuration
    configuration.downloadsAutomatically = true
    #expect(!configuration.fetchesByItself(message.files[0], of: message))
    let saver = FileSaver(account: alice.configuration, store: alice.client.store)
    let inbox = folder.file("inbox").path
    await #expect(throws: FileTransferError.noKey(name: "a.bin")) { try await saver.save(message, 0, in: inbox) }
    #expect(!FileManager.default.fileExists(atPath: inbox))
    // Nor is it passed on as if it were.
    await #expect(throws: ChatError.self) {
      try await alice.client.forward(message.messageID, from: room, to: room)
    }
    let path = try await saver.save(message, 0, in: inbox, unencrypted: true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Self.content)
    await alice.stop()
    await carol.stop()
    await lab.stop()
  }
}

extension ChatAccount {
  /// Stops, and lets another client have the folder.
  func yieldFolder() async throws {
    await stop()
    try await release()
  }
}
