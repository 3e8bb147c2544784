// LiveCheck+LookAlikes.swift: after a failure, a few more requests that tell apart what looks alike at first
import ChatCore
import Foundation
import MessageFormats
import SIPAgent
import ServerConnection

extension LiveCheck {
  /// User parts of factories in examples, packages and public reports.
  private static let usualFactories = ["conference-factory", "chatroom-factory", "chat-factory", "factory"]
  /// An address of this machine that no configuration names.
  private static let unusualAddress = "127.83.77.9"

  /// Where a server is looked for that the account's place does not lead to, beside the ports next to that.
  public struct LookAround: Sendable {
    /// Those that SIP has over TCP and TLS.
    public var defaultPorts: [(transport: SIPTransport, port: Int)] = [SIPTransport.tcp, .tls].map {
      ($0, $0.defaultPort)
    }
    /// Ports over TCP in examples beside them.
    public var usualPorts = [5062, 5070, 5080]
    /// Whether the system's tables say where a Flexisip listens, when the place is of this machine.
    public var readsTables = true

    public init() {}
  }

  // MARK: Nothing answers

  /// A URI of `transports` at which the host answers although the place takes no connection: other protocol, or port.
  func otherListener(than place: SocketAddress, of location: ServerLocation) async -> String? {
    let limit = min(2, timeouts.answer)
    let (address, host, name) = (account.address, place.numericHost, location.name(of: place))
    guard let port = UInt16(exactly: place.port) else { return nil }
    var known: [(transport: SIPTransport, port: Int)] = listeners.flatMap { listener in
      [SIPTransport.tcp, .tls].filter { listener.protocols.contains($0.rawValue) }.map { ($0, listener.port) }
    }
    known += lookAround.defaultPorts
    let places = known.filter { $0.port != place.port }
    let listener = try? await capped(limit * Double(1 + places.count) + 1) { () -> String? in
      if UDPExchange.answersOPTIONS(host: host, port: port, from: address, timeout: limit) {
        return "sip:\(name):\(port);transport=udp"
      }
      for (transport, port) in places {
        let timeouts = ServerStream.Timeouts(connect: limit)
        let stream = try? ServerStream.connect(host: host, port: port, tls: nil, timeouts: timeouts)
        guard stream != nil else { continue }
        return "sip:\(name):\(port);transport=\(transport.rawValue)"
      }
      return nil
    }
    if let listener = listener ?? nil { return listener }
    return await neighbour(of: place, name: name)
  }

  /// SIP over TCP at a port that is easily mistaken for this one, or where a Flexisip of this machine listens. Others
  /// may listen there: it must answer OPTIONS.
  private func neighbour(of place: SocketAddress, name: String) async -> String? {
    var places: [(host: String, port: UInt16, name: String)] = []
    // A name with an address of one family only, and a server that listens on the other.
    if place.isOfThisMachine, let port = UInt16(exactly: place.port) {
      let isIPv6 = place.numericHost.contains(":")
      places.append(isIPv6 ? ("127.0.0.1", port, "127.0.0.1") : ("::1", port, "[::1]"))
    }
    if place.isOfThisMachine, lookAround.readsTables {
      places += FlexisipListeners().places.map { found in
        let isOpen = SIPTransportAddress.isWildcard(found.host)
        let shown = found.host.contains(":") ? "[\(found.host)]" : found.host
        return isOpen ? (place.numericHost, found.port, name) : (found.host, found.port, shown)
      }
    }
    for port in [place.port + 1, place.port - 1] + lookAround.usualPorts {
      guard let number = UInt16(exactly: port), number > 0 else { continue }
      places.append((place.numericHost, number, name))
    }
    for (host, port, name) in places {
      // What is for the conference server must not come to it directly.
      if Int(port) == conferenceServer?.port || (host == place.numericHost && Int(port) == place.port) { continue }
      if await answerToOPTIONS(host: host, port: port)?.final != nil { return "sip:\(name):\(port);transport=tcp" }
    }
    return nil
  }

  /// Who answers SIP over TCP without TLS.
  func plainServer(at place: SocketAddress) async -> String? {
    guard let port = UInt16(exactly: place.port) else { return nil }
    let answer = await answerToOPTIONS(host: place.numericHost, port: port)?.final
    return answer.map { $0[header: "Server"] ?? $0[header: "User-Agent"] ?? "a SIP server" }
  }

