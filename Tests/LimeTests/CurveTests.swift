// CurveTests.swift: the primitives against published known answers (RFC 7748, RFC 8032)

import Foundation
import TestSupport
import Testing

@testable import Lime

@Suite struct CurveTests {
  // An article on X25519 works through an exchange with both private keys written as decimal numbers, to be read as 32
  // bytes, most significant first. Alice's is printed as 109204347234327234284008…, which has 266 bits: a second "234"
  // slipped in after "327". Without it the known shared secret comes out; Bob's is right as printed.
  @Test func `An exchange with decimal private keys`() throws {
    let alice = try privateKey(
      decimal: "109204347234327284008793236257980475297107461097776439083128173099763401227175")
    let bob = try privateKey(
      decimal: "19606234678399378633456480350841655717034562515722490628739051202331311643228")
    #expect(bob.publicKey().hex == "34b65e53877a73219ae1ba9d37219ffb4491d28dc574cd7562ff71dfa4eeb973")
    let shared = "c2ba19f1d142ced161b93251d0876ab477ff6e8740a7c783be6eb18be32de128"
    #expect(try alice.sharedSecret(with: bob.publicKey()).hex == shared)
    #expect(try bob.sharedSecret(with: alice.publicKey()).hex == shared)
  }

  /// The 32 big-endian bytes of a decimal number.
  private func privateKey(decimal: String) throws -> AgreementPrivateKey {
    var number = [UInt8](repeating: 0, count: 32)
    for digit in decimal {
      var carry = try #require(digit.wholeNumberValue)
      for index in number.indices.reversed() {
        carry += Int(number[index]) * 10
        number[index] = UInt8(carry & 0xFF)
        carry >>= 8
      }
      try #require(carry == 0, "the number has more than 256 bits")
    }
    return try AgreementPrivateKey(curve: .c25519, bytes: SecretBytes(copying: number))
  }

  private struct Exchange: Sendable {
    let curve: Curve
    let alice: (private: String, public: String)
    let bob: (private: String, public: String)
    let shared: String
  }

  private static let exchanges = [
    Exchange(  // RFC 7748 §6.1
      curve: .c25519,
      alice: (
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
      ),
      bob: (
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
      ),
      shared: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"),
    Exchange(  // RFC 7748 §6.2
      curve: .c448,
      alice: (
        "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d"
          + "d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
        "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c"
          + "22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0"
      ),
      bob: (
        "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d"
          + "6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
        "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b430"
          + "27d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609"
      ),
      shared: "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282b"
        + "b60c0b56fd2464c335543936521c24403085d59a449a5037514a879d"),
  ]

  @Test func `Diffie-Hellman of RFC 7748`() throws {
    for exchange in Self.exchanges {
      let alice = try AgreementKeyPair(exchange.curve, hex: exchange.alice.private)
      let bob = try AgreementKeyPair(exchange.curve, hex: exchange.bob.private)
      #expect(alice.publicKey.hex == exchange.alice.public)
      #expect(bob.publicKey.hex == exchange.bob.public)
      #expect(try alice.privateKey.sharedSecret(with: bob.publicKey).hex == exchange.shared)
      #expect(try bob.privateKey.sharedSecret(with: alice.publicKey).hex == exchange.shared)
    }
  }

  @Test func `Ed448 signatures of RFC 8032`() throws {
    // §7.4: "Blank" and "1 octet".
    let vectors = [
      (
        seed: "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3"
          + "528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b",
        key: "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778"
          + "edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180",
        message: "",
        signature: "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f"
          + "2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a"
          + "9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4db"
          + "b61149f05a7363268c71d95808ff2e652600"
      ),
      (
        seed: "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463a"
          + "fbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
        key: "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c086"
          + "6aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
        message: "03",
        signature: "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f435"
          + "2541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cb"
          + "cee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0f"
          + "f3348ab21aa4adafd1d234441cf807c03a00"
      ),
    ]
    for vector in vectors {
      let pair = try IdentityKeyPair(curve: .c448, seed: SecretBytes(hex: vector.seed))
      #expect(pair.publicKey.bytes.hex == vector.key)
      #expect(pair.sign(try Data(hex: vector.message)).hex == vector.signature)
      #expect(try pair.publicKey.isValidSignature(Data(hex: vector.signature), of: Data(hex: vector.message)))
      #expect(try !pair.publicKey.isValidSignature(Data(hex: vector.signature), of: Data(hex: vector.message + "00")))
    }
  }

  @Test func `Ed25519 signatures of RFC 8032 verify without a context only`() throws {
    // §7.1 test 2: plain Ed25519, which is accepted and never made.
    let plain = try IdentityKeyPair(
      curve: .c25519,
      seed: SecretBytes(hex: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    let signature = try Data(
      hex:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
    #expect(plain.publicKey.bytes.hex == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    #expect(plain.publicKey.isValidSignature(signature, of: Data([0x72])))
    #expect(plain.sign(Data([0x72])) != signature)

    // §7.2: Ed25519ctx with the context "foo", which is another domain than LIME's empty one.
    let withContext = try IdentityKeyPair(
      curve: .c25519,
      seed: SecretBytes(hex: "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6"))
    let message = try Data(hex: "f726936d19c800494e3fdaff20b276a8")
    let foo = try Data(
      hex:
        "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a"
        + "8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d")
    #expect(withContext.publicKey.bytes.hex == "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292")
    #expect(!withContext.publicKey.isValidSignature(foo, of: message))
  }

  @Test func `AES-GCM with a 16-byte IV gives the cipher messages that liblime opened`() throws {
    for name in ["c25519-sender-opk", "c25519-sender-noopk", "c448-sender-opk", "c448-sender-noopk"] {
      let vector = try Vectors.load(name, as: SenderVector.self)
      let message = try #require(vector.messages.first { $0.policy == "cipher" })
      let seed = try SecretBytes(hex: message.seed)
      let sender = DeviceID(vector.alice)
      let sealed = try CipherMessage.seal(
        Data(message.plaintext.utf8), seed: seed, sender: sender, recipientUser: vector.recipientUser)
      #expect(sealed.message.hex == message.cipherMessage)
      let opened = try CipherMessage.open(
        sealed.message, seed: seed, sender: sender, recipientUser: vector.recipientUser)
      #expect(opened == Data(message.plaintext.utf8))
      #expect(try CipherMessage.open(sealed.message, seed: seed, sender: sender, recipientUser: "sip:x@y") == nil)
    }
  }
}
