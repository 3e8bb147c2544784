// LiveCheck.swift: tries chat rooms on a server step by step, each request once, and cleans up after itself
import ChatCore
import DigestAuth
import Foundation
import Logging
import MessageFormats
import ServerConnection

/// One run of the check. Results come through `report` as soon as a step has ended.
public actor LiveCheck {
  /// How long the check waits for others.
  public struct Timeouts: Sendable {
    /// For the answer to one request, in seconds.
    public var answer = 10.0
    /// For something that another device has to send, in seconds.
    public var arrival = 20.0

    public init() {}
  }

  let account: AccountConfiguration
  let other: AccountConfiguration?
  let timeouts: Timeouts
  let lookAround: LookAround
  let logger: Logger
  /// nil when nobody wants to see what goes over the wire.
  let trace: WireTrace?
  private let ranking: CauseRanking
  private let report: @Sendable (CheckResult) -> Void
  private var outcomes: [CheckStep: CheckResult.Outcome] = [:]
  private var blocker: String?

  var causes: CheckCauses
  var probe: SIPProbe?
  /// Makes the same connection again.
  var reconnect: (@Sendable () throws -> SIPProbe)?
  /// Of the probe's own registration.
  var probeDevice: ProbeDevice?
  var here: TemporaryDevice?
  var there: TemporaryDevice?
  /// Whether the registrar's answer lacked what our device can do.
  var showsNoSpecs = false
  /// Of the registrar's 401.
  var challenges: [DigestChallenge] = []
  /// As the conference server calls itself.
  var focusAgent = "Flexisip-conference"
  /// Where the conference server listens, by the server's configuration, else by default.
  let conferenceServer: SIPTransportAddress?
  /// Whether that is only Flexisip's default: nobody has said where it is.
  let isConferenceServerGuessed: Bool
  /// Files and folders that the server's configuration names.
  let files: [ServerFile]
  var hasLookedAtMachine = false
  /// Whether the first request got no answer.
  var isSilent = false
  /// Where the conference server sends to, by the server's configuration; nil without one.
  let outboundProxy: SIPTransportAddress?
  /// The address from which the conference server connects, by the server's configuration, else where it listens.
  let focusSource: String?
  /// Where the server listens, by its configuration.
  let listeners: [SIPTransportAddress]
  /// Of the answer to the first registration; nil when the server leaves the way to the client.
  var serviceRoute: SIPURI?
  /// Until when the registrar's last answer says that the probe's registration holds.
  var registeredUntil: ContinuousClock.Instant?
  var hasServerEnded = false
  /// What this check has made and not yet removed.
  let note: CheckNote?
  /// Where notes of earlier checks are; nil where none is to be taken up.
  let notes: URL?
  /// Of this check's rooms.
  let subject: String
  var isInterrupted = false
  /// The room that is being made, or the last one.
  var making: Task<RoomSummary, any Error>?
  /// Ends when everything was tried, or at `interrupt()`.
  private let end = AsyncStream.makeStream(of: Void.self)

  /// - Parameters:
  ///   - account: makes the rooms.
  ///   - other: is invited; nil leaves out what needs two.
  ///   - conf: the server's configuration, to point at its lines.
  ///   - conferenceServer: the URI where the conference server listens; by default what `conf` says, or Flexisip's.
  ///   - notes: the folder for what has to be removed again, if need be by the next check; nil for one that does not
  ///     outlive the machine's next start.
  public init(
    account: AccountConfiguration, other: AccountConfiguration? = nil, conf: FlexisipConf? = nil,
    findings: [ConfFinding] = [], conferenceServer: String? = nil, timeouts: Timeouts = Timeouts(),
    lookAround: LookAround = LookAround(), notes: URL? = nil, trace: WireTrace? = nil, logger: Logger,
    report: @escaping @Sendable (CheckResult) -> Void
  ) {
    self.account = account
    self.other = other
    self.timeouts = timeouts
    self.lookAround = lookAround
    self.trace = trace
    self.logger = logger
    self.report = report
    ranking = CauseRanking(conf: conf, findings: findings)
    focusSource = conf?.focusSource ?? conferenceServer.flatMap(SIPTransportAddress.init)?.host ?? "127.0.0.1"
    isConferenceServerGuessed = conferenceServer == nil && conf?.has(section: "conference-server") != true
    files = conf.map(Self.files) ?? []
    outboundProxy = conf.flatMap {
      $0.has(section: "conference-server") ? SIPTransportAddress($0.value("conference-server", "outbound-proxy")) : nil
    }
    listeners = conf?.words("global", "transports").compactMap(SIPTransportAddress.init) ?? []
    self.conferenceServer = SIPTransportAddress(
      conferenceServer ?? conf?.value("conference-server", "transport")
        ?? FlexisipKeys.defaultValue("conference-server", "transport"))
    let subject = "limeade check \(UUID().uuidString.prefix(8))"
    self.subject = subject
    self.notes = notes
    note =
      notes.flatMap { try? CheckNote.begin(in: $0, subject: subject) }
      // A folder that others share: its name cannot be guessed, and nothing that lies there is taken up.
      ?? (try? CheckNote.begin(in: FileManager.default.temporaryDirectory, named: "limeade-check", subject: subject))
    causes = CheckCauses(
      domain: account.address.host, factory: account.conferenceFactory,
      proxy: account.outboundProxy ?? SIPURI(user: nil, host: account.address.host, port: account.address.port))
  }

  /// - Returns: whether every step that was tried has passed.
  public func run() async -> Bool {
    let work = Task { await tryAll() }
    for await _ in end.stream {}
    if isInterrupted { await giveUp(work) }
    await cleanUp()
    for step in CheckStep.allCases where outcomes[step] == nil {
      let own = step.foundations.first(where: hasFailed).map { "'\($0.title)' has failed" }
      notTried(step, isInterrupted ? reasonLeftOut(step) : own ?? blocker ?? reasonLeftOut(step))
    }
    return !isInterrupted && !outcomes.values.contains(.failed)
  }

  private func reasonLeftOut(_ step: CheckStep) -> String {
    isInterrupted ? "interrupted" : "a step before it has failed"
  }

  private func tryAll() async {
    await tryServer()
    await tryKeyServer()
    await tryFileServer()
    if hasPassed(.challenge), !hasPassed(.clock), !hasFailed(.clock) { notTried(.clock, "no server sends a Date") }
    await tryRooms()
    end.continuation.finish()
  }

  /// Ends the check: what is tried is given up, and what was made is removed, within 5 seconds.
  public func interrupt() {
    isInterrupted = true
    end.continuation.finish()
  }

  // MARK: Steps

  /// Why a step failed.
  struct StepFailure: Error {
    var seen: String
    var causes: [CheckCause]

    init(_ seen: String, _ causes: [CheckCause]) {
      self.seen = seen
      self.causes = causes
    }
  }

  /// Runs a step and reports it. nil when it failed.
  /// - Parameter start: when its work began, if that was before this call.
  func step<Value>(
    _ step: CheckStep, since start: ContinuousClock.Instant = .now,
    _ body: () async throws -> (seen: String, value: Value)
  ) async -> Value? {
    func seconds() -> Double {
      let elapsed = start.duration(to: .now).components
      return Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
    }
    // What was begun before an interruption goes on until it notices.
    guard !isInterrupted || step == .cleanup else { return nil }
    let place = trace?.position ?? 0
    do {
      let result = try await body()
      tell(CheckResult(step: step, outcome: .passed, seconds: seconds(), seen: result.seen, causes: []))
      return result.value
    } catch {
      guard !isInterrupted || step == .cleanup else { return nil }
      var failure = error as? StepFailure ?? StepFailure(Self.text(of: error), [])
      let elapsed = seconds()
      let end = await endOfServer(at: step)
      if let end { failure.seen += "; \(end.seen)" }
      if end == nil, let earlier = step.foundations.first(where: hasFailed) {
        tell(
          CheckResult(
            step: step, outcome: .failed, seconds: elapsed, seen: "\(failure.seen) ('\(earlier.title)' has failed)",
            causes: [CheckCause("'\(earlier.title)' has failed before: mend that first, and try again")]))
        return nil
      }
      let common = await causesOfDevices(at: step) + causesOfMachine(at: step)
      failure.causes = (end.map { [$0.cause] } ?? []) + common + failure.causes
      var result = CheckResult(
        step: step, outcome: .failed, seconds: elapsed, seen: failure.seen,
        causes: ranking.rank(
          failure.causes, serverIsDown: step == .reachability || end != nil, isFlexisips: step.isFlexisips))
      result.traceLine = trace?.placeOfFailure(since: place)
      tell(result)
      if blocker == nil { blocker = "'\(step.title)' has failed" }
      return nil
    }
  }

  /// A step without a result.
  func passes(
    _ step: CheckStep, since start: ContinuousClock.Instant = .now, _ body: () async throws -> String
  ) async -> Bool {
    await self.step(step, since: start) { (try await body(), true) } ?? false
  }

  func notTried(_ step: CheckStep, _ reason: String) {
    tell(CheckResult(step: step, outcome: .notTried, seconds: 0, seen: reason, causes: []))
  }

  func hasPassed(_ step: CheckStep) -> Bool { outcomes[step] == .passed }
  func hasFailed(_ step: CheckStep) -> Bool { outcomes[step] == .failed }

  private func tell(_ result: CheckResult) {
    guard outcomes[result.step] == nil, !isInterrupted || result.outcome == .notTried || result.step == .cleanup else {
      return
    }
    outcomes[result.step] = result.outcome
    if result.outcome != .notTried { trace?.note("check: \(result.step.title): \(result.outcome.rawValue)") }
    report(result)
  }

  static func text(of error: any Error) -> String { (error as? LocalizedError)?.errorDescription ?? "\(error)" }

  // MARK: The server's machine

  /// Whether the server runs here, as far as addresses tell.
  var isServersMachine: Bool {
    if probe != nil { return causes.isSameMachine }
    return (try? causes.location?.addresses.get().first?.isOfThisMachine) ?? false
  }

  private static func files(in conf: FlexisipConf) -> [ServerFile] {
    func file(_ section: String, _ key: String, _ isWritten: Bool) -> ServerFile? {
      var path = conf.setting(section, key)?.value ?? ""
      if key == "database-connection-string" {
        path = ConnectionString(path)["db"] ?? ConnectionString(path)["dbname"] ?? path
      }
      return path.hasPrefix("/") ? ServerFile(section: section, key: key, path: path, isWritten: isWritten) : nil
    }
    return [
      file("conference-server", "database-connection-string", true), file("conference-server", "state-directory", true),
      file("global", "log-directory", true), file("module::Authentication", "file-path", false),
      file("global", "tls-certificates-file", false), file("global", "tls-certificates-private-key", false),
    ].compactMap { $0 }
  }
}
