// ComparisonCodeTests.swift: the code two people compare is the same on both ends and depends on all that it should

import Foundation
import Testing

@testable import Lime

@Suite struct ComparisonCodeTests {
  private func key(_ first: UInt8, _ curve: Curve = .c25519) throws -> IdentityKey {
    let bytes = Data((0..<curve.identityKeyLength).map { first + UInt8($0) })
    return try #require(IdentityKey(curve: curve, bytes: bytes))
  }

  @Test func `Known answers, computed from the definition with another SHA-512`() throws {
    let small = try ComparisonCode(DeviceID(aliceID), key(0), and: DeviceID(bobID), key(32))
    #expect(small.description == "01364 09302 86438 51985 44369 93009 90797 92436")
    let large = try ComparisonCode(DeviceID(aliceID), key(0, .c448), and: DeviceID(bobID), key(57, .c448))
    #expect(large.description == "88306 88940 15712 57472 18770 99857 00896 91670")
  }

  @Test func `Both ends compute the same code`() throws {
    let (alice, bob) = (
      try IdentityKeyPair.generate(.c25519).publicKey, try IdentityKeyPair.generate(.c25519).publicKey
    )
    #expect(
      try ComparisonCode(DeviceID(aliceID), alice, and: DeviceID(bobID), bob)
        == ComparisonCode(DeviceID(bobID), bob, and: DeviceID(aliceID), alice))
  }

  @Test func `Another key, another device id or swapped keys give another code`() throws {
    let (alice, bob) = (DeviceID(aliceID), DeviceID(bobID))
    let codes = Set([
      try ComparisonCode(alice, key(0), and: bob, key(32)),
      try ComparisonCode(alice, key(1), and: bob, key(32)),
      try ComparisonCode(alice, key(0), and: bob, key(33)),
      try ComparisonCode(alice, key(32), and: bob, key(0)),
      try ComparisonCode(alice, key(0), and: DeviceID(bobID + "b"), key(32)),
    ])
    #expect(codes.count == 5)
  }

  @Test func `Keys of two curves have no code`() throws {
    #expect(throws: LimeError.otherCurve(2)) {
      try ComparisonCode(DeviceID(aliceID), key(0), and: DeviceID(bobID), key(0, .c448))
    }
  }
}
