// Vectors.swift: the recorded known answers as values (Vectors/README.md)

import Foundation
import GRDB

@testable import Lime

enum Vectors {
  struct Missing: Error {
    let name: String
  }

  /// - Parameter folder: where the file is, among those kept when nil.
  static func load<Value: Decodable>(
    _ name: String, as type: Value.Type = Value.self, from folder: URL? = nil
  ) throws -> Value {
    let url =
      folder?.appendingPathComponent("\(name).json")
      ?? Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Vectors")
    guard let url else { throw Missing(name: name) }
    return try JSONDecoder().decode(Value.self, from: Data(contentsOf: url))
  }

  /// The conversations that Tests/Peers/limevectors records, without their curve.
  static let conversations = ["opk-direct", "noopk-direct", "cipher", "noopk-cipher", "pingpong", "outoforder"]
}

struct VectorKey: Decodable {
  var id: UInt32
  var `public`: String
  var `private`: String
}

struct VectorIdentity: Decodable {
  var `public`: String
  var seed: String?
  var `private`: String?
}

struct VectorKeys: Decodable {
  var identity: VectorIdentity
  var signedPrekeys: [VectorKey]
  var oneTimePrekeys: [VectorKey]

  /// Puts the keys into a device's empty store.
  func insert(into device: TestDevice) throws {
    let curve = device.account.curve
    let seed = try SecretBytes(hex: identity.seed ?? identity.private ?? "")
    try device.queue.write { db in
      let identity = try IdentityKeyPair(curve: curve, seed: seed)
      let store = try LocalKeyStore.create(db, device: device.id, identity: identity, storage: .plain)
      for key in signedPrekeys {
        let pair = try AgreementKeyPair(curve, hex: key.private)
        try store.insert(
          LocalSignedPrekey(
            published: SignedPrekey(id: key.id, publicKey: pair.publicKey, signature: identity.sign(pair.publicKey)),
            privateKey: pair.privateKey, createdAt: device.account.now().seconds, isPublished: true))
      }
      for key in oneTimePrekeys {
        let pair = try AgreementKeyPair(curve, hex: key.private)
        try store.insert(OneTimeKey(id: key.id, publicKey: pair.publicKey), privateKey: pair.privateKey)
      }
    }
  }
}

/// `lime-receive.json`
struct ReceiveVector: Decodable {
  struct Message: Decodable {
    var ratchet: String
    var cipher: String
    var plaintext: String
  }

  var name: String
  var curve: UInt8
  var sender: String
  var recipientDevice: String
  var recipientUser: String
  var identity: VectorIdentity
  var signedPrekeys: [VectorKey]
  var oneTimePrekeys: [VectorKey]
  var messages: [Message]

  var keys: VectorKeys {
    VectorKeys(identity: identity, signedPrekeys: signedPrekeys, oneTimePrekeys: oneTimePrekeys)
  }
}

/// The conversations of two liblime devices.
struct ConversationVector: Decodable {
  struct State: Decodable {
    var sendingNumber: UInt16
    var previousChainLength: UInt16
    var peerKey: String
    var ratchetPublic: String
    var ratchetPrivate: String
    var rootKey: String
    var sendingChainKey: String
    var sessionAD: String

    /// The names that the Double Ratchet specification has for them.
    enum CodingKeys: String, CodingKey {
      case sendingNumber = "Ns"
      case previousChainLength = "PN"
      case peerKey = "DHr"
      case ratchetPublic, ratchetPrivate, sessionAD
      case rootKey = "RK"
      case sendingChainKey = "CKs"
    }
  }

  struct Step: Decodable {
    var op: String
    var message: Int
    var by: String
    var policy: String?
    var plaintext: String
    var ratchet: String?
    var cipherMessage: String?
    var status: String
    var stateAfter: State
  }

  var name: String
  var curve: UInt8
  var alice: String
  var bob: String
  var recipientUser: String
  var aliceKeys: VectorKeys
  var bobKeys: VectorKeys
  var steps: [Step]
}

/// `<curve>-sender-…`: the sending side with all randomness given.
struct SenderVector: Decodable {
  struct Bundle: Decodable {
    var identity: String
    var signedPrekey: String
    var signedPrekeyId: UInt32
    var signature: String
    var oneTimePrekey: String
    var oneTimePrekeyId: UInt32?
  }

  struct Message: Decodable {
    var policy: String
    var plaintext: String
    var seed: String
    var ratchet: String
    var cipherMessage: String
  }

  var name: String
  var curve: UInt8
  var alice: String
  var bob: String
  var recipientUser: String
  var aliceIdentity: VectorIdentity
  var bobBundle: Bundle
  var ephemeralPrivate: String
  var firstRatchetPrivate: String
  var messages: [Message]
}

/// `spk-signatures.json`
struct SignatureVector: Decodable {
  var curve: UInt8
  var scheme: String
  var seed: String
  var identity: String
  var signedPrekey: String
  var signature: String
  var acceptedByLiblime: Bool
}

/// `identity-conversion.json`
struct ConversionVector: Decodable {
  var curve: UInt8
  var seed: String
  var edPublic: String
  var xPrivateUnclamped: String
  var xPublic: String
}

/// `<curve>-keyserver.json`
struct KeyServerVector: Decodable {
  var name: String
  var request: String
  var response: String
  var liblimeOk: Bool?
}

struct UnknownCurve: Error {}

func curve(_ id: UInt8) throws -> Curve {
  guard let curve = Curve(rawValue: id) else { throw UnknownCurve() }
  return curve
}
