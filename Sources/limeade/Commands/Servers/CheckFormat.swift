// CheckFormat.swift: in which form the check tells what it found, and where
import ArgumentParser
import FlexisipCheck
import Foundation

enum CheckFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case text, json, junit, tap, nagios, prometheus

  /// Whether each step is told as soon as it has ended; else all at the end.
  var isStream: Bool { self == .text || self == .json }

  func text(of summary: CheckSummary) -> String {
    switch self {
    case .text, .json: ""
    case .junit: summary.junit
    case .tap: summary.tap
    case .nagios: summary.nagios
    case .prometheus: summary.prometheus
    }
  }
}

/// What the check's report looks like, and how often it is made.
struct CheckOutputOptions: ParsableArguments, Sendable {
  @Option(
    help: """
      text, json (as --json), junit, tap, nagios (a plugin with exit codes 0, 1, 2, 3) or prometheus (metrics for \
      node_exporter's textfiles).
      """)
  var format: CheckFormat?
  @Option(
    help: "Write the report to this file, at once as a whole, instead of standard output.", completion: .file())
  var output: String?
  @Option(
    help: ArgumentHelp(
      "Go on with a round every so many seconds: a text each way in a room that is kept.", valueName: "seconds"))
  var watch: Double?

  func validate() throws {
    if output != nil, format?.isStream ?? true {
      throw ValidationError("--output is for --format junit, tap, nagios and prometheus")
    }
    guard let watch else { return }
    guard watch >= RoomWatch.shortestInterval, watch <= 86_400 else {
      throw ValidationError(
        "--watch is between \(RoomWatch.shortestInterval.brief) and 86400 seconds: a round is up to "
          + "\(RoomWatch.requestsPerRound) requests, and there are \(RoomWatch.budget) a minute at most")
    }
    if format == .junit || format == .tap {
      throw ValidationError("--format \(format?.rawValue ?? "") is for one check")
    }
  }

  /// - Throws: exit code 64 when --json asks for another one.
  func format(json: Bool) throws -> CheckFormat {
    if json, let format, format != .json { throw ValidationError("--json is --format json: give one of them") }
    return format ?? (json ? .json : .text)
  }
}

/// A file that readers see whole, the old or the new one (node_exporter's textfile collector).
enum WholeFile {
  /// - Throws: exit code 73
  static func write(_ text: String, to path: String) throws {
    let failure: (Int32) -> CommandFailure = { code in
      CommandFailure.cannotWrite("\(path) cannot be written: \(String(cString: strerror(code)))")
    }
    // Not `.prom`: node_exporter reads every file of that name.
    let part = "\(path).\(getpid()).part"
    let descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(errno) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do { try handle.write(contentsOf: Data(text.utf8)) } catch {
      let code = errno
      unlink(part)
      throw failure(code)
    }
    guard fsync(descriptor) == 0, rename(part, path) == 0 else {
      let code = errno
      unlink(part)
      throw failure(code)
    }
  }
}