  /// Over TCP. nil when nothing takes the connection.
  private func answerToOPTIONS(host: String, port: UInt16) async -> ProbeAnswer? {
    let (limit, trace) = (min(2, timeouts.answer), self.trace)
    let attempt = try? await capped(limit * 2) {
      try SIPProbe(host: host, port: port, timeout: limit, trace: trace)
    }
    guard let attempt else { return nil }
    return await attempt.perform(
      "OPTIONS", registrar, from: account.address, to: account.address, credentials: nil)
  }

  /// Whether the conference server listens on this machine, which the proxy should run on.
  func hasConferenceServerOnly(at place: SocketAddress) async -> Bool {
    guard place.isOfThisMachine, let own = conferenceServer, let port = UInt16(exactly: own.port) else { return false }
    let host = SIPTransportAddress.isWildcard(own.host) ? "127.0.0.1" : own.host
    let answer = await answerToOPTIONS(host: host, port: port)
    // Anything may listen at a port that is only guessed.
    return isConferenceServerGuessed ? Self.isConferenceServer(answer?.final) : answer != nil
  }

  // MARK: Nobody is challenged

  /// How requests without a password fare that a filter may tell from a client's REGISTER.
  struct OtherRequests: Sendable {
    /// At least one gets 401 or 407.
    var isChallenged: Bool
    /// One from our account is acted upon.
    var isTaken: Bool
    var seen: String
  }

  func notChallenged(_ answer: ProbeAnswer, _ others: OtherRequests?) async -> StepFailure {
    let elsewhere = await challengeFromElsewhere()
    let presence = elsewhere?.isChallenged == true ? await presenceServerAnswer() : nil
    let seen = [
      answer.summary + " without any 401", others?.seen, elsewhere?.seen, presence.map { "PUBLISH gets \($0)" },
    ].compactMap { $0 }
    return StepFailure(
      seen.joined(separator: "; "),
      causes.notChallenged(
        fromElsewhere: elsewhere?.isChallenged, othersAreChallenged: others?.isChallenged ?? false,
        hasPresence: presence != nil))
  }

  /// What comes back for our presence, if it is not the proxy that answers: there is nobody to look up (404, 480), and
  /// without a body there is nothing to publish.
  private func presenceServerAnswer() async -> String? {
    guard let probe else { return nil }
    let answer = await probe.perform(
      "PUBLISH", "\(account.address)", from: account.address, to: account.address,
      headers: [SIPHeader("Event", "presence"), SIPHeader("Expires", "0")], credentials: credentials)
    // A presence server that does not run leaves it unanswered.
    guard let status = answer.final?.status else { return answer.isClosed ? nil : answer.summary }
    return [404, 480, 401, 403, 407, 500].contains(status) ? nil : answer.summary
  }

  /// Flexisip's registrar has 500 for the question who is registered when nobody is, its authentication for users that
  /// it cannot look up: other requests tell these apart, and what a filter makes of them. nil when none is answered.
  func answerToOthers() async -> OtherRequests? {
    guard let probe else { return nil }
    let own = await probe.perform(
      "OPTIONS", "\(account.address)", from: account.address, to: account.address, credentials: nil)
    let focus = await probe.perform(
      "OPTIONS", "\(account.address)", from: causes.factory, to: account.address, credentials: nil,
      userAgent: focusAgent)
    let answers = [own, focus].compactMap(\.final)
    guard !answers.isEmpty else { return nil }
    return OtherRequests(
      isChallenged: answers.contains { [401, 407].contains($0.status) },
      isTaken: own.final.map { $0.status < 500 && ![401, 403, 407].contains($0.status) } ?? false,
      seen: "OPTIONS without a password: \(own.summary), as from the conference server: \(focus.summary)")
  }

  /// Whether the authentication looks at credentials of the domain as realm. These lack what a digest needs, which is
  /// found out (400) before the user is looked up, but after the realm is; nil when there is no answer.
  func findsRealm() async -> Bool? {
    guard let probe else { return nil }
    let name = "username=\"\(account.address.user ?? "")\", realm=\"\(account.digestRealm)\""
    // The opaque of every Flexisip: other credentials are passed over.
    let empty = "Digest \(name), opaque=\"+GNywA==\""
    let answer = await probe.perform(
      "REGISTER", registrar, from: account.address, to: account.address,
      headers: [SIPHeader("Authorization", empty)], credentials: nil)
    return answer.final.map { $0.status < 500 }
  }

