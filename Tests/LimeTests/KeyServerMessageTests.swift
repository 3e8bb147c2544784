// KeyServerMessageTests.swift: requests and answers of the key-server protocol

import Foundation
import TestSupport
import Testing

@testable import Lime

@Suite struct KeyServerMessageTests {
  @Test(arguments: ["c25519-keyserver", "c448-keyserver"])
  func `What liblime asked and was answered is read and written back byte for byte`(name: String) throws {
    let vectors = try Vectors.load(name, as: [KeyServerVector].self)
    for vector in vectors {
      if !vector.request.isEmpty {
        #expect(try KeyServerRequest(parsing: Data(hex: vector.request)).serialized.hex == vector.request)
      }
      guard vector.liblimeOk != false else { continue }
      #expect(try KeyServerAnswer(parsing: Data(hex: vector.response)).serialized.hex == vector.response)
    }
    #expect(vectors.count { !$0.request.isEmpty } >= 6)
  }

  @Test(arguments: [Curve.c25519, .c448])
  func `Answers that liblime refused are error answers, for another curve, or no answers`(curve: Curve) throws {
    let asked = [DeviceID(bobID)]
    for vector in try Vectors.load("\(curve.name)-keyserver", as: [KeyServerVector].self)
    where vector.liblimeOk == false {
      #expect(throws: (any Error).self, "\(vector.name)") {
        try KeyServerAnswer(parsing: Data(hex: vector.response)).bundles(for: asked, curve: curve)
      }
    }
  }

  @Test func `Error answers keep code and text, with the curve unread too`() throws {
    let answer = try KeyServerAnswer(parsing: Data(hex: "01ff0006") + Data("no such user\0".utf8))
    #expect(answer == KeyServerAnswer(curve: nil, content: .error(.deviceNotFound, text: "no such user")))
    let unknown = try KeyServerAnswer(parsing: Data(hex: "01ff0242"))
    #expect(unknown == KeyServerAnswer(curve: .c448, content: .error(KeyServerErrorCode(rawValue: 0x42), text: "")))
    #expect(throws: KeyServerMessageError.wrongSize) { try KeyServerAnswer(parsing: Data(hex: "01ff01")) }
  }

  @Test(arguments: [
    ("", KeyServerMessageError.empty, KeyServerErrorCode.badSize),
    ("02", .unsupportedVersion(2), .badProtocolVersion),
    ("01", .wrongSize, .badSize),
    ("010703", .unsupportedCurve(3), .badCurve),
    ("010601", .unexpectedType(6), .badRequest),
    ("01070100", .wrongSize, .badSize),
    ("0105010001", .wrongSize, .badSize),
    ("01050100010000", .malformedDeviceID, .badRequest),
    ("010501000100020d0a", .malformedDeviceID, .badRequest),
    ("01050100010002ff41", .malformedDeviceID, .badRequest),
    ("010401ffff", .wrongSize, .badSize),
  ])
  func `A malformed request names the error code to answer with`(
    hex: String, error: KeyServerMessageError, code: KeyServerErrorCode
  ) throws {
    #expect(throws: error) { try KeyServerRequest(parsing: Data(hex: hex)) }
    #expect(error.answerCode == code)
  }

  @Test func `Every shortened or lengthened message is refused, and none traps`() throws {
    for vector in try Vectors.load("c25519-keyserver", as: [KeyServerVector].self) where vector.liblimeOk != false {
      let request = try Data(hex: vector.request)
      for length in 0..<request.count {
        #expect(throws: KeyServerMessageError.self) { try KeyServerRequest(parsing: request.prefix(length)) }
      }
      let answer = try Data(hex: vector.response)
      for length in 0..<answer.count {
        #expect(throws: KeyServerMessageError.self) { try KeyServerAnswer(parsing: answer.prefix(length)) }
      }
      #expect(throws: KeyServerMessageError.wrongSize) { try KeyServerAnswer(parsing: answer + [0]) }
    }
  }

  @Test func `Random changes to messages never trap`() throws {
    var generator = SeededGenerator(seed: 7)
    for vector in try Vectors.load("c448-keyserver", as: [KeyServerVector].self) where vector.liblimeOk != false {
      for original in [try Data(hex: vector.request), try Data(hex: vector.response)] where original.count > 3 {
        for _ in 0..<200 {
          var mutated = original
          for _ in 0..<Int.random(in: 1...4, using: &generator) {
            mutated[Int.random(in: 0..<mutated.count, using: &generator)] = .random(in: 0...255, using: &generator)
          }
          // What is still accepted is written back as it was read.
          if let request = try? KeyServerRequest(parsing: mutated) { #expect(request.serialized == mutated) }
          if let answer = try? KeyServerAnswer(parsing: mutated), case .bundles = answer.content {
            #expect(answer.serialized == mutated)
          }
        }
      }
    }
  }

  @Test func `An answer about other devices than those asked for is refused`() throws {
    let alice = KeyBundle(device: DeviceID(aliceID), keys: nil)
    let bob = KeyBundle(device: DeviceID(bobID), keys: nil)
    let answer = KeyServerAnswer(curve: .c25519, content: .bundles([alice, bob]))
    #expect(try answer.bundles(for: [bob.device, alice.device], curve: .c25519).count == 2)
    #expect(throws: KeyServerMessageError.otherDevices) { try answer.bundles(for: [bob.device], curve: .c25519) }
    #expect(throws: KeyServerMessageError.otherCurve) {
      try answer.bundles(for: [bob.device, alice.device], curve: .c448)
    }
    let twice = KeyServerAnswer(curve: .c25519, content: .bundles([bob, bob]))
    #expect(throws: KeyServerMessageError.otherDevices) { try twice.bundles(for: [bob.device], curve: .c25519) }
    let refusal = KeyServerAnswer(curve: nil, content: .error(.resourceLimit, text: "slow down"))
    #expect(throws: LimeError.keyServer(.resourceLimit, text: "slow down")) {
      try refusal.bundles(for: [bob.device], curve: .c25519)
    }
  }
}

