// LiveCheck+Connection.swift: from the name to a connection: NAPTR, SRV, addresses, TCP, TLS (RFC 3263, RFC 8446)
import ChatCore
import Foundation
import MessageFormats
import SIPAgent
import ServerConnection

extension LiveCheck {
  /// Shorter than this the certificate's end is mentioned, in seconds.
  private static let soon: TimeInterval = 21 * 86_400
  /// For all questions to DNS together, in seconds: each may take some tries.
  private static let lookupTime = 60.0
  /// Addresses beyond this many are not tried.
  private static let maximumAttempts = 8

  // MARK: Name

  /// Looks the server up as the clients do.
  func tryName() async -> ServerLocation? {
    let proxy = causes.proxy
    let locator = ServerLocator(nameServer: account.nameServer)
    return await step(.name) { () -> (seen: String, value: ServerLocation) in
      let target: ServerTarget
      do { target = try ServerTarget(of: proxy) } catch {
        throw StepFailure(Self.text(of: error), [CheckCause("outbound-proxy of the account is wrong")])
      }
      let (location, reason) = try await capped(Self.lookupTime) {
        let choice = locator.choice(of: target)
        return (locator.location(of: target, over: choice.transport), choice.reason)
      }
      guard case .failure(let failure) = location.addresses else {
        return (Self.shown(location, reason), location)
      }
      let seen = location.services.isEmpty ? "\(proxy.host): \(failure)" : Self.shown(location, reason)
      throw StepFailure(seen, causes.unknownName(location, offered: await offeredTransports(by: location.host)))
    }
  }

  private func offeredTransports(by host: String) async -> [SIPTransport] {
    let locator = ServerLocator(nameServer: account.nameServer)
    return (try? await capped(Self.lookupTime) { locator.offeredTransports(of: host) }) ?? []
  }

  /// Records, addresses, and the transport with what it was chosen by.
  static func shown(_ location: ServerLocation, _ reason: ServerLocation.Reason) -> String {
    func text(_ addresses: Result<[SocketAddress], ConnectionFailure>) -> String {
      guard let addresses = try? addresses.get() else { return "no address" }
      return Set(addresses.map(\.numericHost)).sorted().joined(separator: " ")
    }
    let transport = location.transport.rawValue.uppercased()
    let way =
      switch reason {
      case .named: "\(transport) by the account"
      case .authorityPointer: "\(transport) by the NAPTR record"
      case .services: "\(transport) because it has SRV records"
      case .usual: "\(transport) by default"
      }
    guard !location.services.isEmpty, let name = location.serviceName else {
      let none = location.serviceName.map { ", no SRV record \($0)" } ?? ""
      return "\(location.host): \(text(location.addresses))\(none); \(way)"
    }
    let services = location.services.map {
      "\($0.priority) \($0.weight) \($0.host):\($0.port) (\(text($0.addresses)))"
    }
    return "SRV \(name): \(services.joined(separator: ", ")); \(way)"
  }

  // MARK: Connection

  private struct Attempt {
    var address: SocketAddress
    var failure: any Error

    var tlsFailure: TLSFailure? {
      if case ConnectionFailure.tls(let failure) = failure { failure } else { nil }
    }
    func text(within seconds: Double) -> String {
      let state = ConnectionState(failure, within: seconds)
      let source = ConnectionState.source(toward: address).map { " from \($0)" } ?? ""
      if case .dropped(let seconds) = state { return "\(address.text)\(source): no answer within \(seconds) s" }
      return "\(address.text)\(source): \(LiveCheck.text(of: failure))"
    }
  }