  /// Whether somebody at another address is challenged: then ours is trusted, else nobody authenticates. On the
  /// server's own machine there are other addresses to come from.
  func challengeFromElsewhere() async -> (isChallenged: Bool, seen: String)? {
    guard causes.isSameMachine, let first = probe, first.peer.contains(".") else { return nil }
    let port = first.port
    let (limit, trace, host, address) = (timeouts.answer, self.trace, first.peer, Self.unusualAddress)
    // A certificate is not for a numeric address.
    guard first.tls == nil else { return nil }
    let attempt = try? await capped(limit + 2) {
      try SIPProbe(host: host, port: port, timeout: limit, from: address, trace: trace)
    }
    guard let probe = attempt else { return nil }
    let answer = await probe.perform(
      "REGISTER", registrar, from: account.address, to: account.address, credentials: nil)
    guard let final = answer.final else { return nil }
    let seen = "from \(address) the answer is \(answer.summary)"
    return ([401, 403, 407].contains(final.status), seen)
  }

  // MARK: No factory

  /// Looks for the factory after it was not found: at other addresses, and at the conference server itself.
  /// - Parameter elsewhereOnly: leaves out the conference server itself.
  func lookForFactory(elsewhereOnly: Bool = false) async -> (FactoryEvidence, seen: String?) {
    guard let probe, let gruu = probeDevice?.gruu else { return (.none, nil) }
    let wanted = causes.factory
    for name in Self.usualFactories where name != wanted.user || wanted.host != account.address.host {
      let guess = SIPURI(user: name, host: account.address.host)
      let answer = await probe.perform(
        "OPTIONS", "\(guess)", from: account.address, to: guess, credentials: credentials)
      if answer.final?.isSuccess == true { return (.otherAddress(guess), "\(guess) answers") }
    }
    guard !elsewhereOnly, causes.isSameMachine else { return (.none, nil) }
    let places = conferenceServers()
    var seen: [String] = []
    for place in places {
      let (limit, trace) = (timeouts.answer, self.trace)
      let direct: SIPProbe
      do {
        direct = try await capped(limit + 2) {
          try SIPProbe(host: place.host, port: place.port, timeout: limit, trace: trace)
        }
      } catch {
        seen.append("no conference server at \(place.host) port \(place.port)\(place.isGuess ? Self.guess : "")")
        if !place.isGuess, places.count == 1 { return (.notThere, seen.last) }
        continue
      }
      if place.isGuess {
        // Another proxy's, perhaps: no room is made there.
        let greeting = await direct.perform(
          "OPTIONS", "\(wanted)", from: account.address, to: wanted, credentials: nil)
        if Self.isConferenceServer(greeting.final) || place.isNamedSo {
          seen.append("a conference server listens at port \(place.port), perhaps this proxy's")
        }
        continue
      }
      let answer = await invite(wanted, over: direct, as: gruu)
      seen.append("the conference server itself, at port \(place.port), says \(answer.summary)")
      guard let room = Self.room(in: answer) else {
        let refuses = answer.final.map { (400..<500).contains($0.status) } == true
        return (refuses ? .doesNotKnowIt : .none, seen.joined(separator: "; "))
      }
      let known = await probe.perform(
        "OPTIONS", "\(room)", from: account.address, to: room, credentials: credentials)
      _ = await giveUp(room, over: direct, as: gruu)
      let isKnown = ![404, 480].contains(known.final?.status ?? 404)
      seen.append("the proxy's answer for that room: \(known.summary)")
      return (isKnown ? .notRegistered : .otherRegistrations, seen.joined(separator: "; "))
    }
    let isRunning = seen.contains { $0.hasPrefix("a conference server listens") }
    return (isRunning ? .running : .none, seen.isEmpty ? nil : seen.joined(separator: "; "))
  }

  private static let guess = " (a guess: where Flexisip has it by default)"

  /// Where the conference server of this machine may listen: where its configuration says, else where a Flexisip does
  /// beside the proxy, and where it does by default.
  private func conferenceServers() -> [(host: String, port: UInt16, isGuess: Bool, isNamedSo: Bool)] {
    var places: [(host: String, port: UInt16, isGuess: Bool, isNamedSo: Bool)] = []
    if isConferenceServerGuessed {
      places = FlexisipListeners().places.filter { $0.port != probe?.port }.map {
        ($0.host, $0.port, true, $0.isConferenceServer)
      }
    }
    if let own = conferenceServer, let port = UInt16(exactly: own.port), !places.contains(where: { $0.port == port }) {
      places.append((own.host, port, isConferenceServerGuessed, false))
    }
    return places.map {
      (SIPTransportAddress.isWildcard($0.host) ? "127.0.0.1" : $0.host, $0.port, $0.isGuess, $0.isNamedSo)
    }
  }

