// CheckCauses+Connection.swift: causes of what goes wrong between a name and a connection: DNS, TCP, TLS
import MessageFormats
import ServerConnection

extension CheckCauses {
  // MARK: Names

  /// - Parameter offered: the transports that have SRV records.
  func unknownName(_ location: ServerLocation, offered: [SIPTransport]) -> [CheckCause] {
    let name = location.serviceName ?? ""
    if location.isDenied {
      return [
        CheckCause(
          "the SRV record \(name) says that there is no such service (its target is \".\"): correct it, or name "
            + "another transport in outbound-proxy")
      ] + notFollowed(location, offered)
    }
    guard location.services.isEmpty else {
      return Self.unique(location.services.map(\.host)).map {
        CheckCause(
          "the SRV record \(name) leads to \($0), which has no address: correct the record, or give \($0) an A or "
            + "AAAA record")
      }
    }
    return notFollowed(location, offered) + [
      CheckCause(
        "\(location.host) has no A or AAAA record: give the server's address in the account's outbound-proxy"),
      CheckCause("no name server answers: see /etc/resolv.conf, or name-server of the account"),
    ]
  }

  /// DNS has SRV records, but not of the transport that the account names, or the account names a port.
  private func notFollowed(_ location: ServerLocation, _ offered: [SIPTransport]) -> [CheckCause] {
    guard location.services.isEmpty, let first = offered.first else { return [] }
    let names = offered.map { $0.rawValue.uppercased() }.joined(separator: " and ")
    if let port = proxy.port {
      return [
        CheckCause(
          "outbound-proxy names port \(port), so the SRV records of \(location.host) (\(names)) are not followed: "
            + "leave the port out")
      ]
    }
    guard !offered.contains(location.transport) else { return [] }
    return [
      CheckCause(
        "the SRV records of \(location.host) offer \(names) only, and the account uses "
          + "\(location.transport.rawValue.uppercased()): name ;transport=\(first.rawValue) in outbound-proxy, or add "
          + "the records \(location.transport.servicePrefix)\(location.host)")
    ]
  }

  private static func unique(_ names: [String]) -> [String] {
    names.enumerated().filter { names.firstIndex(of: $0.element) == $0.offset }.map(\.element)
  }

  /// What the SRV record says that led to an address; nil when none did.
  private func record(of address: SocketAddress?) -> String? {
    guard let location, !location.services.isEmpty, let name = location.serviceName, let address else { return nil }
    return "the SRV record \(name) leads to \(location.name(of: address)) port \(address.port)"
  }

  // MARK: Connections

  /// - Parameters:
  ///   - address: the first that did not take us.
  ///   - states: how it and the others did not.
  ///   - elsewhere: what answers on the same host instead, as a URI of `transports`.
  ///   - lacksProxy: whether the conference server runs there, and the proxy is not seen.
  ///   - offered: the transports that have SRV records.
  func refusedConnection(
    at address: SocketAddress, _ states: [ConnectionState] = [.refused], elsewhere: String? = nil,
    lacksProxy: Bool = false,
    offered: [SIPTransport] = []
  ) -> [CheckCause] {
    let host = location?.name(of: address) ?? proxy.host
    let port = address.port
    let uri = "sip:\(host):\(port);transport=\((location?.transport ?? .tcp).rawValue)"
    var notListening = CheckCause(
      elsewhere.map { "it does not listen there, but at \($0)" } ?? "it does not listen there", section: "global",
      key: "transports", value: elsewhere.map { "\($0) \(uri)" } ?? uri)
    let isOtherFamily = elsewhere.flatMap(SIPTransportAddress.init).map { found in
      found.port == port && found.host.contains(":") != address.numericHost.contains(":")
    }
    if isOtherFamily == true {
      let family = address.numericHost.contains(":") ? "IPv6" : "IPv4"
      notListening.text +=
        ": \(host) leads to \(family) only. Let it listen on both, or give the name an "
        + "\(family == "IPv4" ? "AAAA" : "A") record"
    }
    let others = [
      CheckCause("a firewall is in between: open TCP port \(port)"),
      CheckCause("the account's outbound-proxy names another host or port than the server has"),
    ]
    // A port without a listener refuses, as long as nobody is in between.
    if !lacksProxy, isOtherFamily != true, let state = states.first, !states.contains(.refused) {
      let wrong = record(of: address).map { [CheckCause("\($0), and that is wrong")] } ?? []
      return unanswered(state, at: address) + (elsewhere == nil ? [] : [notListening]) + wrong + others.suffix(1)
    }
    notListening.isEvident = elsewhere != nil
    var stopped =
      lacksProxy
      ? CheckCause(
        "the conference server runs, but not the proxy", section: "global", key: "default-servers",
        value: "proxy conference")
      : CheckCause(
        "Flexisip does not run, or did not start. Usual reasons: a key, value or filter in flexisip.conf that it does "
          + "not know; a database, certificate or file of users that it cannot open; no conference-factory-uris; a "
          + "port that is taken. --flexisip-conf FILE finds most of them; \(Self.ownWords)")
    stopped.isEvident = lacksProxy
    let unused = location.map { notFollowed($0, offered) } ?? []
    guard let record = record(of: address) else {
      return unused + (elsewhere == nil ? [stopped, notListening] : [notListening]) + others
    }
    if let elsewhere {
      let wrong = CheckCause("\(record), but the server listens at \(elsewhere): correct the record")
      return [wrong, notListening] + others
    }
    return [
      CheckCause("\(record), where nothing answers: Flexisip does not run there, or did not start (its log says why)"),
      CheckCause("that record is wrong: it must name the host and a port of [global] transports"), notListening,
      others[0],
    ]
  }

