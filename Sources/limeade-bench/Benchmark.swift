// Benchmark.swift: the command line of limeade-bench
import ArgumentParser
import Foundation

@main
struct Benchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limeade-bench", abstract: "Measures limeade, and others beside it.",
    subcommands: [
      LimeBenchmark.self, SIPBenchmark.self, InterfaceBenchmark.self, HistoryBenchmark.self, LimeDriverCommand.self,
    ])
}

struct LimeDriverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lime-driver", abstract: "Our half of the LIME benchmark, driven on standard input.",
    shouldDisplay: false)

  func run() throws {
    var driver = LimeDriver()
    while let line = readLine() {
      let words = line.split(separator: " ").map(String.init)
      guard let command = words.first, command != "quit" else { return }
      do {
        try answer("= \(driver.run(command, Array(words.dropFirst())))")
      } catch {
        try answer("! \("\(error)".replacing("\n", with: " "))")
      }
    }
  }

  private func answer(_ line: String) throws {
    try FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
  }
}
