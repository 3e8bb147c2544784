// ConfCheck+Conference.swift: [conference-server]: running, reachable from the proxy, and its own way back
import Foundation
import MessageFormats

extension ConfCheck {
  static let conference = "conference-server"

  // MARK: Does it run, and do proxy and conference server reach each other

  mutating func checkConferenceServer() {
    guard conf.has(section: Self.conference) else {
      return report(
        Self.conference, "conference-factory-uris",
        "there is no [conference-server] section, so no conference factory",
        correction: "[conference-server]\nenabled=true\nconference-factory-uris=sip:conference-factory@\(domain)")
    }
    if ["false", "0"].contains(conf.value(Self.conference, "enabled")) {
      if isSplit {
        warn(
          Self.conference, "enabled", "flexisip-conference does not read it: systemd decides whether it runs",
          correction: "enabled=true")
      } else if isAtLeast(2, 3) {
        warn(
          Self.conference, "enabled", "since 2.3 nothing reads it: default-servers and systemd decide what runs",
          correction: "enabled=true")
      } else {
        report(
          Self.conference, "enabled", "the conference server is off: an INVITE to the factory gets 404",
          correction: "enabled=true")
      }
    }
    let media = conf.words(Self.conference, "supported-media-types")
    if !media.contains("text") {
      report(
        Self.conference, "supported-media-types", "without 'text' the conference server makes no chat rooms",
        correction: "supported-media-types=\((["text"] + media).joined(separator: " "))")
    }
    if ["false", "0"].contains(conf.value(Self.conference, "enable-one-to-one-chat-room")) {
      report(
        Self.conference, "enable-one-to-one-chat-room",
        "rooms for two are refused (488): nobody can write to one person",
        correction: "enable-one-to-one-chat-room=true")
    }
    checkStateDirectory()
    if setup.proxy != nil { checkTransports() }
    checkOutboundProxy()
    checkConferenceTransport()
  }

  private mutating func checkStateDirectory() {
    let key = "state-directory"
    guard isServersMachine, let path = conf.setting(Self.conference, key)?.value, !path.isEmpty else { return }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard !exists || !isFolder.boolValue || !FileManager.default.isWritableFile(atPath: path) else { return }
    let fault = !exists ? "does not exist" : isFolder.boolValue ? "cannot be written" : "is no folder"
    report(
      Self.conference, key, "\(path) \(fault): the conference server does not start",
      correction: "\(key)=\(stateFolder)", remedy: "or make the folder, owned by the user that Flexisip runs as",
      preventsStart: true)
  }

  /// Where packages keep what the conference server writes.
  var stateFolder: String {
    isSplit
      ? "/var/opt/belledonne-communications/flexisip-conference/lib" : "/var/opt/belledonne-communications/lib/flexisip"
  }

  /// Whether the conference server is flexisip-conference, with a file of its own.
  var isSplit: Bool { (setup.conference?.program ?? conf.program).isAtLeast(FlexisipProgram.split) }

  /// The list with one of its parts replaced.
  private func transports(replacing old: String, by new: String) -> String {
    "transports=" + conf.words("global", "transports").map { $0 == old ? new : $0 }.joined(separator: " ")
  }

  /// Each is a SIP URI, and TLS has a scheme of its own.
  private mutating func checkTransports() {
    for text in conf.words("global", "transports") {
      guard let transport = SIPTransportAddress(text) else {
        let right = Self.transport(meantBy: text)
        report(
          "global", "transports", "'\(text)' is no SIP URI: the server does not start",
          correction: transports(replacing: text, by: right),
          remedy: "a blank separates URIs; parameters follow a ';' without a blank", preventsStart: true)
        continue
      }
      guard text.lowercased().hasPrefix("sip:"), transport.protocols == ["tls"] else { continue }
      let right = "sips:" + text.dropFirst(4).replacing(/;transport=tls/.ignoresCase(), with: "")
      report(
        "global", "transports", "\(text): Flexisip takes no transport=tls here, but sips: (it does not start)",
        correction: transports(replacing: text, by: right), preventsStart: true)
    }
  }

