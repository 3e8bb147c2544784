// PictureDecoder.swift: pictures from strangers are decoded by chafa(1), in a process of its own with little to spend.
import Foundation
import TerminalUI

/// What a picture may be, and cost.
enum PictureDecoder {
  /// Bytes of the file.
  static let maximumBytes = 32 << 20
  /// Width times height, before anything is decoded: some four bytes each.
  static let maximumPixels = 50_000_000
  /// Pixels that are given to the terminal.
  static let maximumShown = 1_000_000
  /// Bytes of address space that the decoder has.
  private static let memory = 1 << 30
  /// Seconds of processor time, and of waiting.
  private static let time = 10
  /// Pixels of one of chafa's cells when it knows no terminal; looked at again in what it made.
  private static let decoderCell = 8

  private static let program = ExternalCommand("chafa")

  static var isThere: Bool { program.isThere && ExternalCommand("prlimit").isThere }

  /// The size and format of a picture file, as it says itself.
  /// - Throws: `CommandFailure` for a file that is no picture, or too large a one.
  static func header(of path: String) throws -> PictureHeader {
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw CommandFailure.badInput("\(path) is gone: /save NAME fetches it again while the file server has it")
    }
    defer { try? file.close() }
    let size = (try? file.seekToEnd()) ?? 0
    try? file.seek(toOffset: 0)
    let name = URL(fileURLWithPath: path).lastPathComponent
    guard let beginning = try? file.read(upToCount: PictureHeader.maximumLength), let header = PictureHeader(beginning)
    else {
      throw CommandFailure.badInput("\(SafeLine.text(name)) is no PNG, JPEG, GIF or WebP picture; /open opens it")
    }
    guard size <= maximumBytes,
      header.width.multipliedReportingOverflow(by: header.height).partialValue <= maximumPixels,
      header.width <= maximumPixels, header.height <= maximumPixels
    else {
      throw CommandFailure.badInput(
        "\(SafeLine.text(name)) is too large to be shown here (\(header.width)×\(header.height)); /open opens it")
    }
    return header
  }

  /// Blocks until the picture is made.
  /// - Parameters:
  ///   - path: absolute.
  ///   - pixels: how large it is to be.
  ///   - cells: the same in columns and rows.
  static func picture(
    of path: String, _ form: PictureProtocol, pixels: (width: Int, height: Int), cells: ScreenSize
  ) throws -> PictureSequences {
    let shrink = min(1, (Double(maximumShown) / Double(pixels.width * pixels.height)).squareRoot())
    // The terminal scales kitty's pictures; sixels are as large as they are.
    let wanted =
      form == .kitty
      ? (width: max(1, Int(Double(pixels.width) * shrink)), height: max(1, Int(Double(pixels.height) * shrink)))
      : pixels
    var cell = (width: Double(decoderCell), height: Double(decoderCell))
    var picture: PictureSequences?
    for _ in 0..<2 {
      let columns = max(1, Int((Double(wanted.width) / cell.width).rounded()))
      let rows = max(1, Int((Double(wanted.height) / cell.height).rounded()))
      let output = try run(path, form, columns: columns, rows: rows)
      guard let made = PictureSequences(output, form, cells: cells) else {
        let name = URL(fileURLWithPath: path).lastPathComponent
        throw CommandFailure.badInput("\(SafeLine.text(name)) cannot be shown here; /open opens it")
      }
      picture = made
      guard let size = made.pixels else { break }
      let found = (width: Double(size.width) / Double(columns), height: Double(size.height) / Double(rows))
      if abs(found.width - cell.width) < 1, abs(found.height - cell.height) < 1 { break }
      cell = found
    }
    guard let picture else { throw CommandFailure.badInput("chafa made no picture") }
    return picture
  }

  private static func run(_ path: String, _ form: PictureProtocol, columns: Int, rows: Int) throws -> Data {
    let limits = ["--as=\(memory)", "--cpu=\(time)", "--fsize=0", "--core=0", "--nofile=64"]
    let options = ["--size", "\(columns)x\(rows)", "--stretch", "--animate", "off", "--threads", "1", "--polite", "on"]
    return try ExternalProgram.data(
      of: "chafa", "/usr/bin/env",
      ["prlimit"] + limits + ["--", "chafa", "--format", form == .kitty ? "kitty" : "sixels"] + options + ["--", path],
      input: Data(), timeout: Double(time), limit: PictureSequences.maximumLength, failure: CommandFailure.badInput)
  }
}
