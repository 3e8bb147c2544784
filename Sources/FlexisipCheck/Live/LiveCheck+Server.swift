// LiveCheck+Server.swift: from the name to a registration and to the factory, by single requests (RFC 3261, RFC 5627)
import ChatCore
import DigestAuth
import Foundation
import MessageFormats
import SIPAgent

/// A registration that the probe made.
struct ProbeDevice: Sendable {
  var instance: String
  var gruu: SIPURI?
}

extension LiveCheck {
  /// Clocks further apart than this disturb message order and certificates, in seconds.
  private static let allowedSkew = 120.0

  func tryServer() async {
    guard let location = await tryName() else { return }
    causes.location = location
    guard location.transport != .udp else {
      let steps: [CheckStep] = [
        .reachability, .tls, .challenge, .clock, .registration, .gruu, .secondRegistration, .factory,
      ]
      for step in steps { notTried(step, "single requests are sent over TCP and TLS only") }
      return
    }
    guard let probe = await connect(to: location) else { return }
    self.probe = probe
    causes.isSameMachine = probe.isSameMachine
    await tryRegistration(probe)
    if hasPassed(.gruu) { await tryFactory(probe) }
  }

  // MARK: Registration

  var registrar: String { "sip:\(account.address.host)" }

  var credentials: SIPProbe.Credentials { Self.credentials(of: account) }

  static func credentials(of account: AccountConfiguration) -> SIPProbe.Credentials {
    let password = account.password
    return SIPProbe.Credentials(
      user: account.address.user ?? "", realm: account.digestRealm, password: .init(reveal: { password.reveal() }))
  }

  private func tryRegistration(_ probe: SIPProbe) async {
    let challenged = await step(.challenge) { () -> (seen: String, value: ProbeAnswer) in
      // Without Contact it only asks for the bindings: nothing is registered even if nobody is challenged.
      let answer = await probe.perform(
        "REGISTER", registrar, from: account.address, to: account.address, credentials: nil)
      return (try await judgeChallenge(answer), answer)
    }
    guard let challenged else { return }
    if let date = challenged.final?[header: "Date"] { await compareClock(date) }
    guard let registered = await register(probe, as: .registration) else { return }
    if !hasPassed(.clock), !hasFailed(.clock), let date = registered[header: "Date"] { await compareClock(date) }
    let gruu = await step(.gruu) { () -> (seen: String, value: SIPURI) in
      let contacts = registered.headers.all(named: "Contact").flatMap(NameAddress.list)
      guard
        let gruu = contacts.lazy.compactMap({ $0[parameter: "pub-gruu"] }).compactMap(SIPURI.init)
          .first(where: { $0.gruu == probeDevice?.instance })
          ?? contacts.lazy.compactMap({ $0[parameter: "pub-gruu"] }).compactMap(SIPURI.init).first
      else { throw StepFailure("200 without pub-gruu", causes.noGRUU) }
      return ("pub-gruu \(gruu)", gruu)
    }
    guard let gruu else { return }
    probeDevice?.gruu = gruu
    guard let again = await register(probe, as: .secondRegistration) else { return }
    let instance = probeDevice?.instance ?? ""
    let bindings = again.headers.all(named: "Contact").count { $0.contains(instance) }
    _ = await passes(.secondRegistration) {
      if bindings > 1 { throw StepFailure("\(bindings) bindings of one device", causes.doubledRegistration) }
      return "200, still one binding"
    }
  }

