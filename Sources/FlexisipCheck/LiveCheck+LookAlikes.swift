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

  // MARK: Nothing answers

  /// A URI of `transports` at which the host answers although the place takes no connection: other protocol, or port.
  func otherListener(than place: SocketAddress, of location: ServerLocation) async -> String? {
    let limit = min(2, timeouts.answer)
    let (address, host, name) = (account.address, place.numericHost, location.name(of: place))
    guard let port = UInt16(exactly: place.port) else { return nil }
    var others: [(transport: SIPTransport, port: Int)] = listeners.flatMap { listener in
      [SIPTransport.tcp, .tls].filter { listener.protocols.contains($0.rawValue) }.map { ($0, listener.port) }
    }
    others += [SIPTransport.tcp, .tls].map { ($0, $0.defaultPort) }
    let places = others.filter { $0.port != place.port }
    return try? await capped(limit * Double(1 + places.count) + 1) { () -> String? in
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
  }

  // MARK: Nobody is challenged

  /// - Parameter answered: what another request without a password got.
  func notChallenged(_ answer: ProbeAnswer, _ answered: String? = nil) async -> StepFailure {
    let elsewhere = await challengeFromElsewhere()
    let seen = [answer.summary + " without any 401", answered, elsewhere?.seen].compactMap { $0 }
    return StepFailure(
      seen.joined(separator: "; "), causes.notChallenged(fromElsewhere: elsewhere?.isChallenged))
  }

  /// Flexisip's registrar has 500 for the question who is registered when nobody is, its authentication for users that
  /// it cannot look up. What the server says to another request of ours, when that is neither 5xx nor a challenge.
  func answerWithoutPassword() async -> String? {
    guard let probe else { return nil }
    let answer = await probe.perform(
      "OPTIONS", "\(account.address)", from: account.address, to: account.address, credentials: nil)
    guard let status = answer.final?.status, status < 500, ![401, 403, 407].contains(status) else { return nil }
    return "OPTIONS without a password: \(answer.summary)"
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
  func lookForFactory() async -> (FactoryEvidence, seen: String?) {
    guard let probe, let gruu = probeDevice?.gruu else { return (.none, nil) }
    let wanted = causes.factory
    for name in Self.usualFactories where name != wanted.user || wanted.host != account.address.host {
      let guess = SIPURI(user: name, host: account.address.host)
      let answer = await probe.perform(
        "OPTIONS", "\(guess)", from: account.address, to: guess, credentials: credentials)
      if answer.final?.isSuccess == true { return (.otherAddress(guess), "\(guess) answers") }
    }
    guard causes.isSameMachine, let place = conferenceServer, let port = UInt16(exactly: place.port) else {
      return (.none, nil)
    }
    let host = SIPTransportAddress.isWildcard(place.host) ? "127.0.0.1" : place.host
    let (limit, trace) = (timeouts.answer, self.trace)
    let direct: SIPProbe
    do {
      direct = try await capped(limit + 2) { try SIPProbe(host: host, port: port, timeout: limit, trace: trace) }
    } catch { return (.notThere, "no conference server at \(host) port \(port)") }
    let answer = await invite(wanted, over: direct, as: gruu)
    let seen = "the conference server itself, at port \(port), says \(answer.summary)"
    guard let room = Self.room(in: answer) else {
      return (answer.final.map { (400..<500).contains($0.status) } == true ? .doesNotKnowIt : .none, seen)
    }
    let known = await probe.perform(
      "OPTIONS", "\(room)", from: account.address, to: room, credentials: credentials)
    _ = await giveUp(room, over: direct, as: gruu)
    let isKnown = ![404, 480].contains(known.final?.status ?? 404)
    return (
      isKnown ? .notRegistered : .otherRegistrations, "\(seen); the proxy's answer for that room: \(known.summary)"
    )
  }

  // MARK: The focus is not heard

  /// Whether the proxy lets in a request that says it is the focus's, from the machine that the focus is on, or by a
  /// filter that exempts it; nil when no answer comes, or a challenge may be for us alone.
  func focusPasses(_ room: SIPURI) async -> Bool? {
    guard let probe else { return nil }
    let ownAddress = await probeFromConferenceServer()
    let answer = await (ownAddress ?? probe).perform(
      "OPTIONS", registrar, from: room, to: account.address, headers: [SIPHeader("Contact", "<\(room)>;isfocus")],
      credentials: nil, userAgent: focusAgent)
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

  // MARK: The registrar is silent

  /// Whether the store of registrations is what fails: a request for a user of a served domain needs it too, and then
  /// gets 500.
  func storeFails() async -> Bool {
    guard let probe else { return false }
    let answer = await probe.perform(
      "OPTIONS", "\(account.address)", from: account.address, to: account.address, credentials: credentials)
    return answer.final.map { [500, 503].contains($0.status) } ?? false
  }
}
