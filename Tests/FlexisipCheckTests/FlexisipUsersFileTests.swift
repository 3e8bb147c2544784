// FlexisipUsersFileTests.swift: the file of users, as Flexisip's grammar reads it: one fault keeps the server from starting
import FlexisipCheck
import Foundation
import Testing

@Suite struct UsersFileFindings {
  private static let first = "version:1\n"

  private func findings(_ users: String, algorithms: String? = "MD5 SHA-256") throws -> [ConfFinding] {
    let server = try Server()
    try Data(users.utf8).write(to: URL(fileURLWithPath: server.template.usersPath))
    let line = algorithms.map { "available-algorithms=\($0)" }
    let client = try ConfClient(
      address: #require(.init("sip:alice@sip.example.org")), conferenceFactory: server.client.conferenceFactory)
    return server.findings(try server.changing("available-algorithms=", to: line), client: client)
  }

  @Test(
    arguments: [
      "alice@sip.example.org clrtxt:secret ;\n", "alice@sip.example.org clrtxt:secret ; alice 0612345678\n",
      "# users\n\nalice@sip.example.org\tmd5:5ebe2294ecd0e0f08eab7690d2a6ee69 clrtxt:x ;\t\r\n",
      "# café $5\nsip.example.org clrtxt:x ;\nalice@sip.example.org clrtxt:p%40ss-1!~ ;\n",
    ])
  func aFileThatFlexisipReadsHasNone(_ users: String) throws {
    let found = try findings(Self.first + users)
    #expect(found.isEmpty, "\(found.map(\.headline))")
  }

  @Test(
    arguments: [
      ("version: 1\nalice@sip.example.org clrtxt:secret ;\n", 1, "without blanks"),
      ("version:2\nalice@sip.example.org clrtxt:secret ;\n", 1, "only version 1"),
      ("\u{FEFF}version:1\nalice@sip.example.org clrtxt:secret ;\n", 1, "without blanks"),
      ("alice@sip.example.org clrtxt:secret ;\n", 1, "first line"), ("", 1, "empty"),
      ("version:1\nalice@sip.example.org clrtxt:secret ;", 2, "no newline"),
      ("version:1\nalice@sip.example.org clrtxt:p@ss#1 ;\n", 2, "'@'"),
      ("version:1\nalice@sip.example.org clrtxt:a&b ;\n", 2, "'&'"),
      ("version:1\nalice@sip.example.org clrtxt:pass(1) ;\n", 2, "'('"),
      ("version:1\nalice@sip.example.org plain:secret ;\n", 2, "'plain' is no algorithm"),
      ("version:1\nalice@sip.example.org secret ;\n", 2, "no algorithm"),
      ("version:1\nalice@sip.example.org clrtxt:secret;\n", 2, "a blank is missing"),
      ("version:1\nalice@sip.example.org clrtxt:secret\n", 2, "' ;'"),
      ("version:1\nalice@sip.example.org ;\n", 2, "no password"),
      ("version:1\nalice@sip.example.org clrtxt:x ; a b c\n", 2, "phone number"),
      ("version:1\n alice@sip.example.org clrtxt:x ;\n", 2, "a blank stands before"),
      ("version:1\nal ice@sip.example.org clrtxt:x ;\n", 2, "no algorithm"),
      ("version:1\n# users (all)\nalice@sip.example.org clrtxt:x ;\n", 2, "'('"),
    ])
  func aFileThatFlexisipRefusesIsNamedWithItsLine(_ users: String, _ line: Int, _ says: String) throws {
    let found = try findings(users)
    let finding = try #require(found.first)
    #expect(found.count == 1, "\(found.map(\.headline))")
    #expect(finding.key == "file-path" && finding.severity == .error && finding.preventsStart)
    #expect(finding.problem.contains("users.db:\(line): ") && finding.problem.contains(says), "\(finding.problem)")
  }

  @Test func aHashThatNoChallengeAsksForLocksItsUserOut() throws {
    let hash = String(repeating: "ab", count: 32)
    let all = try findings(Self.first + "alice@sip.example.org sha256:\(hash) ;\n", algorithms: nil)
    let finding = try #require(all.first)
    #expect(all.count == 1 && finding.key == "available-algorithms" && finding.severity == .error)
    #expect(finding.correction == "available-algorithms=MD5 SHA-256" && finding.problem.contains("nobody can log in"))
    #expect(try findings(Self.first + "alice@sip.example.org sha256:\(hash) ;\n").isEmpty)
    let some = try findings(
      Self.first + "alice@sip.example.org clrtxt:x ;\nbob@sip.example.org sha256:\(hash) ;\n", algorithms: "MD5")
    #expect(some.map(\.severity) == [.warning] && some.first?.problem.contains("bob@sip.example.org") == true)
    let capitals = try findings(Self.first + "alice@sip.example.org CLRTXT:x ;\n")
    #expect(capitals.first?.problem.contains("small letters") == true)
  }
}

@Suite struct PasswordRequests {
  @Test(
    arguments: [
      ("select password from accounts where where login = :id", "'where' is there twice"),
      ("SELECT password, algorithm FROM FROM accounts WHERE login = :id", "'from' is there twice"),
      ("select password from accounts where login = ':id and domain = :domain", "not closed"),
      ("select password from accounts", "without :id"), ("password from accounts where login = :id", "no SELECT"),
    ])
  func aRequestThatIsNoSQLIsNamedWithoutTheDatabase(_ request: String, _ says: String) throws {
    let server = try Server()
    func found(_ request: String) throws -> [ConfFinding] {
      let lines = "db-implementation=soci\nsoci-backend=sqlite3\nsoci-password-request=\(request)"
      return server.findings(try server.changing("db-implementation=file", to: lines))
    }
    let first = try #require(try found(request).first)
    #expect(first.key == "soci-password-request" && first.problem.contains(says), "\(first.problem)")
    let corrected = first.correction.replacing("soci-password-request=", with: "")
    #expect(try found(corrected).isEmpty)
  }
}
