// ConfCheck+Setup.swift: what the files of a set-up must have in common, and what is in a file that nothing reads there
import Foundation

extension ConfCheck {
  private static let registrar = "module::Registrar"

  mutating func checkSplit() {
    if let proxy = setup.proxy, proxy.program.isAtLeast(FlexisipProgram.split) {
      checkLeftover(in: proxy)
      checkServers(of: proxy)
    }
    if let conference = setup.conference { checkRegistrations(of: conference) }
    for other in setup.others where other.sets(Self.presenceServer) { checkPresenceServer(other) }
  }

  private static let presenceServer = "presence-server"

  /// The proxy sends to where the presence server listens.
  private mutating func checkPresenceServer(_ file: FlexisipConf) {
    let module = "module::Presence"
    guard let proxy = setup.proxy, proxy.isOn(module, "enabled") else { return }
    let text = proxy.value(module, Self.presenceServer)
    let listed = file.words(Self.presenceServer, "transports")
    guard let target = SIPTransportAddress(text),
      !listed.contains(where: { SIPTransportAddress($0)?.accepts(target) == true })
    else { return }
    add(
      .error, module, Self.presenceServer,
      "\(text) is not among the transports of \(file.path) (\(listed.joined(separator: " "))): presence goes nowhere",
      correction: "\(Self.presenceServer)=\(listed.first ?? text)", in: proxy)
  }

  /// Of a file from before 2.6. Flexisip starts with it, and the factory answers 404.
  private mutating func checkLeftover(in proxy: FlexisipConf) {
    guard proxy.sets(Self.conference) else { return }
    add(
      setup.conference == nil ? .error : .warning, Self.conference, "",
      "\(proxy.program.name) reads nothing of it, and has no conference server: it belongs into "
        + "flexisip-conference.conf", correction: "# [\(Self.conference)]",
      remedy: "flexisip-conference is a package of its own; 'limeade lab --print-config --flexisip-version 2.6' prints "
        + "both files", isUnseen: setup.conference != nil, in: proxy, line: proxy.line(ofSection: Self.conference))
  }

  private mutating func checkServers(of proxy: FlexisipConf) {
    let key = "default-servers"
    let servers = proxy.words("global", key)
    guard servers.contains("conference") else { return }
    let others = servers.filter { $0 != "conference" }
    if others.isEmpty {
      report(
        "global", key, "conference is no server of \(proxy.program.name), and no other is named: it does not start",
        correction: "\(key)=proxy", preventsStart: true)
    } else {
      warn(
        "global", key, "conference is no server of \(proxy.program.name), which passes over it",
        correction: "\(key)=\(others.joined(separator: " "))", isUnseen: true)
    }
  }

  /// The conference server looks for devices where the proxy keeps them.
  private mutating func checkRegistrations(of conference: FlexisipConf) {
    let section = Self.registrar
    func error(_ key: String, _ problem: String, _ correction: String, remedy: String? = nil) {
      add(.error, section, key, problem, correction: correction, remedy: remedy, in: conference)
    }
    let store = conference.value(section, "db-implementation")
    guard store == "redis" else {
      let isDefault = conference.setting(section, "db-implementation") == nil
      return error(
        "db-implementation",
        "\(store)\(isDefault ? " (the default)" : "") is the conference server's own memory: it finds no one's devices",
        "\(isDefault ? "[\(section)]\n" : "")db-implementation=redis",
        remedy: "the Redis of the proxy, whose [\(section)] must have it too")
    }
    guard let proxy = setup.proxy, proxy.value(section, "db-implementation") == "redis" else { return }
    let isOverTLS = proxy.value(section, "redis-connection") != conference.value(section, "redis-connection")
    // One Redis can have a port for TLS beside its other one.
    for key in ["redis-server-domain"] + (isOverTLS ? [] : ["redis-server-port"]) {
      let (theirs, own) = (proxy.value(section, key), conference.value(section, key))
      guard !SIPTransportAddress.isSame(theirs, own) else { continue }
      error(
        key, "the proxy has \(key)=\(theirs): the conference server looks for devices in another Redis",
        "\(key)=\(theirs)")
    }
    checkRedis(section, in: conference)
  }
}
