// LiblimeRequestTests.swift: the bytes that liblime posts, sent to the key server by curl
import Foundation
import Lime
import TestSupport
import Testing

@testable import KeyServer

@Suite struct LiblimeRequestTests {
  private struct Exchange: Decodable {
    var name: String
    var sender: String
    var request: String
    var response: String
  }

  private func exchanges(_ curve: Curve) throws -> [Exchange] {
    let file = TestPaths.package.appendingPathComponent("Tests/LimeTests/Vectors/\(curve.name)-keyserver.json")
    let all = try JSONDecoder().decode([Exchange].self, from: Data(contentsOf: file))
    return all.filter { !$0.request.isEmpty }
  }

  /// The recorded requests are those of one device in order; answers that only acknowledge must be the recorded ones.
  @Test(arguments: Curve.allCases)
  func `a device's life as liblime asks for it`(curve: Curve) async throws {
    let exchanges = try exchanges(curve)
    #expect(Set(exchanges.map { $0.request.prefix(4) }) == ["0109", "0107", "0104", "0105", "0103", "0102"])
    try await Peer.run { peer async throws in
      var published: Set<UInt32> = []
      for exchange in exchanges {
        let request = try Data(hex: exchange.request)
        let reply = try await peer.post(request, from: exchange.sender)
        switch try KeyServerRequest(parsing: request).content {
        case .register(_, _, let keys), .postOneTimeKeys(let keys):
          published.formUnion(keys.map(\.id))
          #expect(reply.body == (try Data(hex: exchange.response)), "\(exchange.name)")
        case .postSignedPrekey, .deleteDevice:
          #expect(reply.body == (try Data(hex: exchange.response)), "\(exchange.name)")
        case .getOneTimeKeyIDs:
          let answer = try reply.answer
          #expect(answer.content == .oneTimeKeyIDs(published.sorted()), "\(exchange.name)")
        case .getBundles(let devices):
          let bundles = try reply.answer.bundles(for: devices, curve: curve)
          #expect(bundles.allSatisfy { $0.keys == nil }, "\(exchange.name)")
        }
      }
      let after = try await peer.bundle(of: exchanges[0].sender, curve: curve)
      #expect(after.keys == nil)
    }
  }
}
