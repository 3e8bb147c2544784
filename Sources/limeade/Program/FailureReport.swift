// FailureReport.swift: how a command that failed says so: a sentence on standard error, and an object with --json.
import ChatCore
import Foundation

enum FailureReport {
  /// - Parameter arguments: of the program, which may not have been understood.
  static func end(_ code: Int32, _ text: String, of arguments: [String]) -> Never {
    object(code, text, arguments)
    Output.note("limeade: \(text)")
    Foundation.exit(code)
  }

  /// - Parameters:
  ///   - full: with the usage of the command.
  ///   - brief: without it.
  static func endUsage(_ full: String, brief: String, of arguments: [String]) -> Never {
    let advice = CommandNames.advice(arguments) ?? FreeText.advice(arguments)
    object(64, [brief, advice].compactMap { $0 }.joined(separator: ". "), arguments)
    Output.note(([full] + (advice.map { ["  \($0)"] } ?? [])).joined(separator: "\n"))
    Foundation.exit(64)
  }

  private static func object(_ code: Int32, _ text: String, _ arguments: [String]) {
    guard arguments.prefix(while: { $0 != "--" }).contains("--json") else { return }
    Output.lastLine(ChatEvent.error(room: nil, text: text, code: code).jsonLine)
  }
}
