// ProcessFigures.swift: memory and processor time of a process (proc(5))
import Foundation
import TestSupport

enum ProcessFigures {
  /// Resident memory in megabytes; NaN when the process is gone.
  static func residentMegabytes(of process: Int32) -> Double {
    let line = lines(process, "status").first { $0.hasPrefix("VmRSS:") } ?? ""
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }.map { $0 * 1024 / 1e6 }
      ?? .nan
  }

  /// Seconds of processor time, of all threads; 0 when the process is gone.
  static func processorSeconds(of process: Int32) -> Double {
    // After the name in parentheses, which may hold anything: state, and ten fields on, utime and stime in ticks.
    let fields = (lines(process, "stat").first ?? "").split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private static func lines(_ process: Int32, _ file: String) -> [Substring] {
    ((try? String(contentsOfFile: "/proc/\(process)/\(file)", encoding: .utf8)) ?? "").split(separator: "\n")
  }
}

extension PeerProcess {
  /// Resident memory in megabytes; NaN when the process is gone.
  var residentMegabytes: Double { ProcessFigures.residentMegabytes(of: identifier) }
  /// Seconds of processor time so far.
  var processorSeconds: Double { ProcessFigures.processorSeconds(of: identifier) }
}
