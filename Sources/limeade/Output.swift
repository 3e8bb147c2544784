// Output.swift: standard output and standard error, a line at a time.
import Foundation

/// Standard output, line by line, so that a reader at the other end of a pipe sees each line at once.
enum Output {
  static func line(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
  static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