@Suite struct AlgorithmQuestionTests {
  private let device = DeviceID(bobID)

  /// An answer about the devices with these flags, and what is left of it.
  private func answer(_ curve: UInt8, _ devices: [(DeviceID, flag: UInt8)], type: KeyServerMessageType = .bundles)
    -> Data
  {
    var data = KeyServerMessageReader.header(type, curveByte: curve)
    data.appendList(devices) { data, entry in
      data.append(entry.0)
      data.append(entry.flag)
    }
    return data + Data(count: 1800)
  }

  @Test func `The keys of any algorithm are asked for as liblime asks, and only their being there is read`() throws {
    let question = AlgorithmQuestion(device: device, algorithm: LimeAlgorithm(rawValue: 4))
    let usual = KeyServerRequest(curve: .c25519, content: .getBundles([device])).serialized
    #expect(question.body.prefix(2) == usual.prefix(2) && question.body.dropFirst(3) == usual.dropFirst(3))
    #expect(question.body[2] == 4)
    for (flag, expected) in [(0, true), (1, true), (2, false), (3, nil)] as [(UInt8, Bool?)] {
      #expect(question.hasKeys(in: answer(4, [(device, flag)])) == expected)
    }
    let other = DeviceID("sip:carol@sip.example.org;gr=urn:uuid:1")
    for odd in [
      answer(1, [(device, 1)]), answer(4, [(other, 1)]), answer(4, []), answer(4, [(device, 1), (other, 1)]),
      answer(4, [(device, 1)], type: .getBundles), Data(), Data([1]), Data([1, 0x06, 4, 0]),
    ] {
      #expect(question.hasKeys(in: odd) == nil)
    }
  }

  @Test func `A server that does not serve an algorithm has no keys of it, and any other error says nothing`() throws {
    let question = AlgorithmQuestion(device: device, algorithm: LimeAlgorithm(rawValue: 5))
    for curve in [0, 5] as [UInt8] {
      let head = KeyServerMessageReader.header(.error, curveByte: curve)
      #expect(question.hasKeys(in: head + Data([1])) == false)
      #expect(question.hasKeys(in: head + Data([0x0A])) == nil)
      #expect(question.hasKeys(in: head) == nil)
    }
    #expect(LimeAlgorithm(rawValue: 5).description == "c448mlk1024")
    #expect(LimeAlgorithm(rawValue: 9).description == "algorithm 9")
    #expect(LimeAlgorithm.inUse.map(\.description) == ["c25519", "c448", "c25519mlk512", "c448mlk1024"])
  }
}
