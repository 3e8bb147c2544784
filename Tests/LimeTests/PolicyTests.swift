// PolicyTests.swift: where the plaintext travels, chosen as liblime chooses it (LIME §3.4)
import Foundation
import TestSupport
import Testing

@testable import Lime

@Suite struct PolicyTests {
  private static let lengths = 0...4096

  /// Lengths at which a choice shows: both sides of each length where ours changes, both ends, and some between.
  private static func samples(
    _ policy: EncryptionPolicy, devices: Int, using random: inout SeededGenerator
  ) -> Set<Int> {
    func choice(_ length: Int) -> Bool { policy.usesCipherMessage(plaintextLength: length, devices: devices) }
    let changes = lengths.dropLast().filter { choice($0) != choice($0 + 1) }
    let between = Int.random(in: lengths, using: &random)
    return Set(changes.flatMap { [$0, $0 + 1] } + [lengths.lowerBound, between, lengths.upperBound])
  }

  @Test(arguments: [(EncryptionPolicy.optimizeUploadSize, "upload"), (.optimizeGlobalBandwidth, "global")])
  func `The choice for 1 to 20 devices and 0 to 4096 bytes is that of liblime`(
    policy: EncryptionPolicy, name: String
  ) async throws {
    let liblime = try await LimePeer(server: TestKeyServer(), curve: .c25519)
    let sender = DeviceID(aliceID)
    let devices = (1...20).map { DeviceID("\(bobID)\($0)") }
    for device in [sender] + devices { try await liblime.run("create \(device) 1") }
    var random = SeededGenerator(seed: 3)
    for count in 1...devices.count {
      for length in Self.samples(policy, devices: count, using: &random) {
        let recipients = Array(devices.prefix(count))
        let message = try await liblime.encrypt(
          String(repeating: "x", count: length), from: sender, to: recipients, policy: name)
        #expect(
          policy.usesCipherMessage(plaintextLength: length, devices: count) == (message[recipients[0]]?.cipher != nil),
          "\(length) bytes to \(count) devices")
      }
    }
  }
}
