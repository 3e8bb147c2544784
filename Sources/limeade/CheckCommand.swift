// CheckCommand.swift: limeade check: why chat rooms do not work, by trying them and by reading flexisip.conf.
import ArgumentParser
import ChatCore
import FlexisipCheck
import Foundation

struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Find out why chat rooms do not work on a Flexisip server.",
    discussion: """
      limeade check --flexisip-conf /etc/flexisip/flexisip.conf     reads the server's file only

      With --account (or --config) the file is compared with that account too. Exit code 0 when nothing is wrong; 78 when \
      the file has an error. Warnings do not count.
      """)

  @OptionGroup var options: GlobalOptions
  @Option(help: ArgumentHelp("The server's configuration file.", valueName: "file")) var flexisipConf: String?
  @Flag(help: "The file is a copy from another machine: look at no path or port that it names.") var elsewhere = false

  func run() async throws {
    guard let flexisipConf else { throw ValidationError("give --flexisip-conf FILE") }
    let client = try comparedAccount().map {
      ConfClient(address: $0.address, outboundProxy: $0.outboundProxy, conferenceFactory: $0.conferenceFactory)
    }
    let conf: FlexisipConf
    do { conf = try FlexisipConf(path: flexisipConf) } catch {
      throw CommandFailure.badConfiguration(ExitStatus.text(of: error))
    }
    let findings = ConfCheck.findings(in: conf, client: client, isServersMachine: !elsewhere)
    let report = CheckReport(json: options.json)
    for finding in findings { report.show(finding) }
    report.conclude(findings, path: flexisipConf)
    if findings.contains(where: { $0.severity == .error }) { throw ExitCode(78) }
  }

  /// Only an account that was asked for: the default one may belong to another server.
  private func comparedAccount() throws -> AccountConfiguration? {
    options.account == nil && options.config == nil ? nil : try options.accountConfiguration()
  }
}
