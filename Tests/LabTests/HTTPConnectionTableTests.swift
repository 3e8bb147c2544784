// HTTPConnectionTableTests.swift: which connection goes when there are too many
import FlyingSocks
import Foundation
import TestSupport
import Testing

@testable import HTTPServer

@Suite struct HTTPConnectionTableTests {
  /// Descriptors that are nobody's: what is done to them does nothing.
  private static let nobody = Int32(-1)

  private func table(_ connections: Int, perAddress: Int, perUser: Int = 2) -> HTTPConnectionTable {
    var limits = HTTPLimits()
    (limits.connections, limits.connectionsPerAddress, limits.requestsPerUser) = (connections, perAddress, perUser)
    return HTTPConnectionTable(limits)
  }

  @Test func theOneThatWaitsLongestGoesAndATransferOfAUserStays() throws {
    let table = table(3, perAddress: 3)
    let upload = try #require(table.open(Self.nobody, from: "a"))
    table.begin(upload)
    #expect(table.identify(upload, as: "alice"))
    let first = try #require(table.open(Self.nobody, from: "b"))
    let second = try #require(table.open(Self.nobody, from: "b"))
    #expect(table.open(Self.nobody, from: "c") != nil)
    #expect(table.isOpen(upload) && !table.isOpen(first) && table.isOpen(second))
  }

  @Test func anAddressThatHasItsShareMakesPlaceForItsOwn() throws {
    let table = table(10, perAddress: 2)
    let other = try #require(table.open(Self.nobody, from: "a"))
    let ids = try (0..<5).map { _ in try #require(table.open(Self.nobody, from: "b")) }
    #expect(ids.map(table.isOpen) == [false, false, false, true, true])
    #expect(table.isOpen(other))
  }

  @Test func whoHasMostGivesFirst() throws {
    let table = table(4, perAddress: 3)
    let only = try #require(table.open(Self.nobody, from: "a"))
    let three = try (0..<3).map { _ in try #require(table.open(Self.nobody, from: "b")) }
    #expect(table.open(Self.nobody, from: "c") != nil)
    #expect(table.isOpen(only) && three.map(table.isOpen) == [false, true, true])
  }

  @Test func nothingGoesWhenAllIsOfUse() throws {
    let table = table(2, perAddress: 2, perUser: 2)
    for _ in 0..<2 {
      let id = try #require(table.open(Self.nobody, from: "a"))
      table.begin(id)
      #expect(table.identify(id, as: "alice"))
    }
    #expect(table.open(Self.nobody, from: "b") == nil)
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func inWhateverOrderThingsHappenTheLimitsHold(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let table = table(6, perAddress: 3)
    var ids: [Int] = []
    for _ in 0..<2000 {
      let id = ids.randomElement(using: &generator) ?? 0
      switch Int.random(in: 0..<8, using: &generator) {
      case 0...2:
        let address = ["a", "b", "c", "d"].randomElement(using: &generator) ?? ""
        if let id = table.open(Self.nobody, from: address) { ids.append(id) }
      case 3: table.begin(id)
      case 4: _ = table.identify(id, as: ["x", "y"].randomElement(using: &generator) ?? "")
      case 5: table.moved(Int.random(in: 0..<100_000, using: &generator), by: id)
      case 6: table.end(id)
      default:
        table.close(id, Socket(file: .init(rawValue: Self.nobody)))
        ids.removeAll { $0 == id }
      }
      let counts = table.counts
      #expect(counts.connections <= 6)
      #expect(counts.addresses.values.allSatisfy { $0 <= 3 } && counts.users.values.allSatisfy { $0 <= 2 })
    }
  }

  @Test(arguments: [
    (Socket.Address.ip4("192.0.2.1", port: 1), "192.0.2.1"), (.ip6("::ffff:192.0.2.1", port: 1), "192.0.2.1"),
    (.ip6("2001:db8::1", port: 1), "20:1:d:b8:0:0:0:0"), (.ip6("2001:db8::ffff:1", port: 9), "20:1:d:b8:0:0:0:0"),
    (.ip6("2001:db8:0:1::1", port: 1), "20:1:d:b8:0:0:0:1"),
  ])
  func aNetworkIsOneAddress(_ peer: Socket.Address, _ key: String) {
    #expect(HTTPConnectionTable.key(of: peer) == key)
  }
}
