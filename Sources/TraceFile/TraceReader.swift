// TraceReader.swift: the entries of a file of --trace, as WireTrace writes it, from bytes that anybody may have made
import Foundation
import MessageFormats

/// One entry: a message that was sent or received, or a note.
public struct TraceEntry: Hashable, Sendable {
  /// Which way a message went, from this side.
  public enum Direction: String, Hashable, Sendable { case sent, received }

  /// Of its title in the file, from 1.
  public var line: Int
  /// Of the title.
  public var time: Date
  /// nil for a note.
  public var direction: Direction?
  /// Whom a message went to or came from, `TCP 192.0.2.1:5060` or a URL; the text of a note.
  public var title: String
  /// The lines below the title: head, an empty line, body.
  public var lines: [String]
  /// Whether lines were left out, because there were too many or too long ones.
  public var isCut: Bool
}

/// Takes the file in pieces of any size.
public struct TraceReader {
  /// What a line may have, in bytes: a body without line ends, escaped. The rest of it is passed over.
  public static let maximumLine = 512 * 1024
  /// What the lines of an entry may have together, in bytes, and how many there may be.
  public static let maximumEntry = 1 << 20
  /// See `maximumEntry`.
  public static let maximumLines = 100_000

  private var rest: [UInt8] = []
  private var restIsCut = false
  private var number = 0
  private var entry: TraceEntry?
  private var size = 0

  public init() {}

  /// - Parameter each: gets the entries that are complete.
  public mutating func take(_ bytes: some Sequence<UInt8>, _ each: (TraceEntry) throws -> Void) rethrows {
    for byte in bytes {
      guard byte == 10 else {
        if rest.count < Self.maximumLine { rest.append(byte) } else { restIsCut = true }
        continue
      }
      try endLine(each)
    }
  }

  /// To be called at the end of the file.
  /// - Parameter each: gets the last entry, if there is one.
  public mutating func finish(_ each: (TraceEntry) throws -> Void) rethrows {
    if !rest.isEmpty { try endLine(each) }
    if let entry { try each(entry) }
    entry = nil
  }

  private mutating func endLine(_ each: (TraceEntry) throws -> Void) rethrows {
    number += 1
    let (bytes, isCut) = (rest, restIsCut)
    rest.removeAll(keepingCapacity: true)
    restIsCut = false
    if let next = Self.entry(titled: bytes, line: number) {
      if let entry { try each(entry) }
      (entry, size) = (next, 0)
      return
    }
    guard entry != nil else { return }
    guard size + bytes.count <= Self.maximumEntry, entry?.lines.count ?? 0 < Self.maximumLines else {
      entry?.isCut = true
      return
    }
    size += bytes.count
    entry?.lines.append(String(decoding: bytes, as: UTF8.self))
    if isCut { entry?.isCut = true }
  }

  /// nil when the line is no title.
  private static func entry(titled bytes: [UInt8], line: Int) -> TraceEntry? {
    let mark = Array("===== ".utf8)
    guard bytes.starts(with: mark), bytes.count <= 4096 else { return nil }
    let text = String(decoding: bytes.dropFirst(mark.count), as: UTF8.self)
    let words = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
    guard words.count == 2, let time = RFC3339.date(from: String(words[0])) else { return nil }
    let direction: TraceEntry.Direction? =
      if words[1].hasPrefix("-> ") { .sent } else if words[1].hasPrefix("<- ") { .received } else { nil }
    let title = direction == nil ? words[1] : words[1].dropFirst(3)
    return TraceEntry(line: line, time: time, direction: direction, title: String(title), lines: [], isCut: false)
  }
}

extension TraceReader {
  /// Why a file cannot be read as a trace.
  public enum Failure: Error, LocalizedError, CustomStringConvertible {
    case cannotRead(path: String, reason: String)

    public var description: String {
      switch self {
      case .cannotRead(let path, let reason): "\(path) cannot be read: \(reason)"
      }
    }
    public var errorDescription: String? { description }
  }

  private static let pieceLength = 1 << 18

  /// Reads a file once through.
  /// - Throws: `Failure`, and what `each` throws.
  public static func read(_ path: String, _ each: (TraceEntry) throws -> Void) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Failure.cannotRead(path: path, reason: String(cString: strerror(errno))) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    // It is read twice, which a pipe cannot be.
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Failure.cannotRead(path: path, reason: "it is no ordinary file")
    }
    var reader = TraceReader()
    while let piece = try file.read(upToCount: pieceLength), !piece.isEmpty { try reader.take(piece, each) }
    try reader.finish(each)
  }
}