  /// `tcp:0.0.0.0:5060` and the like.
  private static func transport(meantBy text: String) -> String {
    let bare = text.trimmingCharacters(in: CharacterSet(charactersIn: "<>\"'"))
    guard let match = bare.wholeMatch(of: /(tcp|udp|tls):(?:\/\/)?(.+)/.ignoresCase()) else {
      return bare.lowercased().hasPrefix("sip") ? bare : "sip:\(bare)"
    }
    let name = match.1.lowercased()
    return name == "tls" ? "sips:\(match.2)" : "sip:\(match.2);transport=\(name)"
  }

  private mutating func checkOutboundProxy() {
    let text = conf.value(Self.conference, "outbound-proxy")
    guard let outbound = SIPTransportAddress(text) else {
      return report(
        Self.conference, "outbound-proxy", "'\(text)' is no SIP URI (write it without <>)",
        correction: "outbound-proxy=sip:127.0.0.1:5060;transport=tcp", preventsStart: true)
    }
    if outbound.protocols == ["udp"], !isAtLeast(2, 5) {
      return report(
        Self.conference, "outbound-proxy",
        "the conference server speaks TCP only (before 2.5): what it sends by itself goes nowhere",
        correction: "outbound-proxy=sip:\(outbound.host):\(outbound.port);transport=tcp")
    }
    guard setup.proxy != nil else { return }
    let listed = conf.words("global", "transports")
    // Those that are meant otherwise than they are written are told of by themselves.
    let transports = listed.compactMap { SIPTransportAddress($0) ?? SIPTransportAddress(Self.transport(meantBy: $0)) }
    guard !transports.contains(where: { $0.accepts(outbound) }) else { return checkTLSToProxy(outbound) }
    let (nearby, cause) = neighbour(of: outbound, among: transports)
    let isDefault = conf.setting(Self.conference, "outbound-proxy") == nil
    report(
      Self.conference, "outbound-proxy",
      "outbound-proxy\(isDefault ? " (not set, so its default \(text))" : " \(text)") is not among [global]/transports"
        + "\(cause): what the focus sends (NOTIFY, invitations, messages) goes nowhere",
      correction: "outbound-proxy=\(nearby ?? text)",
      remedy: "or add it: [global] transports=\((listed + [text]).joined(separator: " "))")
  }

  /// The conference server checks the certificate, which is seldom for an address.
  private mutating func checkTLSToProxy(_ outbound: SIPTransportAddress) {
    guard outbound.protocols == ["tls"], outbound.host.wholeMatch(of: /[\d.]+|.*:.*|localhost/) != nil else { return }
    warn(
      Self.conference, "outbound-proxy",
      "over TLS the conference server checks the proxy's certificate, which must be for \(outbound.host)",
      correction: "outbound-proxy=sip:127.0.0.1:5060;transport=tcp",
      remedy: "on one machine TCP on loopback, which must be in [global] transports, else the name in the certificate")
  }

  /// A transport that the outbound proxy could name instead, and what is different.
  private func neighbour(
    of outbound: SIPTransportAddress, among transports: [SIPTransportAddress]
  ) -> (String?, String) {
    func uri(_ transport: SIPTransportAddress) -> String? {
      guard transport.protocols.contains("tcp") else { return nil }
      let host = transport.maddr ?? transport.host
      let shown = SIPTransportAddress.isWildcard(host) ? "127.0.0.1" : host
      return "sip:\(shown.contains(":") ? "[\(shown)]" : shown):\(transport.port);transport=tcp"
    }
    let sameHost = transports.filter {
      SIPTransportAddress.isWildcard($0.host) || SIPTransportAddress.isSame($0.maddr ?? $0.host, outbound.host)
    }
    if sameHost.contains(where: { $0.port == outbound.port }) {
      return (sameHost.lazy.compactMap(uri).first, " (other protocol)")
    }
    if let other = sameHost.lazy.compactMap(uri).first { return (other, " (other port)") }
    return (transports.lazy.compactMap(uri).first, "")
  }

