// LimeTargets.swift: decryption, and starting sessions with what a key server says
import Foundation
import GRDB
import Lime

/// An input is a list of changes to something genuine: random bytes alone would never get past the first tag.
private struct Edits {
  static let length = 4
  private var rest: Data.SubSequence

  init(_ data: Data) { rest = data[...] }

  /// The next change: what it does, where (of 65536), and a value.
  mutating func next() -> (kind: UInt8, place: Int, value: UInt8)? {
    guard rest.count >= Self.length else { return nil }
    let bytes = Array(rest.prefix(Self.length))
    rest = rest.dropFirst(Self.length)
    return (bytes[0], Int(bytes[1]) << 8 | Int(bytes[2]), bytes[3])
  }
}

extension Data {
  /// Changes one byte, cuts, repeats a piece or inserts a byte.
  fileprivate mutating func apply(kind: UInt8, place: Int, value: UInt8) {
    guard !isEmpty else { return append(value) }
    let index = startIndex + place % count
    switch kind % 6 {
    case 0: self[index] ^= value
    case 1: self[index] = value
    case 2: self = Data(self[..<index])
    case 3: insert(value, at: index)
    case 4: self = Data(self[..<index]) + Data(self[index...].dropFirst(Int(value)))
    default: append(contentsOf: self[index...].prefix(Int(value)))
    }
  }
}

extension FuzzTarget {
  private static let scenes = Result { try Curve.allCases.map { try LimeScene($0) } }

  /// Inputs: which message, then changes to its parts.
  static let lime: [FuzzTarget] = [
    FuzzTarget("lime-decrypt", seeds: decryptSeeds, cost: 100) { data in
      let scenes = try scenes.get()
      let selector = Int(data.first ?? 0)
      let scene = scenes[selector % scenes.count]
      let genuine = scene.letters[selector / scenes.count % scene.letters.count]
      var letter = genuine
      var edits = Edits(data.dropFirst())
      while let edit = edits.next() {
        switch edit.kind >> 4 {
        case 0: letter.cipher = nil
        case 1: letter.recipientUser += String(edit.value)
        case 2: letter.sender = scene.letters[edit.place % scene.letters.count].sender
        case 3: letter.ratchet = scene.letters[edit.place % scene.letters.count].ratchet
        case 4: letter.cipher = scene.letters[edit.place % scene.letters.count].cipher
        case 5, 6: letter.cipher?.apply(kind: edit.kind & 15, place: edit.place, value: edit.value)
        case 7: letter.ratchet = Data()
        default: letter.ratchet.apply(kind: edit.kind & 15, place: edit.place, value: edit.value)
        }
      }
      return try opensOnlyWhatIsGenuine(letter, scene)
    },
    // Whoever asks gets a session only with the identity and the signed prekey that the device signed.
    FuzzTarget("lime-bundles", seeds: { [Data([0]), Data([1])] }, cost: 100) { data in
      let scenes = try scenes.get()
      let scene = scenes[Int(data.first ?? 0) % scenes.count]
      var answer = KeyServerAnswer(curve: scene.bob.account.curve, content: .bundles([scene.bundle])).serialized
      var edits = Edits(data.dropFirst())
      while let edit = edits.next() { answer.apply(kind: edit.kind, place: edit.place, value: edit.value) }
      let carol = try LimeScene.Device("carol", scene.bob.account.curve)
      _ = try carol.publish()
      return try startsOnlyWhatIsSigned(try KeyServerAnswer(parsing: answer), carol, scene)
    },
  ]

  private static func decryptSeeds() throws -> [Data] {
    let messages = try scenes.get().reduce(0) { $0 + $1.letters.count }
    return (0..<messages).map { Data([UInt8($0)]) }
  }

  /// A letter is opened if it is one of those sent, and else leaves the database as it was.
  private static func opensOnlyWhatIsGenuine(_ letter: LimeScene.Letter, _ scene: LimeScene) throws -> Bool {
    var outcome: Result<Bool, any Error> = .success(false)
    try scene.bob.queue.inTransaction { db in
      let changes = db.totalChangesCount
      do {
        let text = try scene.bob.decrypt(db, letter)
        outcome = .success(text == Data(LimeScene.text.utf8) && scene.letters.contains { letter.says($0) })
      } catch let error as LimeError {
        let isUnchanged = try db.totalChangesCount == changes || LimeScene.Device.rows(db) == scene.rows
        outcome = isUnchanged ? .failure(error) : .success(false)
      }
      return .rollback
    }
    return try outcome.get()
  }

  private static func startsOnlyWhatIsSigned(
    _ answer: KeyServerAnswer, _ carol: LimeScene.Device, _ scene: LimeScene
  ) throws -> Bool {
    let before = try carol.queue.read { try LimeScene.Device.rows($0) }
    let bob = scene.bundle.device
    do {
      let results = try carol.queue.write { try carol.account.startSessions($0, with: answer, for: [bob]) }
      guard results.count == 1, let result = results[bob] else { return false }
      try result.get()
    } catch let error as LimeError {
      guard try carol.queue.read({ try LimeScene.Device.rows($0) }) == before else { return false }
      throw error
    } catch let error as KeyServerMessageError {
      guard try carol.queue.read({ try LimeScene.Device.rows($0) }) == before else { return false }
      throw error
    }
    guard case .bundles(let bundles) = answer.content, let keys = bundles.first?.keys, let known = scene.bundle.keys
    else { return false }
    return keys.identity == known.identity && keys.signedPrekey.publicKey == known.signedPrekey.publicKey
  }
}