  /// What is sent there is not refused, but lost.
  private func unanswered(_ state: ConnectionState, at address: SocketAddress) -> [CheckCause] {
    let way = Self.way(from: ConnectionState.source(toward: address), to: address.numericHost, address.port)
    let look = "on the server, 'nft list ruleset' or 'iptables -S' shows it; a hoster has rules of its own"
    let listens = "'ss -ltn' there shows what listens"
    switch state {
    case .rejected(let reason):
      return [
        CheckCause(
          "a firewall refuses what goes \(way) (\(reason)), or there is no route: \(look); 'ip route get "
            + "\(address.numericHost)' here shows the route"),
        CheckCause("the address is not the server's: compare it with 'ip -br address' there; \(listens)"),
      ]
    default:
      return [
        CheckCause(
          "a firewall drops what goes \(way): open the port (\(look)). A server that does not run refuses at once, "
            + "which was not seen"),
        CheckCause(
          "no machine has that address, or answers lead another way: compare it with 'ip -br address' on the server; "
            + listens),
      ]
    }
  }

  private static func way(from source: String?, to host: String, _ port: Int) -> String {
    "\(source.map { "from \($0) " } ?? "")to \(host) port \(port) over TCP"
  }

  /// Between proxy and conference server.
  /// - Parameters:
  ///   - source: the sender's address; nil when it is not known.
  ///   - key: of `[conference-server]`, which names the target.
  static func lost(
    _ state: ConnectionState, _ sender: String, from source: String?, to target: SIPTransportAddress, key: String
  ) -> CheckCause? {
    let way = way(from: source, to: target.host, target.port)
    let text: String
    switch state {
    case .taken: return nil
    case .refused: text = "nothing listens where \(sender) sends (\(way): refused): 'ss -ltn' shows what does"
    case .dropped:
      text = "a firewall drops what \(sender) sends (\(way): no answer, not refused): 'nft list ruleset' shows it"
    case .rejected(let reason):
      text = "what \(sender) sends does not arrive (\(way): \(reason)): a firewall ('nft list ruleset') or no route"
    }
    var cause = CheckCause(text, section: conference, key: key)
    cause.isEvident = true
    return cause
  }

  /// - Parameter isFocus: whether it is the conference server's port.
  func noProxyThere(isFocus: Bool) -> [CheckCause] {
    [
      CheckCause(
        "what answers there is \(isFocus ? "the conference server" : "a SIP server that registers nobody"), not the "
          + "proxy: name one of [global] transports in outbound-proxy of the account"),
      CheckCause("the server is overloaded or hangs: see its log"),
    ]
  }

