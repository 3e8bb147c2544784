// ConfMachineTests.swift: what keeps a server from starting on its machine is found in its file
import FlexisipCheck
import Foundation
import TestSupport
import Testing

@Suite struct ConfMachine {
  private static func findings(_ text: String, version: String? = nil) -> [ConfFinding] {
    ConfCheck.findings(in: FlexisipConf(path: "flexisip.conf", text: text), version: version)
  }

  @Test(arguments: ["sip:192.0.2.77:5999;transport=tcp", "sip:sip.example.org:5999;maddr=192.0.2.77"])
  func anAddressThatTheMachineDoesNotHave(transport: String) throws {
    let finding = try #require(Self.findings("[global]\ntransports=\(transport)\n").first { $0.key == "transports" })
    #expect(finding.preventsStart && finding.severity == .error && finding.line == 2)
    #expect(finding.problem.contains("has no address 192.0.2.77"), "\(finding.problem)")
    #expect(finding.remedy?.contains("maddr") == true)
  }

  @Test func addressesOfTheMachineAreRight() throws {
    let port = try LoopbackSocket.freePort()
    let transports = ["127.0.0.1", "*", "0.0.0.0", "[::1]"].map { "sip:\($0):\(port);transport=tcp" }
    for transport in transports {
      #expect(!Self.findings("[global]\ntransports=\(transport)\n").contains { $0.key == "transports" }, "\(transport)")
    }
  }

  @Test func aPortInUseIsFoundWithWhoHasIt() throws {
    let holder = try LoopbackSocket.listening()
    let text = "[global]\ntransports=sip:127.0.0.1:\(holder.port);transport=tcp\n"
    let finding = try #require(Self.findings(text).first { $0.key == "transports" })
    #expect(finding.preventsStart)
    #expect(finding.problem.contains("taken by"), "\(finding.problem)")
    #expect(finding.problem.contains("process \(getpid())"), "\(finding.problem)")
  }

  @Test func aFileThatIsACopyIsNotComparedWithThisMachine() {
    let conf = FlexisipConf(path: "flexisip.conf", text: "[global]\ntransports=sip:192.0.2.77:5060;transport=tcp\n")
    #expect(!ConfCheck.findings(in: conf, isServersMachine: false).contains { $0.key == "transports" })
  }

  // MARK: Certificates

  private static func tls(_ certificate: URL, _ key: URL) -> String {
    """
    [global]
    transports=sips:127.0.0.1:0
    tls-certificates-file=\(certificate.path)
    tls-certificates-private-key=\(key.path)

    """
  }

  @Test func aCertificateThatHasExpired() async throws {
    let authority = try await TestAuthority()
    let old = try await authority.issue("IP:127.0.0.1", days: -1)
    for (version, prevents) in [("2.2", false), ("2.5", true)] {
      let finding = try #require(
        Self.findings(Self.tls(old.certificate, old.key), version: version).first { $0.key == "tls-certificates-file" })
      #expect(finding.problem.contains("expired on") && finding.severity == .error, "\(finding)")
      #expect(finding.preventsStart == prevents)
    }
  }

  @Test func aKeyOfAnotherCertificate() async throws {
    let authority = try await TestAuthority()
    let one = try await authority.issue("IP:127.0.0.1", days: 90)
    let other = try await authority.issue("IP:127.0.0.1", days: 90)
    #expect(Self.findings(Self.tls(one.certificate, one.key)).allSatisfy { !$0.key.hasPrefix("tls-") })
    let finding = try #require(
      Self.findings(Self.tls(one.certificate, other.key)).first { $0.key == "tls-certificates-private-key" })
    #expect(finding.problem.contains("is not the key of the certificate"), "\(finding)")
  }

  @Test func theFolderOfCertificatesNeedsAgentPem() async throws {
    let folder = try TemporaryFolder()
    let text = "[global]\ntransports=sips:127.0.0.1:0\ntls-certificates-dir="
    func finding(_ path: String) -> ConfFinding? {
      Self.findings("\(text)\(path)\n", version: "2.2").first {
        $0.key == "tls-certificates-dir" && $0.severity == .error
      }
    }
    #expect(finding("/nowhere/tls")?.problem.contains("does not exist") == true)
    #expect(finding(folder.url.path)?.problem.contains("agent.pem") == true)
    let authority = try await TestAuthority()
    defer { withExtendedLifetime(authority) {} }
    let identity = try await authority.issue("IP:127.0.0.1", days: 90)
    let certificate = try String(contentsOf: identity.certificate, encoding: .utf8)
    let file = folder.file("agent.pem")
    try certificate.write(to: file, atomically: true, encoding: .utf8)
    #expect(finding(folder.url.path)?.problem.contains("does not hold the certificate's key") == true)
    try (certificate + String(contentsOf: identity.key, encoding: .utf8))
      .write(to: file, atomically: true, encoding: .utf8)
    #expect(finding(folder.url.path) == nil)
  }

  // MARK: Routes

  @Test(arguments: [
    ("<sip:127.0.0.1:5070;transport=tcp;lr> request.uri.domian == 'a'", "request.uri.domian"),
    ("sip:127.0.0.1:5070 *", "no route in <>"), ("<sip:127.0.0.1:5070>", "no condition"),
    ("<127.0.0.1> *", "no SIP URI"), ("# all\n\n<sip:127.0.0.1:5070>   request.uri.domain == ", "cannot be read"),
  ])
  func aFileOfRoutesThatCannotBeRead(text: String, words: String) throws {
    let folder = try TemporaryFolder()
    let file = folder.file("routes.conf")
    try text.write(to: file, atomically: true, encoding: .utf8)
    let finding = Self.findings("[module::Forward]\nroutes-config-path=\(file.path)\n")
      .first { $0.key == "routes-config-path" }
    #expect(
      finding?.preventsStart == true && finding?.problem.contains(words) == true, "\(String(describing: finding))")
  }

  @Test func rightRoutesPass() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("routes.conf")
    let text = """
      # to the gateway
      <sip:127.0.0.1:5070;transport=tcp;lr>  request.uri.domain == 'gw.example.org'
          && request.method-name == 'INVITE'
      <sip:127.0.0.1:5071;lr> *

      """
    try text.write(to: file, atomically: true, encoding: .utf8)
    #expect(
      !Self.findings("[module::Forward]\nroutes-config-path=\(file.path)\n").contains { $0.key == "routes-config-path" }
    )
  }
}