  /// Connection and TLS: each address once until one takes us, two steps.
  func connect(to location: ServerLocation) async -> SIPProbe? {
    let start = ContinuousClock.now
    let limit = timeouts.answer
    let settings = location.transport == .tls ? TLSSettings(caFile: account.caFile) : nil
    let (trace, host) = (self.trace, location.host)
    var failed: [Attempt] = []
    var probe: SIPProbe?
    for address in ((try? location.addresses.get()) ?? []).prefix(Self.maximumAttempts) where probe == nil {
      do {
        probe = try await capped(limit * 2 + 2) {
          try SIPProbe(to: address, name: host, tls: settings, timeout: limit, trace: trace)
        }
        reconnect = { try SIPProbe(to: address, name: host, tls: settings, timeout: min(limit, 2), trace: trace) }
      } catch { failed.append(Attempt(address: address, failure: error)) }
    }
    let refusal = probe == nil ? failed.first { $0.tlsFailure != nil } : nil
    let others = failed.filter { probe != nil || $0.tlsFailure == nil }.map { $0.text(within: limit) }
    let note = others.isEmpty ? "" : "; not \(others.joined(separator: ", "))"
    let reached = await passes(.reachability, since: start) {
      if let probe { return "connected to \(probe.peer) port \(probe.port) from \(probe.local)\(note)" }
      if let refusal { return "connected to \(refusal.address.numericHost) port \(refusal.address.port)\(note)" }
      guard let first = failed.first?.address else { throw StepFailure("no address", []) }
      let elsewhere = await otherListener(than: first, of: location)
      let lacksProxy = elsewhere == nil ? await hasConferenceServerOnly(at: first) : false
      throw StepFailure(
        failed.map { $0.text(within: limit) }.joined(separator: ", ") + (elsewhere.map { "; \($0) answers" } ?? "")
          + (lacksProxy ? "; the conference server takes connections" : ""),
        causes.refusedConnection(
          at: first, failed.map { ConnectionState($0.failure, within: limit) }, elsewhere: elsewhere,
          lacksProxy: lacksProxy, offered: await offeredTransports(by: host)))
    }
    guard reached else { return nil }
    guard location.transport == .tls else {
      notTried(.tls, "the account uses TCP")
      return probe
    }
    return await step(.tls, since: start) { () -> (seen: String, value: SIPProbe) in
      if let probe { return (Self.shown(probe.tls), probe) }
      let failure = refusal?.tlsFailure ?? .closed
      trace?.note("no TLS with \(refusal?.address.text ?? host): \(failure)")
      var plain: String?
      if [.plainText, .closed, .noAnswer].contains(failure), let address = refusal?.address {
        plain = await plainServer(at: address)
      }
      throw StepFailure(
        "no TLS" + (plain.map { ", but \($0) answers without it" } ?? ""),
        causes.noTLS(failure, isFlexisip: true, at: refusal?.address, speaksPlainly: plain))
    }
  }

  /// Whether what takes our connection without TLS, and does not answer, wants TLS.
  func speaksTLS() async -> Bool {
    guard let probe, probe.tls == nil else { return false }
    let (limit, peer, port) = (timeouts.answer, probe.peer, probe.port)
    do {
      try await capped(limit * 2 + 2) {
        _ = try ServerStream.connect(
          host: peer, port: Int(port), tls: TLSSettings(), timeouts: ServerStream.Timeouts(connect: limit))
      }
      return true
    } catch ConnectionFailure.tls(let failure) {
      // A certificate that does not fit the address is TLS all the same.
      return ![.plainText, .closed, .noAnswer].contains(failure)
    } catch { return false }
  }

  /// Protocol, names, who has signed and until when.
  static func shown(_ tls: (version: String, certificate: ServerCertificate?)?) -> String {
    guard let tls else { return "no TLS" }
    guard let certificate = tls.certificate else { return tls.version }
    let left = certificate.expires.timeIntervalSinceNow
    let end =
      left < soon
      ? "only \(Int(left / 86_400)) more day(s): renew it"
      : certificate.expires.formatted(.iso8601.year().month().day())
    return
      "\(tls.version), certificate for \(certificate.names.joined(separator: ", ")) by \(certificate.issuer), valid "
      + (left < soon ? end : "until \(end)")
  }
}
