// FileTests.swift: files between limeade and Debian's Linphone client, in encrypted and in plain rooms.
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct Files {
  private static let content = Data((0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 17 >> 3) })

  @Test(arguments: ServiceKind.usual.flatMap { kind in [(kind, true), (kind, false)] })
  func filesGoBothWaysAndArriveAsTheyWere(on kind: ServiceKind, encrypted: Bool) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol)
      let (room, _, atCarol) = try await scene.room(named: "Files", encrypted: encrypted)
      let address = room.room.address
      let folder = try TemporaryFolder()
      let (photo, note) = (folder.file("my photo.bin"), folder.file("note.txt"))
      try Self.content.write(to: photo)
      try Data("a note\n".utf8).write(to: note)

      // limeade -> Linphone and limeade
      let sent = try await alice.client.send("", files: [photo.path], to: address)
      let offer = try await carol.process.event("file-offer", ["name": "my photo.bin"])
      #expect(offer["size"] == "400000")
      let saved = try await carol.process.event("file-saved")
      #expect(try Data(contentsOf: URL(fileURLWithPath: try #require(saved["path"]))) == Self.content)
      try await alice.delivery(of: sent.messageID, by: scene.aor("carol"))
      let atBob = try await bob.fileMessage("my photo.bin")
      #expect(atBob.files.map(\.isEncrypted) == [encrypted])
      await bob.client.save(atBob, 0, in: folder.file("bob").path)
      #expect(try await bob.savedFile("my photo.bin") == Self.content)

      // Several files and a text in one message
      let several = try await alice.client.send("look: 日本語", files: [note.path, photo.path], to: address)
      try await carol.process.event("file-saved", ["id": several.messageID])
      try await carol.process.event("message", ["id": several.messageID, "text": "look: 日本語"])
      let second = try await carol.process.event("file-offer", ["name": "note.txt"])
      #expect(second["size"] == "7")

      // Linphone -> limeade
      let drawing = folder.file("drawing.bin")
      try Data(Self.content.reversed()).write(to: drawing)
      try carol.process.send("file \(atCarol) \(drawing.path)")
      let fromCarol = try await alice.fileMessage("drawing.bin")
      #expect(fromCarol.files.map(\.isEncrypted) == [encrypted])
      #expect(fromCarol.files.first?.size == 400_000)
      await alice.client.save(fromCarol, 0, in: folder.file("alice").path)
      #expect(try await alice.savedFile("drawing.bin") == Data(Self.content.reversed()))

      try carol.process.send("files \(atCarol) \(note.path)|\(photo.path)|both of them")
      let both = try await alice.message("both of them", within: 60)
      #expect(Set(both.files.map(\.name)) == ["note.txt", "my photo.bin"])
      for index in both.files.indices { await alice.client.save(both, index, in: folder.file("both").path) }
      #expect(try await alice.savedFile("note.txt") == Data("a note\n".utf8))
      #expect(try await alice.savedFile("my photo.bin") == Self.content)
    }
  }
}

extension ChatAccount {
  /// The message of another that offers this file.
  func fileMessage(_ name: String) async throws -> Message {
    try await event("file '\(name)'", within: 60) { event in
      if case .message(let message) = event, message.files.contains(where: { $0.name == name }) { return message }
      return nil
    }
  }

  /// What is in the file, once it is saved.
  func savedFile(_ name: String) async throws -> Data {
    let path = try await event("saved '\(name)'", within: 60) { event -> String?? in
      guard case .file(let progress) = event, progress.file.name == name else { return nil }
      return switch progress.step {
      case .saved: .some(progress.file.path)
      case .failed, .cancelled: .some(nil)
      default: nil
      }
    }
    guard let path else {
      throw TestFailure("\(name) was not saved: \(events.map(\.jsonLine).joined(separator: "\n"))")
    }
    return try Data(contentsOf: URL(fileURLWithPath: path))
  }
}
