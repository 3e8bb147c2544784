// LimeDriver.swift: our implementation, timed, by the commands of Tests/Peers/limebench.cpp
import CSodium
import ChatCore
import Foundation
import GRDB
import Lime

/// The same work as Tests/Peers/limebench.cpp, where the commands are described, on accounts' own stores: each change
/// is one durable commit, as `ChatClient` makes them.
struct LimeDriver {
  enum Failure: Error, CustomStringConvertible {
    case unknownCommand(String)
    case wordMissing(String)
    case noStore(String)
    case nothingFor(DeviceID)
    case noMessage(DeviceID)
    case system(String)

    var description: String {
      switch self {
      case .unknownCommand(let command): "unknown command \(command)"
      case .wordMissing(let command): "\(command): a word is missing"
      case .noStore(let name): "no store is called \(name)"
      case .nothingFor(let device): "nothing for \(device)"
      case .noMessage(let device): "no message waits for \(device)"
      case .system(let call): "\(call) failed: \(String(cString: strerror(errno)))"
      }
    }
  }

  private struct Message {
    let ratchet: Data
    let cipher: Data?
  }

  private static let recipientUser = "sip:room@sip.example.org"

  private var curve = Curve.c25519
  private var server = BenchmarkKeyServer()
  private var stores: [String: AccountStore] = [:]
  private var waiting: [DeviceID: [Message]] = [:]

  /// - Returns: milliseconds, or bytes for `memory` and `size`.
  mutating func run(_ command: String, _ words: [String]) throws -> Double {
    func word(_ index: Int) throws -> String {
      guard words.indices.contains(index) else { throw Failure.wordMissing(command) }
      return words[index]
    }
    func number(_ index: Int) throws -> Int {
      guard let number = Int(try word(index)) else { throw Failure.wordMissing(command) }
      return number
    }
    func device(_ index: Int) throws -> DeviceID { DeviceID(try word(index)) }

    switch command {
    case "curve":
      curve = try number(0) == 2 ? .c448 : .c25519
      return 0
    case "bundles":
      try server.prepare(file: word(0), curve: curve)
      return 0
    case "open":
      return try timed { stores[try word(0)] = try openStore(word(1)) }
    case "load":
      let account = LimeAccount(device: try device(2), curve: curve)
      return try timed {
        let store = try openStore(word(1))
        stores[try word(0)] = store
        _ = try store.database.writeWithoutTransaction { try account.identity($0) }
      }
    case "close":
      return try timed { try stores.removeValue(forKey: word(0))?.close() }
    case "create": return try create(store(word(0)), device(1), keys: number(2))
    case "encrypt":
      let prefix = try word(3)
      let devices = (0..<(try number(4))).map { DeviceID("\(prefix)\($0)") }
      return try encrypt(
        store(word(0)), from: device(1), plaintext: Data(repeating: 0x78, count: number(2)), to: devices)
    case "decrypt": return try decrypt(store(word(0)), device(1), sender: device(2))
    case "protect":
      return try timed { _ = try store(word(0)).setPassphrase(Passphrase(Array("passphrase".utf8))) }
    case "forget":
      waiting = [:]
      return 0
    case "dh": return try Floor.exchange(curve, count: number(0))
    case "gcm": return try Floor.encrypt(count: number(0))
    case "fsync": return try Floor.sync(word(0), count: number(1))
    case "memory": return try Floor.memory()
    case "size": return try size(word(0))
    default: throw Failure.unknownCommand(command)
    }
  }

  private func openStore(_ path: String) throws -> AccountStore {
    try AccountStore(directory: URL(fileURLWithPath: path))
  }

  private func store(_ name: String) throws -> AccountStore {
    guard let store = stores[name] else { throw Failure.noStore(name) }
    return store
  }

  /// Closing brings what is in the write-ahead log into the database.
  private func size(_ path: String) throws -> Double {
    let store = try openStore(path)
    let database = store.directory.appendingPathComponent("limeade.sqlite").path
    try store.close()
    let size = try FileManager.default.attributesOfItem(atPath: database)[.size] as? NSNumber
    return size?.doubleValue ?? 0
  }

  private mutating func create(_ store: AccountStore, _ device: DeviceID, keys: Int) throws -> Double {
    let account = LimeAccount(device: device, curve: curve, storageKey: store.storageKey)
    return try timed {
      let request = try store.database.write { try account.makeRegistration($0, oneTimeKeys: keys) }
      _ = try server.answer(request.body, from: device)
      try store.database.write { try account.registrationAccepted($0) }
    }
  }

  private mutating func encrypt(
    _ store: AccountStore, from sender: DeviceID, plaintext: Data, to devices: [DeviceID]
  ) throws -> Double {
    let account = LimeAccount(device: sender, curve: curve, storageKey: store.storageKey)
    var message: EncryptedMessage?
    let time = try timed {
      // As ChatClient does it: one connection, and one commit for new sessions and the message.
      let missing = try store.database.writeWithoutTransaction { try account.devicesWithoutSession($0, among: devices) }
      let bundles = try stride(from: 0, to: missing.count, by: KeyServerRequest.devicesPerRequest).flatMap { start in
        let part = Array(missing[start..<min(start + KeyServerRequest.devicesPerRequest, missing.count)])
        let answer = try server.answer(account.bundleRequest(for: part).body, from: sender)
        return try account.bundles(in: KeyServerAnswer(parsing: answer), for: part)
      }
      message = try store.database.write { db in
        for result in try account.startSessions(db, with: bundles).values { try result.get() }
        return try account.encrypt(
          db, plaintext: plaintext, recipientUser: Self.recipientUser, devices: devices, policy: .cipherMessage)
      }
    }
    guard let message, message.failures.isEmpty else {
      throw Failure.nothingFor(message?.failures.keys.first ?? sender)
    }
    for part in message.ratchetMessages {
      waiting[part.device, default: []].append(Message(ratchet: part.data, cipher: message.cipherMessage))
    }
    return time
  }

  private mutating func decrypt(_ store: AccountStore, _ device: DeviceID, sender: DeviceID) throws -> Double {
    guard let message = waiting[device]?.first else { throw Failure.noMessage(device) }
    waiting[device]?.removeFirst()
    let account = LimeAccount(device: device, curve: curve, storageKey: store.storageKey)
    return try timed {
      _ = try store.database.write { db in
        try account.decrypt(
          db, ratchetMessage: message.ratchet, cipherMessage: message.cipher, sender: sender,
          recipientUser: Self.recipientUser)
      }
    }
  }
}

/// Milliseconds that the work takes.
func timed(_ work: () throws -> Void) rethrows -> Double {
  let duration = try ContinuousClock().measure(work)
  return duration / .milliseconds(1)
}
