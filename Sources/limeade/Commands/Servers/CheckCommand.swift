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
      limeade check --with bob
          tries everything, as the default account and as account bob
      limeade check
          what one account can try
      limeade check --flexisip-conf FILE
          reads the server's configuration only; with --account or --with, does both
          and points at its lines
      limeade check --flexisip-conf flexisip.conf \\
        --conference-conf flexisip-conference.conf
          both files of a Flexisip from 2.6 on, and what they must have in common

      The check uses devices of its own, made for it and removed afterwards, and sends each request once. The other \
      members of the two accounts' rooms see these devices come and go: take accounts made for tests. Ctrl-C and \
      SIGTERM end it and remove them too, within 5 seconds. What a check has left that was killed, or whose server \
      fell silent, the next one with the same account removes; until then it is in $XDG_STATE_HOME/limeade/check.

      limeade check --with bob --watch 60 --format prometheus \\
          --output /var/lib/node_exporter/limeade.prom

      With --watch one room and a device of each account are kept, and each round sends a text each way: quiet enough \
      for a server in use, on which it prints what changes (-v: each round). Ctrl-C and SIGTERM end it and take \
      everything away again.

      Exit code 0 when every step that was tried has passed and the files have no error, 76 when a step has failed, 78 \
      when a file has an error. Warnings do not count. With --format nagios 0 (OK), 1 (warnings in a file), 2 \
      (something failed) and 3 (nothing could be tried).
      """)

  @OptionGroup var options: GlobalOptions
  @OptionGroup var output: CheckOutputOptions
  @Option(help: ArgumentHelp("A second account of the configuration file, to be invited.", valueName: "account2"))
  var with: String?
  @Option(
    help: ArgumentHelp(
      "The server's configuration file; several times for a set-up of several files.", valueName: "file"),
    completion: .file())
  var flexisipConf: [String] = []
  @Option(
    help: ArgumentHelp("The conference server's configuration file, from Flexisip 2.6 on.", valueName: "file"),
    completion: .file())
  var conferenceConf: String?
  @Flag(help: "The files are copies from another machine: look at no path or port that they name.")
  var elsewhere = false
  @Option(
    help: ArgumentHelp(
      "The Flexisip that reads the files, such as 2.6 or 2.5.2 (default: what the server says of itself, else the one on this machine).",
      valueName: "version"))
  var flexisipVersion: String?
  @Option(
    help: ArgumentHelp(
      "The flexisip-conference that reads its file, such as 1.0 (default: the one that belongs to the Flexisip).",
      valueName: "version"))
  var conferenceVersion: String?
  @Option(help: "Seconds to wait for an answer; what another device sends gets twice as long.") var timeout = 10.0

  func validate() throws {
    guard (0.5...300).contains(timeout) else { throw ValidationError("--timeout is between 0.5 and 300 seconds") }
    _ = try output.format(json: options.json)
    if output.watch != nil, with == nil { throw ValidationError("--watch needs a second account: --with ACCOUNT2") }
    guard flexisipVersion.map({ FlexisipVersion($0) != nil }) ?? true else {
      throw ValidationError("--flexisip-version is a version such as 2.6 or 2.5.2")
    }
    guard conferenceVersion.map({ FlexisipVersion($0) != nil }) ?? true else {
      throw ValidationError("--conference-version is a version such as 1.0")
    }
  }

  func run() async throws {
    let format = try output.format(json: options.json)
    do { try await check(format) } catch let error where format == .nagios && ExitStatus.isOurs(error) {
      // A plugin's words are on standard output.
      Output.printed(CheckSummary.nagios(unknown: ExitStatus.text(of: error)))
      throw ExitCode(3)
    }
  }

  private func check(_ format: CheckFormat) async throws {
    let isLive = (flexisipConf.isEmpty && conferenceConf == nil) || options.account != nil || with != nil
    let account = isLive || options.config != nil ? try options.accountConfiguration() : nil
    let other = try with.map { try ConfigurationFile(path: options.config).account(named: $0) }
    if let account, let other, account.address == other.address {
      throw ValidationError("--with needs an account with another address than \(account.address)")
    }
    let report = CheckReport(
      format, account: isLive ? account?.address.description : nil, trace: options.trace)
    let trace = isLive ? try options.wireTrace(continues: false) : nil
    var setup = try readSetup()
    var findings: [ConfFinding] = []
    if setup != nil {
      let version = await version(of: isLive ? account : nil)
      setup?.assign(version: version, conferenceVersion: conferenceVersion.flatMap { FlexisipVersion($0) })
    }
    if let setup {
      let client = account.map {
        ConfClient(address: $0.address, outboundProxy: $0.outboundProxy, conferenceFactory: $0.conferenceFactory)
      }
      findings = ConfCheck.findings(in: setup, client: client, isServersMachine: !elsewhere)
      for finding in findings { report.show(finding) }
      report.conclude(findings, setup)
    }
    var passed = true
    var timeouts = LiveCheck.Timeouts()
    timeouts.answer = timeout
    timeouts.arrival = timeout * 2
    if let interval = output.watch, let account, let other {
      let watch = RoomWatch(
        account: account, other: other, conf: setup?.joined, findings: findings, timeouts: timeouts, trace: trace,
        logger: try options.logger())
      return try await CheckWatch(
        watch: watch, interval: interval, format: format, output: output.output, isVerbose: options.verbose
      ).run()
    }
    if isLive, let account {
      let check = LiveCheck(
        account: account, other: other, conf: setup?.joined, findings: findings, timeouts: timeouts,
        notes: ConfigurationFile.stateDirectory(account: "check"), trace: trace,
        logger: try options.logger()
      ) { report.show($0) }
      let end = await check.runUntilInterrupted()
      if let signal = end.signal { throw ExitCode(128 + signal) }
      passed = end.passed
    }
    try report.finish(to: output.output)
    if format == .nagios {
      if report.verdict != .good { throw ExitCode(report.verdict.rawValue) }
      return
    }
    if findings.contains(where: { $0.severity == .error }) { throw ExitCode(78) }
    if !passed { throw ExitCode(76) }
  }

  private func readSetup() throws -> FlexisipSetup? {
    guard !flexisipConf.isEmpty || conferenceConf != nil else { return nil }
    do {
      return try FlexisipSetup(
        files: flexisipConf.map { try FlexisipConf(path: $0) },
        conference: conferenceConf.map { try FlexisipConf(path: $0) })
    } catch { throw CommandFailure.badConfiguration(ExitStatus.text(of: error)) }
  }

  /// Seconds for the server to say which version it is.
  private static let versionTime = 3.0

  /// - Parameter account: whose server runs the files; nil when it is not asked.
  private func version(of account: AccountConfiguration?) async -> FlexisipVersion? {
    if let flexisipVersion { return FlexisipVersion(flexisipVersion) }
    if let account, let version = await FlexisipVersion.ofServer(of: account, timeout: min(timeout, Self.versionTime)) {
      return version
    }
    return elsewhere ? nil : LabCommand.installedFlexisip().flatMap { FlexisipVersion($0) }
  }
}
