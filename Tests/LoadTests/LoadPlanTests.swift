// LoadPlanTests.swift: when texts are due, and how they are counted
import Foundation
import TestSupport
import Testing

@testable import Load

@Suite struct LoadPlans {
  @Test func theRateGrowsEvenlyAndIsKept() {
    var plan = LoadPlan()
    (plan.rate, plan.ramp, plan.time) = (10, 4, 6)
    let due = (0..<plan.texts).map(plan.due)
    #expect(plan.texts == 80 && due.first == 0 && due == due.sorted())
    // In the middle of the ramp half the rate, and afterwards all of it.
    #expect(due.count { (1.5..<2.5).contains($0) } == 5)
    #expect(due.count { (6.0..<7).contains($0) } == 10)
    #expect((9.8...10).contains(due.last ?? 0))
    plan.ramp = 0
    #expect(plan.texts == 60 && plan.due(0) == 0 && plan.due(15) == 1.5)
  }

  @Test func whatCannotBeIsNamed() {
    var plan = LoadPlan()
    #expect(plan.flaw(accounts: 2) == nil && plan.flaw(accounts: 1) != nil)
    let flaws: [(inout LoadPlan) -> Void] = [
      { $0.members = 3 }, { $0.members = 1 }, { $0.rooms = 0 }, { $0.rate = 0 }, { $0.rate = .nan },
      { $0.time = .infinity }, { $0.ramp = -1 }, { $0.size = 1 }, { $0.errorLimit = 0 }, { $0.patience = .nan },
      { ($0.rate, $0.time) = (10_000, 80_000) },
    ]
    for (index, flaw) in flaws.enumerated() {
      plan = LoadPlan()
      flaw(&plan)
      #expect(plan.flaw(accounts: 2) != nil, "\(index)")
    }
  }

  @Test func textsAreKnownAgainByTheirRun() {
    let text = LoadText.text(7, run: "ABC", size: 80)
    #expect(text.utf8.count == 80 && LoadText.number(text, run: "ABC") == 7)
    for other in ["", "hello", "limeade load ABC", "limeade load ABC x", text.replacing("ABC", with: "ABD")] {
      #expect(LoadText.number(other, run: "ABC") == nil)
    }
  }
}

@Suite struct TextLedgers {
  @Test func lostAndDoubledCopiesAreCounted() {
    let ledger = TextLedger(run: "R")
    let start = ContinuousClock.now - .seconds(20)
    for number in 0..<4 { ledger.begin(number, due: start, to: [1, 2]) }
    for device in [1, 2, 2] { ledger.arrived(0, at: device, start + .milliseconds(30)) }
    ledger.arrived(1, at: 1, start + .milliseconds(10))
    ledger.fail(2)
    ledger.fail(2)
    ledger.arrived(9, at: 1, .now)
    let second = ledger.second(20, patience: 10)
    #expect(second.counts.sent == 4 && second.counts.receivedByAll == 1 && second.counts.copies == 3)
    #expect(second.counts.doubled == 1 && second.counts.failed == 1)
    #expect(second.counts.lost == 2, "one came to one of two members, one to nobody")
    #expect(second.received.map { $0.count == 3 && (0.0299...0.0301).contains($0.p99) } == true)
    #expect(ledger.second(21, patience: 10).received == nil)
    #expect(ledger.errorRate(patience: 10, atLeast: 4) == nil)
    #expect(ledger.errorRate(patience: 10, atLeast: 3) == 100)
    #expect(ledger.errorRate(patience: 30, atLeast: 1) == 100, "a refused text does not wait for its time")
  }

  @Test func percentilesAreThoseOfTheSample() {
    var histogram = LatencyHistogram()
    #expect(histogram.latency == nil)
    for value in 1...1000 { histogram.record(.milliseconds(value)) }
    histogram.record(.seconds(1_000_000_000_000))
    histogram.record(.seconds(-5))
    let latency = histogram.latency
    #expect(latency?.count == 1002)
    #expect((0.499...0.502).contains(latency?.p50 ?? 0) && (0.99...0.993).contains(latency?.p99 ?? 0))
    #expect((3590...3610).contains(latency?.max ?? 0))
  }
}
