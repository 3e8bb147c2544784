// RoomsToResumeTests.swift: the order in which rooms are taken up again
import Testing

@testable import ChatCore

struct RoomsToResumeTests {
  @Test func eachComesOnceInOrderAndOutOfTurnWhenAskedFor() {
    var rooms = RoomsToResume(["a", "b", "c", "d", "e"])
    #expect(rooms.next() == "a")
    #expect(rooms.take("d") && !rooms.take("d") && !rooms.take("a") && !rooms.take("unknown"))
    rooms.drop("b")
    #expect(rooms.isUnderWay("a") && rooms.isUnderWay("d") && !rooms.isUnderWay("b") && !rooms.isUnderWay("c"))
    rooms.finish("d")
    #expect(!rooms.isUnderWay("d"))
    #expect(rooms.next() == "c" && rooms.next() == "e" && rooms.next() == nil)
  }
}
