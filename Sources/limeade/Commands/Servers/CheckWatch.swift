// CheckWatch.swift: limeade check --watch: round after round until a signal comes, then everything is taken away again.
import ArgumentParser
import ChatCore
import FlexisipCheck
import Foundation

struct CheckWatch: Sendable {
  /// Seconds for the end of a round and for cleaning up.
  private static let patience = 10.0

  let watch: RoomWatch
  let interval: Double
  let format: CheckFormat
  let output: String?
  /// Whether each round is told, and not only changes.
  let isVerbose: Bool

  func run() async throws {
    let aMinute = Int((Double(RoomWatch.requestsPerRound) * 60 / interval).rounded(.up))
    Output.note(
      "a round every \(interval.brief) s: at most \(aMinute) requests a minute, and \(RoomWatch.requestsToSetUp) more "
        + "when devices and room are made")
    let signals = Interruption.signals()
    let watch = self.watch
    let rounds = Task {
      var told: [String]?
      while !Task.isCancelled {
        let next = ContinuousClock.now + .seconds(interval)
        let summary = await watch.round()
        if Task.isCancelled { break }
        told = try tell(summary, after: told)
        try? await Task.sleep(until: next)
      }
    }
    let ended = Task {
      // A file that cannot be written ends it too.
      try await Race.first({ try await rounds.value }, { for await _ in signals { break } })
    }
    let result = await ended.result
    rounds.cancel()
    let left = try? await Race.first(
      {
        _ = await rounds.result
        return await watch.end()
      },
      {
        try await Task.sleep(for: .seconds(Self.patience))
        return ["the server does not answer: the room, its devices and their keys are left to expire"]
      })
    for text in left ?? [] { Output.note("limeade: \(SafeLine.text(text))") }
    try result.get()
    if left?.isEmpty == false { throw ExitCode(76) }
  }

  /// - Parameter told: the steps that had failed in the round before; nil when there was none.
  /// - Returns: those that have failed now.
  private func tell(_ summary: CheckSummary, after told: [String]?) throws -> [String] {
    let failed = summary.results.filter { $0.outcome == .failed }
    let troubles = failed.map(\.step.rawValue)
    switch format {
    case .json:
      Output.line(
        JSONLine.string([
          "event": "round", "time": JSONLine.time(summary.start), "result": failed.isEmpty ? "passed" : "failed",
          "seconds": (summary.seconds * 1000).rounded() / 1000, "steps": summary.results.map(CheckReport.fields),
        ]))
    case .text:
      guard told != troubles || isVerbose else { break }
      let time = JSONLine.time(summary.start)
      if failed.isEmpty {
        Output.line("\(time) ✔ \(summary.count(.passed)) steps passed (\(CheckReport.seconds(summary.seconds)))")
      }
      for result in failed {
        Output.line("\(time) ✖ \(result.step.title): \(SafeLine.text(result.seen))")
        CheckReport.showCauses(result)
      }
    case .nagios, .prometheus, .junit, .tap:
      let text = format.text(of: summary)
      if let output { try WholeFile.write(text, to: output) } else { Output.printed(text) }
    }
    return troubles
  }
}
