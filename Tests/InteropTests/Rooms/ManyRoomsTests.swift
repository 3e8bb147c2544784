// ManyRoomsTests.swift: a start with many rooms, and what is sent while they are taken up
import ChatCore
import Foundation
import Lab
import TestSupport
import Testing

@Suite(.serialized) struct ManyRooms {
  private static let count = 40

  @Test func allAreTakenUpAtTheStartAndWhatIsSentNeedNotWaitForThem() async throws {
    try await ChatPair.play(play)
  }

  private func play(_ pair: ChatPair) async throws {
    let subscriptions = Subscriptions(in: pair.lab)
    let (alice, bob) = (pair.alice, pair.bob)
    var rooms: [String] = []
    for number in 0..<Self.count {
      rooms.append(
        try await alice.client.createRoom(named: "Room \(number)", members: [bob.configuration.address]).room.address)
    }
    for room in rooms { try await bob.stored(room, "both devices", within: 60) { $0.deviceCount == 2 } }
    let device = try #require(await alice.client.device)
    await alice.stop()
    _ = try await bob.client.send("while alice is away", to: rooms[13])
    let before = subscriptions.rooms(of: device).count
    try await alice.restart()
    let first = try await alice.client.send("at once", to: rooms[0])
    try await bob.message("at once", within: 60)
    try await alice.delivery(of: first.messageID, by: bob.address, within: 60)
    try await alice.message("while alice is away", within: 60)
    let deadline = ContinuousClock.now + .seconds(60)
    while Set(subscriptions.rooms(of: device).dropFirst(before)) != Set(rooms) {
      guard ContinuousClock.now < deadline else { throw TestFailure("not all rooms were taken up within 60 s") }
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(!alice.events.contains { if case .error = $0 { true } else { false } })
  }

  /// Which rooms devices have subscribed to, as the lab tells.
  ///
  /// `@unchecked Sendable`: `lines` is only touched under `lock`.
  private final class Subscriptions: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [String] = []

    init(in lab: Lab) {
      Task { [weak self] in
        for await event in lab.events {
          guard let self else { return }
          if event.text.contains(" subscribes from version ") { lock.withLock { lines.append(event.text) } }
        }
      }
    }

    func rooms(of device: String) -> [String] {
      lock.withLock { lines }.compactMap { line in
        let parts = line.components(separatedBy: ": \(device) subscribes from version ")
        return parts.count == 2 ? parts[0] : nil
      }
    }
  }
}
