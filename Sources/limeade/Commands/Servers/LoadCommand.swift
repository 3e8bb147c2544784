// LoadCommand.swift: limeade load: how much a server takes, with many accounts that write at a given rate.
import ArgumentParser
import ChatCore
import FlexisipCheck
import Foundation
import Load
import MessageFormats

struct LoadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Find out how many texts a server takes.",
    discussion: """
      limeade load --accounts users.txt --rooms 4 --members 5 --rate 20 --time 60 \\
          --svg load.svg

      The accounts are the file's names in the domain of the account of --account, with its servers; make them for it. \
      Each gets a device of its own, made for it and removed afterwards. Texts are sent when they are due, whether \
      answers come or not, and times count from then. The rate grows evenly at first, and too many errors end it.

      It asks before it starts, unless everything is on this machine. Ctrl-C and SIGTERM end it, and everything is taken \
      away again.

      Exit code 0 when every text came to all members once, 76 when not.
      """)

  @OptionGroup var options: GlobalOptions
  @Option(help: "File with lines name:password.", completion: .file()) var accounts: String
  @Option(help: "Rooms that are written to in turn.") var rooms = 1
  @Option(help: "Members of each room.") var members = 2
  @Option(help: "Texts a second, in all rooms together.") var rate = 1.0
  @Option(help: "Seconds at that rate.") var time = 30.0
  @Option(help: "Seconds in which the rate is reached.") var ramp = 5.0
  @Option(help: "Bytes of a text.") var size = 60
  @Flag(help: "Without end-to-end encryption.") var plain = false
  @Option(help: "Seconds after which a text that is not with all members is lost.") var timeout = 10.0
  @Option(help: "Percent of lost and failed texts at which it stops.") var errorLimit = 10.0
  @Option(help: "Draw latency and texts over time into this file.", completion: .file()) var svg: String?
  @Flag(help: "Do not ask.") var yes = false

  func run() async throws {
    let template = try options.accountConfiguration(withPassword: false)
    let users = try UsersFile.read(accounts).users
    let names = Set(users.map(\.name))
    guard names.count == users.count else { throw CommandFailure.badConfiguration("\(accounts) has a name twice") }
    var plan = LoadPlan()
    (plan.rooms, plan.members, plan.rate, plan.time, plan.ramp) = (rooms, members, rate, time, ramp)
    (plan.size, plan.patience, plan.errorLimit) = (size, timeout, errorLimit)
    plan.isEncrypted = !plain
    if let flaw = plan.flaw(accounts: users.count) { throw ValidationError(flaw) }
    guard plain || template.keyServer != nil else {
      throw CommandFailure.badConfiguration(
        "the account \(template.name) has no key-server, without which nothing can be encrypted: set it, or use --plain"
      )
    }
    if let svg, !Self.canBeMade(svg) { throw CommandFailure.cannotWrite("\(svg) cannot be written") }
    try ask(plan, template, devices: users.count)
    Self.raiseLimitOfFiles()
    let accounts = users.map { Self.account(template, $0.name, $0.password) }
    for user in users { Redaction.hide(user.password) }
    let json = options.json
    let load = LoadRun(
      plan, accounts: accounts, trace: try options.wireTrace(), logger: try options.logger()
    ) { Self.show($0, json: json) }
    let signals = Interruption.signals()
    let listening = Task { for await signal in signals { load.stop(signal == SIGINT ? "Ctrl-C" : "signal \(signal)") } }
    let result = await load.perform()
    listening.cancel()
    Self.show(result, json: json)
    if let svg { try WholeFile.write(LatencyPlot.svg(result, title: Self.title(result, template)), to: svg) }
    if !result.isGood { throw ExitCode(76) }
  }

  private static func account(
    _ template: AccountConfiguration, _ name: String, _ password: String
  ) -> AccountConfiguration {
    var account = AccountConfiguration(
      name: name, address: SIPURI(user: name, host: template.address.host, port: template.registrationAddress.port),
      password: Password(password), outboundProxy: template.outboundProxy,
      conferenceFactory: template.conferenceFactory, keyServer: template.keyServer, curve: template.curve,
      caFile: template.caFile)
    (account.realm, account.nameServer) = (template.realm, template.nameServer)
    account.conferenceDomains = template.conferenceDomains
    return account
  }

  // MARK: Before it starts

  private func ask(_ plan: LoadPlan, _ account: AccountConfiguration, devices: Int) throws {
    guard !yes, !Self.isOnThisMachine(account) else { return }
    let domain = account.address.host
    let what = "\(devices) devices will write \(plan.texts) texts, up to \(plan.rate.brief) a second, by \(domain)"
    guard isatty(STDIN_FILENO) == 1 else {
      throw ValidationError("\(what), which is not this machine: --yes says that its administrator knows")
    }
    Output.noted("\(what).\nType the domain to begin: ")
    guard readLine()?.trimmingCharacters(in: .whitespaces) == domain else {
      throw ValidationError("that is not \(domain): nothing was sent")
    }
  }

  /// Whether SIP and HTTP go to loopback addresses, whatever DNS says.
  static func isOnThisMachine(_ account: AccountConfiguration) -> Bool {
    guard let proxy = account.outboundProxy else { return false }
    return ([proxy.host] + [account.keyServer?.host].compactMap { $0 }).allSatisfy { host in
      let host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")).lowercased()
      var four = in_addr()
      if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
      return host == "localhost" || host == "::1"
    }
  }

  private static func canBeMade(_ path: String) -> Bool {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    return access(folder, W_OK) == 0
  }

  /// A device has a connection and a database.
  private static func raiseLimitOfFiles() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  // MARK: What it says

  private static func show(_ progress: LoadRun.Progress, json: Bool) {
    switch progress {
    case .devices(let count, let all):
      if json {
        Output.line(JSONLine.string(["event": "devices", "count": count, "of": all]))
      } else if count == all {
        Output.line("\(count) devices are online")
      }
    case .rooms(let count, let all):
      if json {
        Output.line(JSONLine.string(["event": "rooms", "count": count, "of": all]))
      } else if count == all {
        Output.line("\(count) room(s) work")
      }
    case .second(let second):
      if json { return Output.line(JSONLine.string(fields(second).merging(["event": "second"]) { $1 })) }
      let counts = second.counts
      Output.line(
        "\(second.second) s: sent \(counts.sent), received by all \(counts.receivedByAll), acknowledged "
          + "\(counts.acknowledged), waiting \(second.waiting), lost \(counts.lost), failed \(counts.failed)"
          + (second.received.map { "; p50 \(time($0.p50)), p90 \(time($0.p90)), p99 \(time($0.p99))" } ?? ""))
    case .cleaning:
      if !json { Output.line("taking rooms, keys and devices away") }
    }
  }

  private static func show(_ result: LoadResult, json: Bool) {
    if json {
      var object = fields(result.counts)
      object["event"] = "load"
      (object["devices"], object["rooms"], object["members"]) = (result.devices, result.rooms, result.plan.members)
      (object["rate"], object["encrypted"]) = (result.plan.rate, result.plan.isEncrypted)
      (object["seconds"], object["ownLoad"]) = (rounded(result.duration), rounded(result.ownLoad))
      object["lag"] = rounded(result.lag)
      object["taken"] = result.taken.map(fields)
      object["received"] = result.received.map(fields)
      object["acknowledgedAfter"] = result.acknowledged.map(fields)
      object["stopped"] = result.stopped
      object["left"] = result.left
      return Output.line(JSONLine.string(object))
    }
    let counts = result.counts
    if let reason = result.stopped { Output.line("stopped: \(SafeLine.text(reason))") }
    Output.line("")
    let rows: [(String, Int)] = [
      ("texts sent", counts.sent), ("taken by the conference server", counts.taken),
      ("received by all members", counts.receivedByAll), ("acknowledged by all", counts.acknowledged),
      ("lost", counts.lost), ("failed", counts.failed), ("copies received", counts.copies),
      ("copies doubled", counts.doubled),
    ]
    for (name, count) in rows { Output.line(column(name, 34) + right("\(count)", 9)) }
    Output.line("")
    Output.line(
      column("after it was due, a text was", 34) + ["p50", "p90", "p99", "max"].map { right($0, 11) }.joined())
    for (name, latency) in [
      ("taken by the conference server", result.taken), ("received by a member", result.received),
      ("acknowledged by all", result.acknowledged),
    ] {
      guard let latency else { continue }
      let times = [latency.p50, latency.p90, latency.p99, latency.max]
      Output.line(column(name, 34) + times.map { right(time($0), 11) }.joined())
    }
    Output.line("")
    Output.line(
      "\(result.devices) devices, \(result.rooms) room(s) of \(result.plan.members), "
        + "\(result.plan.isEncrypted ? "encrypted" : "plain"), \(String(format: "%.1f", result.duration)) s; limeade "
        + "itself kept \(String(format: "%.2f", result.ownLoad)) processor(s) busy and wrote its texts up to \(time(result.lag)) late"
    )
    if result.ownLoad > busy || result.lag > late {
      Output.line("so the times may be limeade's own and not the server's")
    }
    for text in result.left { Output.note("limeade: left behind: \(SafeLine.text(text))") }
  }

  /// Processors: nearly all that one thread of SIP can do.
  private static let busy = 0.9
  /// Seconds.
  private static let late = 0.1

  private static func title(_ result: LoadResult, _ account: AccountConfiguration) -> String {
    "\(account.address.host): \(result.devices) devices, \(result.rooms) room(s) of \(result.plan.members), "
      + "\(result.plan.rate.brief) texts/s, \(result.plan.isEncrypted ? "encrypted" : "plain")"
  }

  private static func fields(_ counts: LoadCounts) -> [String: Any] {
    [
      "sent": counts.sent, "takenByServer": counts.taken, "receivedByAll": counts.receivedByAll,
      "acknowledged": counts.acknowledged, "failed": counts.failed, "lost": counts.lost, "doubled": counts.doubled,
      "copies": counts.copies,
    ]
  }

  private static func fields(_ second: LoadSecond) -> [String: Any] {
    var object = fields(second.counts)
    (object["second"], object["waiting"]) = (second.second, second.waiting)
    object["received"] = second.received.map(fields)
    return object
  }

  private static func fields(_ latency: LoadLatency) -> [String: Any] {
    [
      "count": latency.count, "p50": rounded(latency.p50), "p90": rounded(latency.p90), "p99": rounded(latency.p99),
      "max": rounded(latency.max),
    ]
  }

  private static func rounded(_ seconds: Double) -> Double { (seconds * 1_000_000).rounded() / 1_000_000 }

  private static func time(_ seconds: Double) -> String {
    seconds >= 10 ? String(format: "%.1f s", seconds) : String(format: "%.1f ms", seconds * 1000)
  }

  private static func column(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
