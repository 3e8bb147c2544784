// ExitStatus.swift: which exit code and text an error becomes (sysexits.h).
import AccountService
import ArgumentParser
import ChatCore
import Foundation

/// An error whose text is complete, with its exit code.
struct CommandFailure: Error, LocalizedError {
  var code: Int32
  var text: String

  static func timedOut(_ text: String) -> CommandFailure { CommandFailure(code: 75, text: text) }
  static func badConfiguration(_ text: String) -> CommandFailure { CommandFailure(code: 78, text: text) }
  static func cannotWrite(_ text: String) -> CommandFailure { CommandFailure(code: 73, text: text) }
  static func badInput(_ text: String) -> CommandFailure { CommandFailure(code: 65, text: text) }

  var errorDescription: String? { text }
}

enum ExitStatus {
  /// Not one of sysexits: a device's identity is not trusted.
  static let untrusted: Int32 = 10

  /// False for the argument parser's own errors, help and version, which it prints itself.
  static func isOurs(_ error: any Error) -> Bool {
    !(error is ExitCode || error is CleanExit || error is ValidationError)
      && !String(reflecting: Swift.type(of: error)).hasPrefix("ArgumentParser.")
  }

  static func code(of error: any Error) -> Int32 {
    switch error {
    case let error as CommandFailure: error.code
    default: ServiceError.exitCode(of: error)
    }
  }

  static func text(of error: any Error) -> String {
    let error: any Error = ChatError(storing: error) ?? error
    return (error as? LocalizedError)?.errorDescription ?? "\(error)"
  }

  /// What a server answered is for those who ask with -v.
  static let showsAnswers = CommandLine.arguments.contains { $0 == "-v" || $0 == "--verbose" }

  /// The text of an error or a failure as one line, without what the server answered.
  static func line(_ text: String) -> String { SafeLine.text(showsAnswers ? text : RawAnswer.removed(from: text)) }
}
