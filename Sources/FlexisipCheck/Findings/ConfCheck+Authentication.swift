// ConfCheck+Authentication.swift: who is challenged, who is trusted, which domains are served
import Foundation

extension ConfCheck {
  private static let authentication = "module::Authentication"
  private static let authorization = "module::Authorization"
  private static let openID = "module::AuthOpenIDConnect"
  private static let trusted = "module::AuthTrustedHosts"
  private static let registrar = "module::Registrar"

  // MARK: Authentication

  mutating func checkAuthentication() {
    let isDigest = conf.isOn(Self.authentication, "enabled")
    guard isDigest || conf.isOn(Self.openID, "enabled") || conf.isOn("module::ExternalAuthentication", "enabled") else {
      report(
        Self.authentication, "enabled",
        "nothing authenticates: every client is let in under any name"
          + (conf.setting(Self.authentication, "enabled") == nil ? " (false is the default)" : ""),
        correction: "enabled=true")
      return
    }
    if isDigest {
      checkDomains(of: Self.authentication, consequence: "REGISTER gets '403 Domain forbidden'")
      checkAlgorithms()
      checkUsers()
      checkRealm()
    }
    if conf.isOn(Self.authorization, "enabled"),
      !["flexiapi"].contains(conf.value(Self.authorization, "auth-domains-mode")),
      conf.value(Self.authorization, "account-manager-host").isEmpty
    {
      checkDomains(of: Self.authorization, consequence: "requests of that domain are refused")
    }
    if conf.isOn(Self.trusted, "enabled"), !conf.isOn(Self.authorization, "enabled") {
      report(
        Self.trusted, "enabled", "AuthTrustedHosts needs the Authorization module: the server does not start",
        correction: "enabled=false",
        remedy: "or [module::Authorization] enabled=true, in place of module::Authentication")
    }
    if conf.isOn(Self.trusted, "enabled"), isDigest {
      report(
        Self.trusted, "enabled", "AuthTrustedHosts and Authentication do not go together",
        correction: "enabled=false", remedy: "module::Authentication has a trusted-hosts of its own")
    }
  }

  /// `auth-domains` has every domain that the registrar, the factories and the client use.
  private mutating func checkDomains(of section: String, consequence: String) {
    let listed = conf.words(section, "auth-domains")
    for domain in neededDomains where !Self.lists(listed, domain) {
      let kept = listed.filter { $0 != "localhost" }
      add(
        client == nil || isUsersDomain(domain) ? .error : .warning, section, "auth-domains",
        "\(domain) is missing\(defaultNote(section, "auth-domains")): \(consequence)",
        correction: "auth-domains=\((kept + [domain]).joined(separator: " "))")
    }
  }

  private func defaultNote(_ section: String, _ key: String) -> String {
    conf.setting(section, key) == nil ? " (the default is localhost only)" : ""
  }

  private var neededDomains: [String] {
    var domains = conf.words(Self.registrar, "reg-domains").filter { $0 != "*" && $0 != "localhost" }
    if let client { domains.append(client.address.host) }
    var seen = Set<String>()
    return domains.filter { seen.insert($0.lowercased()).inserted }
  }

  private mutating func checkAlgorithms() {
    let key = "available-algorithms"
    let listed = conf.words(Self.authentication, key)
    let unknown = listed.filter { !["MD5", "SHA-256"].contains($0) }
    if !unknown.isEmpty {
      report(
        Self.authentication, key, "unknown: \(unknown.joined(separator: " "))",
        correction: "\(key)=MD5 SHA-256", preventsStart: true)
    } else if listed.isEmpty {
      warn(
        Self.authentication, key, "no algorithm is named, which leaves the choice to Flexisip",
        correction: "\(key)=MD5 SHA-256")
    } else if !listed.contains("MD5") {
      warn(
        Self.authentication, key,
        "only SHA-256: clients that know MD5 only leave the challenge unanswered and never register",
        correction: "\(key)=MD5 SHA-256")
    }
  }

  private mutating func checkRealm() {
    checkRealmExpression()
    let realm = conf.value(Self.authentication, "realm")
    guard !realm.isEmpty, !realm.hasPrefix("regex:"), !Self.lists(neededDomains, realm), !neededDomains.isEmpty else {
      return
    }
    // What the file has in clear text is hashed with the domain, whatever the realm is.
    add(
      conf.value(Self.authentication, "db-implementation") == "file" ? .error : .warning, Self.authentication, "realm",
      "the realm \(realm) is not the SIP domain: passwords of the domain do not fit (403), clients that look them up "
        + "by domain do not answer, and the LIME key server must use the same realm",
      correction: "realm=\(domain)")
  }

  /// `realm-regex` must find something in the From of the client, else whoever registers gets 500.
  private mutating func checkRealmExpression() {
    let key = "realm-regex"
    let expression = conf.value(Self.authentication, key)
    guard !expression.isEmpty else { return }
    guard let compiled = try? NSRegularExpression(pattern: expression) else {
      warn(
        Self.authentication, key, "this is probably no regular expression: the server does not start",
        correction: "\(key)=")
      return preventStart()
    }
    guard let address = client.map({ "\($0.address)" }),
      compiled.firstMatch(in: address, range: NSRange(address.startIndex..., in: address)) == nil
    else { return }
    report(
      Self.authentication, key, "it finds no realm in \(address): every REGISTER gets '500 Internal error'",
      correction: "\(key)=", remedy: "without it the domain is the realm")
  }

