// ConfCheck+Modules.swift: modules that are in the way of chat rooms, and values that break those they need
import Foundation
import ServerConnection

extension ConfCheck {
  private static let presence = "module::Presence"
  private static let forward = "module::Forward"
  private static let authentication = "module::Authentication"
  private static let registrar = "module::Registrar"
  private static let router = "module::Router"
  /// A proxy that gives up before this leaves no time for an answer, in milliseconds.
  private static let shortTransaction = 2000
  /// Registrations for less than this end before a room is made, in seconds.
  private static let shortRegistration = 10
  /// Where packages put plugins.
  private static let pluginFolders = [
    "/opt/belledonne-communications/lib/flexisip/plugins", "/usr/lib/flexisip/plugins",
  ]

  mutating func checkModules() {
    for (module, consequence, preventsStart) in [
      ("module::Redirect", "all requests get 302 from it, REGISTER too", false),
      ("module::B2bua", "INVITEs go to the back-to-back user agent, and none to the conference factory", false),
      ("module::Transcoder", "Flexisip 2.2 ends at the first INVITE", true),
    ] where conf.isOn(module, "enabled") {
      report(
        module, "enabled", "\(module) is on: \(consequence)", correction: "enabled=false",
        preventsStart: preventsStart)
    }
    for key in ["contact-verified-param", "contact-correction-param"] {
      guard let mark = conf.setting("module::NatHelper", key)?.value else { continue }
      checkMark(mark, key)
    }
    checkPresence()
    checkCluster()
    checkForward()
    checkPlugins()
    checkTimes()
    checkServiceRoute()
  }

  private mutating func checkMark(_ mark: String, _ key: String) {
    if ["gr", "transport", "lr", "maddr", "user", "method", "ttl"].contains(mark.lowercased()) {
      report(
        "module::NatHelper", key, "\(mark) has a meaning of its own: the mark that NatHelper sets destroys it",
        correction: "\(key)=verified")
    }
  }

  /// Whether the client comes from the address, as far as that is known: both are on the server's own machine.
  private func isClients(_ host: String) -> Bool {
    client?.outboundProxy.map { SIPTransportAddress.isSame(host, $0.host) } ?? false
  }

  private mutating func checkPresence() {
    guard conf.isOn(Self.presence, "enabled"), conf.isOn(Self.authentication, "enabled") else { return }
    let host = SIPTransportAddress(conf.value(Self.presence, "presence-server"))?.host ?? "127.0.0.1"
    guard isClients(host) else { return }
    report(
      Self.presence, "enabled",
      "the address of presence-server, \(host), is trusted, and clients come from it: nobody is asked for a password",
      correction: "enabled=false", remedy: "or a presence-server at an address that no client has")
  }

  private mutating func checkCluster() {
    guard conf.isOn("cluster", "enabled"), let node = conf.words("cluster", "nodes").first(where: isClients) else {
      return
    }
    report(
      "cluster", "nodes", "\(node) is trusted as a node, and clients come from it: nobody is asked for a password",
      correction: "nodes=\(conf.words("cluster", "nodes").filter { $0 != node }.joined(separator: " "))")
  }

  private mutating func checkForward() {
    let path = conf.value(Self.forward, "routes-config-path")
    if isServersMachine, !path.isEmpty, FileManager.default.contents(atPath: path) == nil {
      report(
        Self.forward, "routes-config-path", "\(path) cannot be read: the server does not start",
        correction: "routes-config-path=", preventsStart: true)
    }
    let key = "params-to-remove"
    let removed = conf.words(Self.forward, key)
    let needed = removed.filter { ["gr", "conf-id", "transport"].contains($0.lowercased()) }
    guard !needed.isEmpty else { return }
    report(
      Self.forward, key,
      "\(needed.joined(separator: ", ")) is needed: without it addresses of devices and rooms lead nowhere",
      correction: "\(key)=\(removed.filter { !needed.contains($0) }.joined(separator: " "))")
  }

  private mutating func checkPlugins() {
    guard isServersMachine else { return }
    let folders = [conf.value("global", "plugins-dir")].filter { !$0.isEmpty } + Self.pluginFolders
    for name in conf.words("global", "plugins") {
      let files = folders.map { "\($0)/lib\(name).so" }
      guard !files.contains(where: { FileManager.default.fileExists(atPath: $0) }) else { continue }
      let rest = conf.words("global", "plugins").filter { $0 != name }.joined(separator: " ")
      warn(
        "global", "plugins",
        "no lib\(name).so in \(folders.joined(separator: ", ")): the server does not start without it",
        correction: "plugins=\(rest)")
      preventStart()
    }
  }

  private mutating func checkTimes() {
    func number(_ section: String, _ key: String) -> Int? {
      conf.setting(section, key).flatMap { setting in
        FlexisipKeys.key(key, in: section, by: conf.program).flatMap { $0.number(setting.value) }
      }
    }
    if let time = number("global", "transaction-timeout"), time < Self.shortTransaction {
      report(
        "global", "transaction-timeout", "the proxy gives up after \(time) ms: requests get 408",
        correction: "transaction-timeout=32000")
    }
    if number(Self.authentication, "cache-expire") == 0 {
      report(
        Self.authentication, "cache-expire",
        "passwords are forgotten before they are compared: every REGISTER gets 403",
        correction: "cache-expire=1800")
    }
    for key in ["force-expires", "max-expires"] {
      guard let time = number(Self.registrar, key), (1..<Self.shortRegistration).contains(time) else { continue }
      let usual = FlexisipKeys.defaultValue(Self.registrar, key, by: conf.program)
      report(
        Self.registrar, key, "registrations end after \(time) s: devices are gone before a room is made",
        correction: "\(key)=\(usual)")
    }
    if conf.isOn(Self.registrar, "reg-on-response") {
      report(
        Self.registrar, "reg-on-response",
        "REGISTER is sent on to another server, and answered when that answers: without one, never",
        correction: "reg-on-response=false")
    }
    if number(Self.router, "message-accept-timeout") == 0 {
      report(
        Self.router, "message-accept-timeout", "Flexisip 2.2 ends at the first message",
        correction: "message-accept-timeout=5", preventsStart: true)
    }
    checkMessageDatabase()
  }

  private mutating func checkMessageDatabase() {
    guard conf.isOn(Self.router, "message-database-enabled"), isServersMachine else { return }
    let key = "message-database-connection-string"
    let text = conf.value(Self.router, key)
    guard !text.isEmpty, !text.contains("host='myhost.com'") else {
      return report(
        Self.router, key, "the database of kept messages is not set: the proxy waits for it and answers nothing",
        correction: "\(key)=db='flexisip' user='flexisip' password='PASSWORD' host='localhost'",
        remedy: "or message-database-enabled=false")
    }
    guard conf.value(Self.router, "message-database-backend") != "sqlite3" else { return }
    checkMySQL(text, Self.router, key, "the proxy waits for it and answers nothing", preventsStart: false)
  }

  private mutating func checkServiceRoute() {
    let key = "service-route"
    let routes = conf.value(Self.registrar, key).split(separator: ",").map {
      $0.trimmingCharacters(in: CharacterSet(charactersIn: "<> "))
    }.filter { !$0.isEmpty }
    let transports = conf.words("global", "transports").compactMap(SIPTransportAddress.init)
    for route in routes {
      let target = SIPTransportAddress(route)
      guard target.map({ target in transports.contains { $0.accepts(target) } }) != true else { continue }
      warn(
        Self.registrar, key, "clients are told to send everything by \(route), which is none of [global]/transports",
        correction: "\(key)=")
    }
  }
}