  private mutating func checkConferenceTransport() {
    let text = conf.value(Self.conference, "transport")
    guard let transport = SIPTransportAddress(text) else {
      return report(
        Self.conference, "transport", "'\(text)' is no SIP URI (write it without <>): the server does not start",
        correction: "transport=sip:127.0.0.1:6064;transport=tcp", preventsStart: true)
    }
    if transport.protocols == ["tls"] {
      report(
        Self.conference, "transport",
        isAtLeast(2, 5)
          ? "the conference server takes sip: with udp or tcp here, and no TLS: it does not start"
          : "the conference server speaks TCP only, so nobody connects to it over TLS",
        correction: "transport=sip:\(transport.host):6064;transport=tcp", preventsStart: isAtLeast(2, 5))
    } else if !transport.protocols.isSuperset(of: ["tcp"]) || !text.lowercased().contains("transport=tcp"),
      !isAtLeast(2, 5)
    {
      report(
        Self.conference, "transport",
        "without ;transport=tcp the proxy sends to it over UDP, where nothing listens (before 2.5)",
        correction: "transport=sip:\(transport.host):\(transport.port);transport=tcp")
    }
    if SIPTransportAddress.isWildcard(transport.host) {
      warn(
        Self.conference, "transport",
        "the proxy sends to this very address, so it must be one that the proxy can connect to",
        correction: "transport=sip:127.0.0.1:\(transport.port);transport=tcp")
    }
    guard setup.proxy != nil else { return }
    let taken = conf.words("global", "transports").first {
      SIPTransportAddress($0).map { $0.collides(with: transport) } ?? false
    }
    if let taken {
      report(
        Self.conference, "transport", "the proxy listens there already (\(taken)): one of the two does not start",
        correction: "transport=sip:\(transport.host):\(transport.port == 6064 ? 6065 : 6064);transport=tcp",
        preventsStart: true)
    }
  }

  // MARK: Factory and focus addresses

  mutating func checkConferenceAddresses() {
    guard conf.has(section: Self.conference) else { return }
    let key =
      conf.setting(Self.conference, "conference-factory-uris") == nil
        && conf.setting(Self.conference, "conference-factory-uri") != nil
      ? "conference-factory-uri" : "conference-factory-uris"
    let factories =
      conf.words(Self.conference, "conference-factory-uri")
      + conf.words(Self.conference, "conference-factory-uris")
    let suggested = client?.conferenceFactory.description ?? "sip:conference-factory@\(domain)"
    guard !factories.isEmpty else {
      return report(
        Self.conference, "conference-factory-uris",
        "no factory URI: Flexisip 2.2 does not start, and with later ones no client can make a room (404)",
        correction: "conference-factory-uris=\(suggested)", preventsStart: !isAtLeast(2, 3) && !isSplit)
    }
    let uris = check(factories, key: key)
    checkFocusURIs(factories: factories, uris: uris)
    guard let wanted = client?.conferenceFactory else { return }
    if !uris.contains(where: { $0.user == wanted.user && $0.host.lowercased() == wanted.host.lowercased() }) {
      report(
        Self.conference, key,
        "the client's conference-factory \(wanted) is not listed: its INVITE gets 404",
        correction:
          "\(key)="
          + (key.hasSuffix("s") ? (factories + [wanted.description]).joined(separator: " ") : wanted.description),
        remedy: uris.first.map { "or set the client's to \($0)" })
    }
  }