  // MARK: trusted-hosts

  mutating func checkTrustedHosts() {
    let section = conf.isOn(Self.trusted, "enabled") ? Self.trusted : Self.authentication
    guard conf.isOn(section, "enabled") else { return }
    let hosts = trustedHosts(of: section)
    for host in hosts where Self.trustsEveryone(host) {
      report(
        section, "trusted-hosts", "\(host) trusts everyone: nobody is asked for a password",
        correction: "trusted-hosts=\(focusHost)")
      return
    }
    for network in hosts where network.contains("/") {
      // It trusts nobody, which is a fault if the conference server needs it.
      add(
        exemptsFocus(section) ? .warning : .error, section, "trusted-hosts",
        "\(network) is a network: Flexisip takes single addresses here",
        correction: "trusted-hosts=\((hosts.filter { !$0.contains("/") } + [focusHost]).joined(separator: " "))")
      return
    }
    guard setup.seesConference, conf.has(section: Self.conference), !exemptsFocus(section) else { return }
    if !hosts.contains(where: { SIPTransportAddress.isSame($0, focusHost) }) {
      report(
        section, "trusted-hosts",
        "\(focusHost), from which the conference server connects to outbound-proxy, is not trusted: what the focus "
          + "sends is challenged (407), so rooms are made but no NOTIFY, invitation or message ever comes",
        correction: "trusted-hosts=\((hosts + [focusHost]).joined(separator: " "))",
        remedy: "or a filter that exempts it: filter=!(from.uri.user contains 'conference-focus')")
    } else if let proxy = client?.outboundProxy?.host, hosts.contains(where: { SIPTransportAddress.isSame($0, proxy) })
    {
      warn(
        section, "trusted-hosts",
        "the client comes from \(proxy) too, which is trusted: it is never asked for a password",
        correction:
          "trusted-hosts=\(hosts.filter { !SIPTransportAddress.isSame($0, proxy) }.joined(separator: " "))\n"
          + "filter=!(user-agent contains 'Flexisip-conference')",
        remedy: "as long as all is on one machine the focus must be told by its name, not by its address")
    }
  }

  private var focusHost: String { conf.focusSource }

  /// With references to other lists (`${cluster/nodes}`) resolved, and with the nodes of a cluster.
  private func trustedHosts(of section: String) -> [String] {
    let written = conf.words(section, "trusted-hosts").flatMap { word -> [String] in
      guard word.hasPrefix("${"), word.hasSuffix("}") else { return [word] }
      let parts = word.dropFirst(2).dropLast().split(separator: "/").map(String.init)
      return parts.count == 2 ? conf.words(parts[0], parts[1]) : []
    }
    return written + (conf.isOn("cluster", "enabled") ? conf.words("cluster", "nodes") : [])
  }

  private static func trustsEveryone(_ host: String) -> Bool {
    ["*", "0.0.0.0", "::", "::0", "0"].contains(host)
  }

  // MARK: Registrar

  mutating func checkRegistrar() {
    if ["false", "0"].contains(conf.value(Self.registrar, "enable-gruu")) {
      report(
        Self.registrar, "enable-gruu",
        "without GRUUs a device has no address of its own: the 200 to REGISTER lacks pub-gruu, and no device can be in "
          + "a room",
        correction: "enable-gruu=true")
    }
    let served = conf.words(Self.registrar, "reg-domains")
    var wanted =
      conf.isOn(Self.authentication, "enabled")
      ? conf.words(Self.authentication, "auth-domains").filter { $0 != "*" && $0 != "localhost" } : []
    if let client { wanted.append(client.address.host) }
    var seen = Set<String>()
    for domain in wanted where seen.insert(domain.lowercased()).inserted && !Self.lists(served, domain) {
      add(
        client == nil || isUsersDomain(domain) ? .error : .warning, Self.registrar, "reg-domains",
        "\(domain) is missing\(defaultNote(Self.registrar, "reg-domains")): "
          + "an authenticated REGISTER of that domain is never answered",
        correction: "reg-domains=\((served.filter { $0 != "localhost" } + [domain]).joined(separator: " "))")
    }
    checkLocalDomains(served)
  }

  private mutating func checkLocalDomains(_ served: [String]) {
    guard conf.has(section: Self.conference) else { return }
    let factories =
      conf.words(Self.conference, "conference-factory-uris") + conf.words(Self.conference, "conference-factory-uri")
    let local = conf.words(Self.conference, "local-domains")
    let known =
      local + factories.compactMap { $0.split(separator: "@").last?.split(separator: ";").first.map(String.init) }
    for domain in served where domain != "*" && domain != "localhost" && !Self.lists(known, domain) {
      warn(
        Self.conference, "local-domains",
        "\(domain) is served here but the conference server does not know it: its users' devices are not found",
        correction: "local-domains=\((local + [domain]).joined(separator: " "))")
    }
  }
}
