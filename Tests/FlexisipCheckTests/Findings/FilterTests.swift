// FilterTests.swift: what filters of flexisip.conf let into their modules
import FlexisipCheck
import Foundation
import Testing

@Suite struct ConfFilters {
  /// The findings of a file whose authentication has this filter.
  private func found(_ filter: String, in section: String = "module::Authentication") throws -> [ConfFinding] {
    let server = try Server(.v22)
    var lines = server.template.conf.components(separatedBy: "\n")
    if section == "module::Authentication" { lines.removeAll { $0.hasPrefix("filter=") } }
    let place = try #require(lines.firstIndex(of: "[\(section)]"))
    lines.insert("filter=\(filter)", at: place + 1)
    return server.findings(lines.joined(separator: "\n")).filter { $0.severity == .error }
  }

  @Test(arguments: [
    "!(user-agent contains 'Flexisip-conference')", "! (from.uri.user contains 'chatroom-' || from.uri.user == 'x')",
    "!from.uri.user regex 'chatroom-.*'", "from.uri.user in 'alice bob'", "user-agent nin 'Flexisip-conference/2.2.0'",
    "is_request && from.uri.user != 'chatroom-abc'",
  ]) func theFocusIsExemptAndClientsAreNot(filter: String) throws {
    #expect(try found(filter).isEmpty)
  }

  @Test(arguments: [
    "user-agent contains 'Flexisip-conference'", "request.method == 'FOO'", "from.uri.domain in 'other.example.org'",
    "false", "request.method != 'REGISTER' && !(user-agent contains 'Flexisip-conference')",
    "request.method == 'REGISTER' || !(from.uri.params contains 'gr=')",
  ]) func clientsThatAreExemptAreNamed(filter: String) throws {
    let errors = try found(filter)
    let first = try #require(errors.first { $0.key == "filter" }, "\(errors)")
    #expect(first.problem.contains("nobody is asked for a password"))
    #expect(first.problem.contains("wrong way round") == (filter.hasPrefix("user-agent")))
  }

  @Test(arguments: ["", "is_request", "numeric call-id || true", "from.uri.domain == 'sip.example.org'"])
  func aFocusThatIsNotExemptMustBeTrusted(filter: String) throws {
    #expect(try found(filter).map(\.key) == ["trusted-hosts"])
  }

  @Test(arguments: [
    "(user-agent", "'a", "user-agent contains", "user-agent 'a'", "&& true", "true)", "user-agent = 'a'",
  ])
  func whatCannotBeReadKeepsFlexisipFromStarting(filter: String) throws {
    let errors = try found(filter)
    #expect(errors.contains { $0.key == "filter" && $0.preventsStart }, "\(errors)")
  }

  @Test func routerAndRegistrarNeedTheirRequests() throws {
    let router = try found("!(request.method == 'MESSAGE')", in: "module::Router")
    #expect(router.map(\.key) == ["filter"] && router.first?.problem.contains("MESSAGE") == true, "\(router)")
    let registrar = try found("from.uri.domain == 'other.example.org'", in: "module::Registrar")
    #expect(registrar.map(\.section) == ["module::Registrar"], "\(registrar)")
    #expect(try found("true", in: "module::Router").isEmpty)
  }

  @Test func endlessFiltersAreNotRead() throws {
    for filter in [String(repeating: "(", count: 5000), String(repeating: "!", count: 900) + "true"] {
      #expect(try found(filter).contains { $0.key == "filter" && $0.preventsStart })
    }
  }
}
