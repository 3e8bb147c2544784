// BenchmarkKeyServer.swift: a key server in memory, with bundles prepared for both implementations
import Foundation
import GRDB
import Lime

/// Hands out prepared bundles any number of times, and each one-time key of a registered device once.
struct BenchmarkKeyServer {
  private struct Registered {
    var identity: IdentityKey
    var signedPrekey: SignedPrekey
    var oneTimeKeys: [OneTimeKey]
  }

  private var prepared: [DeviceID: KeyBundle] = [:]
  private var registered: [DeviceID: Registered] = [:]

  mutating func answer(_ body: Data, from sender: DeviceID) throws -> Data {
    let request = try KeyServerRequest(parsing: body)
    switch request.content {
    case .register(let identity, let signedPrekey, let oneTimeKeys):
      registered[sender] = Registered(identity: identity, signedPrekey: signedPrekey, oneTimeKeys: oneTimeKeys)
      return KeyServerAnswer(curve: request.curve, content: .acknowledged(.registered)).serialized
    case .getBundles(let devices):
      let bundles = devices.map { bundle(of: $0) }
      return KeyServerAnswer(curve: request.curve, content: .bundles(bundles)).serialized
    default:
      return KeyServerAnswer(curve: request.curve, content: .error(.badRequest, text: "")).serialized
    }
  }

  private mutating func bundle(of device: DeviceID) -> KeyBundle {
    if let bundle = prepared[device] { return bundle }
    guard var keys = registered[device] else { return KeyBundle(device: device, keys: nil) }
    let oneTimeKey = keys.oneTimeKeys.isEmpty ? nil : keys.oneTimeKeys.removeFirst()
    registered[device] = keys
    return KeyBundle(
      device: device,
      keys: KeyBundle.Keys(identity: keys.identity, signedPrekey: keys.signedPrekey, oneTimeKey: oneTimeKey))
  }

  /// Reads a file of `writeBundles`.
  mutating func prepare(file path: String, curve: Curve) throws {
    for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      let device = DeviceID(words[0])
      let id = Data(device.string.utf8)
      let header = Data([1, 6, curve.rawValue, 0, 1, UInt8(id.count >> 8), UInt8(id.count & 0xFF)])
      let answer = try KeyServerAnswer(parsing: header + id + Self.bytes(hex: words[1]))
      prepared[device] = try answer.bundles(for: [device], curve: curve).first
    }
  }

  /// Makes the keys of devices `prefix`0, `prefix`1, … and writes the lines "DEVICE HEX", HEX being what follows the
  /// device id in the device's entry of a bundles answer.
  static func writeBundles(to file: URL, curve: Curve, prefix: String, count: Int) throws {
    let database = try DatabaseQueue()
    var migrator = DatabaseMigrator()
    LimeAccount.registerMigrations(&migrator)
    try migrator.migrate(database)
    let lines = try database.write { db in
      try (0..<count).map { number in
        let device = DeviceID("\(prefix)\(number)")
        let request = try LimeAccount(device: device, curve: curve).makeRegistration(db, oneTimeKeys: 1)
        var server = BenchmarkKeyServer()
        _ = try server.answer(request.body, from: device)
        let answer = KeyServerAnswer(curve: curve, content: .bundles([server.bundle(of: device)])).serialized
        // After header (3), count (2) and the device id with its length (2).
        let entry = answer.dropFirst(7 + device.string.utf8.count)
        return "\(device) \(hex(entry))"
      }
    }
    try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: false, encoding: .utf8)
  }

  private static func hex(_ bytes: Data) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static func bytes(hex: String) -> Data {
    let digits = Array(hex.utf8)
    return Data(
      stride(from: 0, to: digits.count - 1, by: 2).map { index in
        UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) ?? 0
      })
  }
}
