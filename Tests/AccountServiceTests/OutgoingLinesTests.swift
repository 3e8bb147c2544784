// OutgoingLinesTests.swift: a client that does not read costs a bounded amount of memory, and is told what it missed.
import Foundation
import Testing

@testable import AccountService

@Suite struct OutgoingLinesOfAClient {
  private static func pair() throws -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    return (ends[0], ends[1])
  }

  /// What a client reads that comes back after `fill`.
  private static func read(_ fill: (OutgoingLines) -> Void) throws -> [String] {
    let (ours, theirs) = try pair()
    defer { close(theirs) }
    let lines = OutgoingLines()
    fill(lines)
    lines.finish()
    let thread = Thread {
      lines.run(to: ours)
      close(ours)
    }
    thread.start()
    var reader = LineReader(theirs, limit: 64 << 20)
    var read: [String] = []
    while let line = try reader.next() { read.append(String(decoding: line, as: UTF8.self)) }
    return read
  }

  @Test func eventsBeyondTheLimitAreCountedAndAnswersAreKept() throws {
    let read = try Self.read { lines in
      for number in 0..<5000 { lines.addEvent("event \(number)") }
      for number in 0..<2000 { lines.add("answer \(number)") }
    }
    let kept = OutgoingLines.eventLimit
    #expect(read.filter { $0.hasPrefix("event ") } == (0..<kept).map { "event \($0)" })
    #expect(read.filter { $0.hasPrefix("answer ") }.count == 2000)
    #expect(read.filter { $0.contains("events.lost") } == [RPC.notification("events.lost", ["count": 5000 - kept])])
  }

  @Test func largeEventsAreLimitedByTheirBytes() throws {
    let large = String(repeating: "x", count: 1 << 20)
    let read = try Self.read { lines in for _ in 0..<100 { lines.addEvent(large) } }
    #expect(read.count { $0 == large } == OutgoingLines.eventByteLimit >> 20)
    #expect(read.last == RPC.notification("events.lost", ["count": 100 - (OutgoingLines.eventByteLimit >> 20)]))
  }

  @Test func whatIsAddedToAFinishedConnectionIsReportedAsGone() async throws {
    let lines = OutgoingLines()
    lines.finish()
    await withCheckedContinuation { continuation in lines.add("late") { continuation.resume() } }
    let (ours, theirs) = try Self.pair()
    close(theirs)
    lines.run(to: ours)
    close(ours)
  }

  @Test func aLineThatIsTooLongIsRefusedAndThoseBeforeItAreRead() throws {
    let (ours, theirs) = try Self.pair()
    defer { close(theirs) }
    #expect(LineWriter.write("one\ntwo\n" + String(repeating: "x", count: 100_000), to: ours))
    close(ours)
    var reader = LineReader(theirs, limit: 1000)
    #expect(try reader.next() == Data("one".utf8))
    #expect(try reader.next() == Data("two".utf8))
    #expect(throws: LineReader.Failure.self) { while try reader.next() != nil {} }
  }
}
