// BenchmarkPair.swift: a client that writes into a room and those that read there, timed from outside
import Foundation
import TestSupport

/// A client that sends what its standard input says.
struct BenchmarkSender {
  let process: PeerProcess
  /// What stands before a text on its standard input.
  let command: String
  /// What its lines have in them that say that the server has a message, and that all members have it.
  let accepted, delivered: [String]

  func isAccepted(_ line: String) -> Bool { accepted.allSatisfy { line.contains($0) } }

  func isDelivered(_ line: String) -> Bool { delivered.allSatisfy { line.contains($0) } }

  static func limeade(_ process: PeerProcess) -> BenchmarkSender {
    BenchmarkSender(
      process: process, command: "", accepted: [#""event":"sent""#], delivered: [#""complete":true"#])
  }

  static func linphone(_ client: LinphoneClient, room: String) -> BenchmarkSender {
    let state = #""event":"msg-state""#
    return BenchmarkSender(
      process: client.process, command: "send \(room) ", accepted: [state, #""state":"2""#],
      delivered: [state, #""state":"6""#])
  }
}

/// Milliseconds since the text was given to the sender.
struct BenchmarkExchange {
  /// Until the sender prints that the server has it, the last receiver prints the text, and the sender prints that all
  /// members have it.
  var accepted, received, delivered: Double
}

struct BenchmarkPair {
  let sender: BenchmarkSender
  let receivers: [PeerProcess]
  /// Kept while the clients run.
  var kept: [LinphoneClient] = []

  private static let patience = 300.0

  /// One message, and what becomes of it.
  func exchange(_ text: String) async throws -> BenchmarkExchange {
    let start = ContinuousClock.now
    async let received = Self.arrival(of: text, at: receivers, since: start)
    async let told = answers(count: 1, since: start)
    try sender.process.send(sender.command + text)
    let (accepted, delivered) = try await told
    return try await BenchmarkExchange(accepted: accepted, received: received, delivered: delivered)
  }

  /// Messages as fast as the sender takes them.
  func burst(_ count: Int, _ name: String) async throws -> BenchmarkExchange {
    let seen = receivers.map(\.output.count)
    let start = ContinuousClock.now
    async let received = Self.arrival(of: "\(name)-\(count - 1)-end", at: receivers, since: start)
    async let told = answers(count: count, since: start)
    let (sender, process) = (sender, sender.process)
    // A thread of its own, as a slow reader blocks.
    Thread.detachNewThread {
      for number in 0..<count { try? process.send("\(sender.command)\(name)-\(number)-end") }
    }
    let (accepted, delivered) = try await told
    let result = try await BenchmarkExchange(accepted: accepted, received: received, delivered: delivered)
    for (receiver, seen) in zip(receivers, seen) {
      let arrived = receiver.output[seen...].count { Self.isMessage($0) && $0.contains("\(name)-") }
      guard arrived == count else { throw TestFailure("\(arrived) of \(count) messages arrived at \(receiver.name)") }
    }
    return result
  }

  private static func isMessage(_ line: String) -> Bool { line.contains(#""event":"message""#) }

  private static func arrival(
    of text: String, at receivers: [PeerProcess], since start: ContinuousClock.Instant
  ) async throws -> Double {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for receiver in receivers {
        group.addTask {
          try await receiver.nextLine(within: patience, "'\(text)'") { isMessage($0) && $0.contains(text) }
        }
      }
      try await group.waitForAll()
    }
    return ContinuousClock.now.milliseconds(since: start)
  }

  /// Both are in one stream of lines, which is read once.
  private func answers(
    count: Int, since start: ContinuousClock.Instant
  ) async throws -> (accepted: Double, delivered: Double) {
    var times = (accepted: 0.0, delivered: 0.0)
    var left = (accepted: count, delivered: count)
    while left.accepted > 0 || left.delivered > 0 {
      let line = try await sender.process.nextLine(within: Self.patience, "delivery") { [sender] in
        sender.isAccepted($0) || sender.isDelivered($0)
      }
      if sender.isDelivered(line) {
        left.delivered -= 1
        times.delivered = ContinuousClock.now.milliseconds(since: start)
      } else {
        left.accepted -= 1
        times.accepted = ContinuousClock.now.milliseconds(since: start)
      }
    }
    return times
  }

  func stop() {
    sender.process.stop()
    for receiver in receivers { receiver.stop() }
  }
}

extension ContinuousClock.Instant {
  func milliseconds(since start: ContinuousClock.Instant) -> Double { start.duration(to: self) / .milliseconds(1) }
}
