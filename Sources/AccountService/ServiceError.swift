// ServiceError.swift: what goes wrong between the programs of one account.
import ChatCore
import Foundation

/// Why an operation was not carried out, or failed in the program that holds the account.
public enum ServiceError: Error, LocalizedError, CustomStringConvertible {
  /// The holder carried the operation out, and it failed there.
  case failed(code: Int32, text: String)
  /// The holder is ending and did not begin with the operation: it can be asked for elsewhere.
  case notAccepted
  /// The holder ended before it answered.
  case ended(process: Int32)
  /// The holder does not answer.
  case silent(process: Int32)
  /// The holder is a program of another version.
  case otherVersion(String, process: Int32)
  /// The socket cannot be opened.
  case noSocket(path: String, cause: String)
  /// What came from the other end is not what was asked for.
  case protocolViolation(String)

  public var description: String {
    switch self {
    case .failed(_, let text): text
    case .notAccepted: "the limeade that holds the account is ending: try again"
    case .ended(let process):
      """
      the limeade that holds the account (process \(process)) ended before it answered; whether it did what was asked \
      is not known: 'limeade history' and 'limeade room list' show it
      """
    case .silent(let process):
      """
      the limeade that holds the account (process \(process)) does not answer; if it was stopped with Ctrl-Z, continue \
      it with fg, else end it
      """
    case .otherVersion(let version, let process):
      """
      the limeade that holds the account (process \(process)) is version \(version) and this one is \
      \(Version.current): restart it
      """
    case .noSocket(let path, let cause): "\(path) cannot be opened: \(cause)"
    case .protocolViolation(let cause): "the limeade that holds the account answered with nonsense: \(cause)"
    }
  }
  public var errorDescription: String? { description }

  /// As of the command line (sysexits); the holder's own for `failed`.
  public var exitCode: Int32 {
    switch self {
    case .failed(let code, _): code
    case .notAccepted, .ended, .silent: 75
    case .otherVersion: 78
    case .noSocket: 73
    case .protocolViolation: 70
    }
  }

  static func text(of error: any Error) -> String { (error as? LocalizedError)?.errorDescription ?? "\(error)" }

  /// The exit code of the command line for any error of an operation; 70 for those that should not happen.
  public static func exitCode(of error: any Error) -> Int32 {
    switch error {
    case let error as ServiceError: error.exitCode
    default: ChatError.exitCode(of: error)
    }
  }
}