  private func judgeChallenge(_ answer: ProbeAnswer) async throws -> String {
    guard let final = answer.final else {
      isSilent = true
      throw StepFailure(
        answer.summary, causes.noSIPAnswer(isTLS: await speaksTLS(), isSilent: !answer.isClosed))
    }
    let server = final[header: "Server"]
    causes.version = server.flatMap { FlexisipVersion(server: $0) }
    switch final.status {
    case 401, 407:
      let lines = final.headers.all(named: final.status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate")
      challenges = DigestChallenge.list(lines)
      guard !challenges.isEmpty else {
        throw StepFailure("\(final.status) with \(lines.joined(separator: "; "))", causes.unknownAlgorithm)
      }
      let realm = challenges[0].realm
      let algorithms = challenges.map(\.algorithm.rawValue).joined(separator: " ")
      let note =
        realm.caseInsensitiveCompare(account.address.host) == .orderedSame
        ? "" : " (not the domain: the key server must use the same, and accounts need realm = \"\(realm)\")"
      return
        "\(final.status), algorithms \(algorithms), realm \(realm)\(note)" + (server.map { ", \($0)" } ?? "")
    case 200..<300:
      throw await notChallenged(answer, answerToOthers())
    case 500..<600:
      if let others = await answerToOthers(), others.isChallenged || others.isTaken {
        throw await notChallenged(answer, others)
      }
      throw StepFailure(answer.summary, causes.noUsers(findsRealm: await findsRealm()))
    case 403: throw StepFailure(answer.summary, causes.domainForbidden)
    case 404, 416, 482, 483, 604: throw StepFailure(answer.summary, causes.noRegistrar())
    case 300..<400: throw StepFailure(answer.summary, causes.redirected)
    default:
      let isFocus =
        Self.isConferenceServer(final)
        || (causes.isSameMachine && !isConferenceServerGuessed
          && conferenceServer.map { UInt16(exactly: $0.port) } == probe?.port)
      throw StepFailure(answer.summary, causes.noProxyThere(isFocus: isFocus))
    }
  }

  /// Registers the probe's device. For `secondRegistration` the caller reports success.
  private func register(_ probe: SIPProbe, as step: CheckStep) async -> SIPResponse? {
    let instance = probeDevice?.instance ?? "urn:uuid:\(UUID().uuidString.lowercased())"
    let contact = self.contact(probe, instance)
    noteBinding(instance)
    let answer = await probe.perform(
      "REGISTER", registrar, from: account.address, to: account.address,
      headers: [SIPHeader("Contact", contact), SIPHeader("Expires", "120"), SIPHeader("Supported", "gruu, path")],
      credentials: credentials)
    if let final = answer.final, final.isSuccess {
      probeDevice = ProbeDevice(instance: instance, gruu: probeDevice?.gruu)
      noteRegistration(final, instance: instance)
      if step == .registration {
        _ = await passes(step) {
          try await registerAgent()
          return answer.summary
        }
      }
      return final
    }
    _ = await passes(step) {
      switch answer.final?.status {
      case nil:
        let other = await answerAboutUser()
        // 503 is what 2.7 says of a domain that it does not serve, and looks up in DNS.
        let isStore = other.final?.status == 500
        throw StepFailure(
          "401, then no answer to the REGISTER with the password; to OPTIONS for the address: \(other.summary)",
          isStore ? causes.noStore() : causes.noRegistrar(routes: other.final.map { [404, 480].contains($0.status) }))
      case 403:
        throw StepFailure(
          answer.summary,
          answer.summary.lowercased().contains("domain") ? causes.domainForbidden : causes.wrongPassword(challenges))
      case 401, 407:
        let isOurs = challenges.contains { $0.realm.caseInsensitiveCompare(account.digestRealm) == .orderedSame }
        throw StepFailure(
          isOurs
            ? "\(answer.summary) again"
            : "the password is for the realm \(account.digestRealm), and not sent to another",
          causes.wrongPassword(challenges))
      case 500?, 503?, 504?:
        let other = await answerAboutUser()
        throw StepFailure(
          "\(answer.summary); to OPTIONS for the address: \(other.summary)",
          causes.noStore(finds: other.final.map { [404, 480].contains($0.status) } ?? false))
      case .some(300..<400):
        throw StepFailure("\(answer.summary) to \(answer.final?[header: "Contact"] ?? "nowhere")", causes.redirected)
      default:
        let other = await answerAboutUser()
        throw StepFailure(
          "\(answer.summary); to OPTIONS for the address: \(other.summary)",
          causes.noRegistrar(routes: other.final.map { [404, 480].contains($0.status) }))
      }
    }
    return nil
  }

  /// The same with the stack that the client uses, which may stumble over what single requests do not.
  private func registerAgent() async throws {
    let password = account.password
    let instance = "urn:uuid:\(UUID().uuidString.lowercased())"
    noteBinding(instance)
    var configuration = SIPAgentConfiguration(
      address: account.address, password: { password.reveal() }, outboundProxy: account.outboundProxy,
      instanceID: instance, specs: "none", userAgent: SIPProbe.userAgent,
      expires: 120, caFile: account.caFile)
    configuration.realm = account.realm
    configuration.nameServer = account.nameServer
    configuration.connectTimeout = timeouts.answer
    configuration.transactionTimeout = timeouts.answer
    configuration.trace = trace
    let agent = try SIPAgent(configuration: configuration)
    do { try await agent.register() } catch {
      await agent.shutdown()
      let isRefused =
        switch error as? SIPError {
        case .wrongCredentials, .otherRealm, .unsupportedChallenge: true
        default: false
        }
      throw StepFailure(
        "a single request was taken, but not the client's: \(error)",
        isRefused ? causes.wrongPassword(challenges) : causes.noRegistrar())
    }
    await agent.shutdown()
    forgetBinding(instance)
  }

  /// With specs by which the focus takes the device into no room. None at all would end Flexisip 2.2 with
  /// check-capabilities=false: it makes a device of the binding and fails on the missing text.
  func contact(_ probe: SIPProbe, _ instance: String) -> String {
    let uri = "sip:\(account.address.user ?? "")@\(probe.local);transport=\(probe.transport.lowercased())"
    return "<\(uri)>;+sip.instance=\"<\(instance)>\";+org.linphone.specs=\"none\""
  }

  func compareClock(_ date: String, of server: String = "the server's") async {
    _ = await passes(.clock) {
      let formatter = DateFormatter()
      formatter.locale = Locale(identifier: "en_US_POSIX")
      formatter.timeZone = TimeZone(identifier: "GMT")
      formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
      guard let time = formatter.date(from: date) else { return "Date: \(date)" }
      let skew = time.timeIntervalSinceNow
      guard abs(skew) <= Self.allowedSkew else {
        throw StepFailure(
          "\(server) clock is \(Int(abs(skew))) s \(skew > 0 ? "ahead" : "behind")", causes.wrongClock)
      }
      return "\(server) is \(Int(abs(skew).rounded())) s apart from ours"
    }
  }

  // MARK: Capabilities

  /// The +org.linphone.specs that the registrar keeps for a device; nil when its answer shows none.
  func keptSpecs(of device: TemporaryDevice) async -> String? {
    guard let probe, let name = await device.client.device, let instance = SIPURI(name)?.gruu else { return nil }
    let address = device.account.address
    let answer = await probe.perform(
      "REGISTER", "sip:\(address.host)", from: address, to: address, headers: [SIPHeader("Supported", "gruu")],
      credentials: Self.credentials(of: device.account))
    let contacts = answer.final?.headers.all(named: "Contact").flatMap(NameAddress.list) ?? []
    return contacts.first { $0[parameter: "+sip.instance"]?.contains(instance) == true }
      .flatMap { $0[parameter: "+org.linphone.specs"] }
  }
}
