// KeyServerHoldTests.swift: how long a key server is left alone.
import Foundation
import Testing

@testable import ChatCore

@Suite struct KeyServerHoldTests {
  @Test func eachRefusalDoublesTheWaitUpToAnHourAndAnAnswerEndsIt() {
    let start = Date(timeIntervalSince1970: 1_800_000_000)
    var hold = KeyServerHold()
    #expect(hold.remaining(at: start) == nil)
    var waits: [TimeInterval] = []
    for _ in 0..<9 {
      hold.refused(at: start)
      waits.append(hold.remaining(at: start) ?? 0)
    }
    #expect(waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600])
    #expect(hold.remaining(at: start.addingTimeInterval(3600)) == nil)
    hold.answered()
    hold.refused(at: start)
    #expect(hold.remaining(at: start) == 30)
  }
}