  /// As it calls itself.
  static func isConferenceServer(_ answer: SIPResponse?) -> Bool {
    let name = answer.map { $0[header: "User-Agent"] ?? $0[header: "Server"] ?? "" } ?? ""
    return name.lowercased().contains("conference")
  }

  // MARK: The focus is not heard

  /// Whether the proxy lets in a request that says it is the focus's, from the machine that the focus is on, or by a
  /// filter that exempts it; nil when no answer comes, or a challenge may be for us alone.
  ///
  /// It is sent to a device, as the focus's are: what is for the proxy itself, 2.6 and later answer before they
  /// authenticate.
  func focusPasses(_ room: SIPURI) async -> Bool? {
    guard let probe, let gruu = probeDevice?.gruu else { return nil }
    func ask(_ sender: SIPProbe) async -> ProbeAnswer {
      await sender.perform(
        "OPTIONS", "\(gruu)", from: room, to: account.address, headers: [SIPHeader("Contact", "<\(room)>;isfocus")],
        credentials: nil, userAgent: focusAgent)
    }
    let answer: ProbeAnswer
    if let ownAddress = await probeFromConferenceServer() {
      answer = await probe.answering { await ask(ownAddress) }
    } else {
      answer = await ask(probe)
    }
    guard let status = answer.final?.status else { return nil }
    guard [401, 403, 407].contains(status) else { return true }
    return causes.isSameMachine ? false : nil
  }

  /// A connection to the proxy from the conference server's address, where that is another one of this machine.
  private func probeFromConferenceServer() async -> SIPProbe? {
    guard causes.isSameMachine, let probe, probe.tls == nil, let host = focusSource, host.isNumericAddress,
      !SIPTransportAddress.isWildcard(host), !probe.local.hasPrefix(host + ":")
    else { return nil }
    let (limit, trace, peer, port) = (timeouts.answer, self.trace, probe.peer, probe.port)
    return try? await capped(limit + 2) {
      try SIPProbe(host: peer, port: port, timeout: limit, from: host, trace: trace)
    }
  }

  // MARK: No answer at all

  /// What the server says to a request for the account itself: 404 or 480 when it is looked up and not registered, 500
  /// when that cannot be looked up, nothing when the domain is not served.
  func answerAboutUser() async -> ProbeAnswer {
    guard let probe else { return ProbeAnswer() }
    return await probe.perform(
      "OPTIONS", "\(account.address)", from: account.address, to: account.address, credentials: credentials)
  }

  /// Whether the factory answers a request that makes no room.
  func factoryAnswers() async -> Bool {
    guard let probe else { return false }
    let answer = await probe.perform(
      "OPTIONS", "\(causes.factory)", from: account.address, to: causes.factory, credentials: credentials)
    return answer.final?.isSuccess == true
  }

  /// What a request for a whole device gets.
  func answer(of device: TemporaryDevice) async -> ProbeAnswer? {
    guard let probe, let address = await device.client.device.flatMap({ SIPURI($0) }) else { return nil }
    return await probe.perform(
      "OPTIONS", "\(address)", from: account.address, to: address, credentials: credentials)
  }

  /// What a SUBSCRIBE for the room's state gets: any answer shows that it comes to the focus.
  func answerToSubscribe(_ room: SIPURI) async -> ProbeAnswer? {
    guard let probe, let gruu = probeDevice?.gruu else { return nil }
    return await probe.perform(
      "SUBSCRIBE", "\(room)", from: account.address, to: room,
      headers: [
        SIPHeader("Contact", "<\(gruu)>"), SIPHeader("Event", "conference"), SIPHeader("Expires", "0"),
        SIPHeader("Accept", "application/conference-info+xml"),
      ], credentials: credentials)
  }

  /// Whether a request for our own device, which is registered, comes back to it; nil when that cannot be tried.
  func routesToDevices() async -> Bool? {
    guard let probe, let gruu = probeDevice?.gruu else { return nil }
    let answer = await probe.perform(
      "OPTIONS", "\(gruu)", from: account.address, to: gruu, credentials: credentials)
    return answer.final?.isSuccess == true
  }
}
