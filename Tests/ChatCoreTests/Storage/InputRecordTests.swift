// InputRecordTests.swift: drafts and entered lines on the disk: several programs, their ends, limits, what is forgotten
import Foundation
import GRDB
import TestSupport
import Testing

@testable import ChatCore

@Suite struct InputRecordTests {
  private let folder: TemporaryFolder
  private let store: AccountStore

  init() throws {
    folder = try TemporaryFolder()
    store = try AccountStore(directory: folder.file("account"), exclusive: false)
  }

  private func drafts(_ record: InputRecord) throws -> [String] {
    try record.drafts().map { "\($0.room): \($0.text)" }
  }

  @Test func aDraftStaysUntilItIsEmptyAndKeepsWhatItIsAbout() async throws {
    do {
      let record = try InputRecord(store)
      try await record.write([
        .draft(Draft(room: "a", text: "/reply yes", about: 7)), .draft(Draft(room: "b", text: "b 1")),
        .draft(Draft(room: "b", text: "b 2")), .draft(Draft(room: "", text: "/jo")),
      ])
    }
    let again = try InputRecord(store)
    #expect(
      try again.drafts() == [
        Draft(room: "", text: "/jo"), Draft(room: "a", text: "/reply yes", about: 7), Draft(room: "b", text: "b 2"),
      ])
    try await again.write([.draft(Draft(room: "b", text: "")), .draft(Draft(room: "", text: ""))])
    #expect(try drafts(try InputRecord(store)) == [] && drafts(again) == ["a: /reply yes"])
  }

  @Test func programsBesideOneAnotherDoNotTouchEachOthersDraftsAndTheirEndHandsThemOn() async throws {
    var first: InputRecord? = try InputRecord(store)
    var second: InputRecord? = try InputRecord(store)
    try await first?.write([.draft(Draft(room: "a", text: "older")), .draft(Draft(room: "b", text: "same"))])
    let later = Date().addingTimeInterval(1)
    try await second?.write(
      [.draft(Draft(room: "a", text: "later")), .draft(Draft(room: "b", text: "same"))], at: later)
    #expect(try first.map(drafts) == ["a: older", "b: same"])
    #expect(try second.map(drafts) == ["a: later", "b: same"])
    // Neither is taken from a program that runs.
    #expect(try drafts(try InputRecord(store)) == [])
    first = nil
    second = nil
    let heir = try InputRecord(store)
    #expect(try drafts(heir) == ["a: later", "b: same"])
    #expect(try await heir.lines(of: "a") == ["older"])
    #expect(try await heir.lines(of: "b") == [])
  }

  @Test func twoHundredLinesOfARoomAreKept() async throws {
    let record = try InputRecord(store)
    try await record.write((1...250).map { .entered(room: "a", line: "line \($0)") })
    try await record.write([
      .entered(room: "b", line: "other"), .entered(room: "b", line: "other"), .entered(room: "b", line: ""),
      .entered(room: "b", line: String(repeating: "x", count: 300 * 1024)),
    ])
    let lines = try await record.lines(of: "a")
    #expect(lines.count == 200 && lines.first == "line 51" && lines.last == "line 250")
    #expect(try await record.lines(of: "b") == ["other"])
    let count = try await store.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM enteredLine") }
    #expect(count == 201)
  }

  @Test func whatIsForgottenOrRetractedLeavesTheLinesToo() async throws {
    let record = try InputRecord(store)
    try await record.write([
      .entered(room: "a", line: "secret"), .entered(room: "a", line: "/reply secret"),
      .entered(room: "a", line: "no secret"), .entered(room: "b", line: "secret"),
      .draft(Draft(room: "a", text: "typed")),
    ])
    try await store.database.write { try InputRecord.forget($0, room: "a", line: "secret") }
    #expect(try await record.lines(of: "a") == ["no secret"])
    try await store.forget(room: "a")
    #expect(try await record.lines(of: "a") == [])
    #expect(try await record.lines(of: "b") == ["secret"])
    #expect(try drafts(record) == [])
  }
}