  /// Readable, with a user, and in a served domain. Returns those that can be read.
  private mutating func check(_ list: [String], key: String) -> [SIPURI] {
    let served = conf.words("module::Registrar", "reg-domains")
    var uris: [SIPURI] = []
    for text in list {
      guard let uri = SIPURI(text), uri.user?.isEmpty == false else {
        let bare = text.trimmingCharacters(in: CharacterSet(charactersIn: "<>\"'"))
        report(
          Self.conference, key, "'\(text)' is no SIP URI with a user (write it without <>)",
          correction: "\(key)=\(bare.hasPrefix("sip:") ? bare : "sip:\(bare)")", preventsStart: true)
        continue
      }
      if !uri.parameters.isEmpty || uri.isSecure {
        let plain = SIPURI(user: uri.user, host: uri.host)
        report(
          Self.conference, key,
          "\(text): rooms take over what is written beside user and host, and cannot be reached by it",
          correction: "\(key)=\(list.map { $0 == text ? "\(plain)" : $0 }.joined(separator: " "))")
      }
      uris.append(uri)
      // A domain that the users have is what the registrar lacks, and is said there.
      if setup.proxy != nil, !Self.lists(served, uri.host), !isUsersDomain(uri.host) {
        let suggestion = list.map { $0 == text ? "sip:\(uri.user ?? "")@\(domain)" : $0 }.joined(separator: " ")
        report(
          Self.conference, key,
          "\(text) is not in a domain that the registrar serves (reg-domains=\(served.joined(separator: " ")))",
          correction: "\(key)=\(suggestion)",
          remedy: "or [module::Registrar] reg-domains=\((served + [uri.host]).joined(separator: " "))")
      }
    }
    return uris
  }

  private mutating func checkFocusURIs(factories: [String], uris: [SIPURI]) {
    let key = "conference-focus-uris"
    let focuses = conf.words(Self.conference, key)
    let suggestion = uris.map { "sip:conference-focus@\($0.host)" }.joined(separator: " ")
    guard !focuses.isEmpty else {
      if let version, version < FlexisipVersion(major: 2, minor: 5), !isSplit { return }
      let isNewer = isAtLeast(2, 5) || isSplit
      return add(
        isNewer ? .error : .warning, Self.conference, key,
        "no focus URIs: from Flexisip 2.5 on there must be one for each factory URI, else the server does not start"
          + (isNewer ? "" : " (Flexisip 2.2 and older do not know the key)"),
        correction: "\(key)=\(suggestion)", preventsStart: true)
    }
    let known = check(focuses, key: key)
    if focuses.count < factories.count {
      report(
        Self.conference, key,
        "\(factories.count) factory URIs but \(focuses.count) focus URIs: the server does not start",
        correction: "\(key)=\(suggestion)", preventsStart: true)
    }
    for (factory, focus) in zip(uris, known) where factory.host.lowercased() != focus.host.lowercased() {
      warn(
        Self.conference, key, "rooms of \(factory) get addresses of another domain, \(focus.host)",
        correction: "\(key)=\(suggestion)")
    }
    for focus in known where uris.contains(focus) {
      report(
        Self.conference, key, "\(focus) is a factory URI too: rooms need an address of their own",
        correction: "\(key)=\(suggestion)")
    }
  }

  // MARK: Domains

  /// The domain that corrected lines use.
  var domain: String {
    if let client { return client.address.host }
    let served = conf.words("module::Registrar", "reg-domains").first { $0 != "*" && $0 != "localhost" }
    let challenged = conf.words("module::Authentication", "auth-domains").first { $0 != "*" && $0 != "localhost" }
    return served ?? challenged ?? "sip.example.org"
  }

  /// Whether the account that the file is compared with has this domain or, without one, users are challenged for it.
  func isUsersDomain(_ domain: String) -> Bool {
    if let client { return client.address.host.caseInsensitiveCompare(domain) == .orderedSame }
    return conf.words("module::Authentication", "auth-domains").contains {
      $0.caseInsensitiveCompare(domain) == .orderedSame
    }
  }

  static func lists(_ domains: [String], _ domain: String) -> Bool {
    domains.contains { $0 == "*" || $0.caseInsensitiveCompare(domain) == .orderedSame }
  }
}