  // MARK: A server that ended

  /// How to read Flexisip's own words.
  static let ownWords =
    "its own words: systemctl status flexisip-proxy, journalctl -u flexisip-proxy, its log-directory, or start it by "
    + "hand: flexisip -c /etc/flexisip/flexisip.conf"

  /// - Parameter isBack: whether it takes connections again.
  func serverEnded(isBack: Bool) -> CheckCause {
    var cause = CheckCause(
      "Flexisip ended at this request" + (isBack ? " and was started again" : "") + ": it crashes by a setting of the "
        + "module that the request came to (often a filter, or a module that chat does not need: Transcoder, plugins), "
        + "which --flexisip-conf FILE may find; \(Self.ownWords)")
    cause.isEvident = true
    return cause
  }

  // MARK: TLS

  /// - Parameters:
  ///   - isFlexisip: whether it is the SIP server that has a certificate to renew, and not a web server.
  ///   - address: of the SIP server.
  ///   - speaksPlainly: who answers SIP there without TLS.
  func noTLS(
    _ failure: TLSFailure, isFlexisip: Bool, at address: SocketAddress? = nil, speaksPlainly: String? = nil
  ) -> [CheckCause] {
    let certificate = { (text: String) in
      isFlexisip
        ? CheckCause(
          text, section: "global", key: "tls-certificates-file", value: "a file with the certificate and its chain")
        : CheckCause(text)
    }
    let own = CheckCause("\(failure)")
    switch failure {
    case .expired, .notYetValid, .wrongName, .badCertificate: return [certificate("\(failure)")]
    case .unknownIssuer, .selfSigned:
      return [own, certificate("the server does not send the certificates between its own and a known authority's")]
    case .plainText, .closed, .noAnswer:
      guard isFlexisip else {
        return [
          CheckCause(
            "what answers there does not speak TLS: name the port for HTTPS (usually 443) in the account, or http:// "
              + "where nobody is in between")
        ]
      }
      let listener = CheckCause(
        "\(failure)", section: "global", key: "transports", value: "sips:\(location?.host ?? proxy.host):5061")
      let isPlain = speaksPlainly.map {
        CheckCause(
          "\($0) answers there without TLS: name ;transport=tcp in outbound-proxy, or let it listen for TLS",
          section: "global", key: "transports", value: "sips:\(location?.host ?? proxy.host):5061")
      }
      let wrong = record(of: address).map {
        CheckCause("\($0), where no TLS is spoken: it must lead to the port for TLS")
      }
      return [wrong, isPlain, listener].compactMap { $0 }
    case .failed where isFlexisip:
      return [certificate("\(failure): the server has no certificate, or cannot read it or its key (its log says so)")]
    case .protocolTooOld, .clientCertificateWanted, .caFile, .failed: return [own]
    }
  }

  /// - Parameters:
  ///   - isTLS: whether what listens there takes TLS.
  ///   - isSilent: whether it keeps the connection, and says nothing.
  func noSIPAnswer(isTLS: Bool = false, isSilent: Bool = false) -> [CheckCause] {
    let foreign = CheckCause(
      "what listens at this port is no SIP server over TCP: check host, port and transport of outbound-proxy")
    let hangs = [
      CheckCause(
        "Flexisip hangs at its start, waiting for a database that does not answer (its log says so)",
        section: Self.router, key: "message-database-connection-string",
        value: "one with which the mysql client connects, or message-database-enabled=false"),
      CheckCause("the server is overloaded or hangs: see its log"),
    ]
    let others = isSilent ? hangs + [foreign] : [foreign] + hangs.suffix(1)
    guard isTLS else { return others }
    let first = try? location?.addresses.get().first
    let text =
      record(of: first).map { "\($0), where TLS is spoken: \(SIPTransport.tls.servicePrefix)… is the name for it" }
      ?? "what listens at this port speaks TLS: name ;transport=tls in outbound-proxy, or let it listen for TCP too"
    let plain = "sip:\(location?.host ?? proxy.host):5060;transport=tcp"
    return [CheckCause(text, section: "global", key: "transports", value: plain)] + others
  }
}
