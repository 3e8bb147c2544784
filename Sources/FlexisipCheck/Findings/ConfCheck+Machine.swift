// ConfCheck+Machine.swift: what flexisip.conf names and this machine lacks: addresses, free ports, certificates, routes
import Foundation
import ServerConnection

extension ConfCheck {
  /// Certificates that end within this are mentioned, in seconds.
  private static let soon: TimeInterval = 14 * 86_400
  private static let forward = "module::Forward"

  /// Only on the machine that the server is to run on.
  mutating func checkMachine() {
    checkRoutes()
    guard isServersMachine else { return }
    if triesListeners { checkListeners() }
    checkCertificatePair()
    checkCertificateFolder()
  }

  // MARK: Addresses and ports

  private mutating func checkListeners() {
    if setup.proxy != nil {
      for text in conf.words("global", "transports") { checkListener(text, "global", "transports") }
    }
    if conf.has(section: Self.conference) {
      checkListener(conf.value(Self.conference, "transport"), Self.conference, "transport")
    }
  }

  private mutating func checkListener(_ text: String, _ section: String, _ key: String) {
    guard let listener = SIPTransportAddress(text), let port = UInt16(exactly: listener.port) else { return }
    let host = listener.maddr ?? listener.host
    if !SIPTransportAddress.isWildcard(host) {
      let addresses = (try? SocketAddress.all(of: host, port: 0)) ?? []
      let isForeign = !addresses.isEmpty && !addresses.contains(where: \.isOfThisMachine)
      if isForeign || (addresses.isEmpty && host.isNumericAddress) {
        let own = Self.ownAddresses.first ?? "ADDRESS"
        let corrected = listener.maddr == nil ? "\(text);maddr=\(own)" : text.replacing(host, with: own)
        return report(
          section, key,
          "this machine has no address \(addresses.first?.numericHost ?? host): the server cannot listen at \(text)",
          correction: line(key, in: section, replacing: text, with: corrected),
          remedy: "behind NAT the outer address stands in the URI and the machine's own in maddr (ip -br address): "
            + Self.ownAddresses.joined(separator: ", "), preventsStart: true)
      }
    }
    guard listener.protocols != ["udp"], port != 0, let holder = ServerMachine.listener(at: port), !holder.isFlexisip,
      Self.isTaken(host, port)
    else { return }
    // Who may not see other users' sockets does not know whether it is Flexisip that runs.
    guard holder.isSeen || ServerMachine.flexisips.isEmpty else { return }
    report(
      section, key, "port \(port) of \(text) is taken by \(holder.name): the server does not start",
      correction: line(key, in: section, replacing: text, with: text.replacing(":\(port)", with: ":\(port + 2)")),
      remedy: "or stop what has it ('ss -ltnp sport = :\(port)' as root)", preventsStart: true)
  }

  private func line(_ key: String, in section: String, replacing old: String, with new: String) -> String {
    "\(key)=" + conf.words(section, key).map { $0 == old ? new : $0 }.joined(separator: " ")
  }

  /// Whether a listener there would collide with one that is there.
  private static func isTaken(_ host: String, _ port: UInt16) -> Bool {
    let name = SIPTransportAddress.isWildcard(host) ? (host.contains(":") ? "::" : "0.0.0.0") : host
    guard let address = try? SocketAddress.all(of: name, port: Int(port)).first else { return false }
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // As servers do: connections that have ended do not count.
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    return address.withPointer { bind(descriptor, $0, $1) != 0 && errno == EADDRINUSE }
  }

  /// Those that others can reach.
  private static var ownAddresses: [String] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var found: [String] = []
    var next = first
    while let entry = next {
      next = entry.pointee.ifa_next
      guard let address = entry.pointee.ifa_addr, [AF_INET, AF_INET6].contains(Int32(address.pointee.sa_family)) else {
        continue
      }
      let length =
        Int32(address.pointee.sa_family) == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
      var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      guard getnameinfo(address, socklen_t(length), &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST) == 0 else {
        continue
      }
      let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if !SIPTransportAddress.isLoopback(text), !text.hasPrefix("fe80"), !found.contains(text) { found.append(text) }
    }
    return found
  }

  // MARK: Certificates

  private var usesTLS: Bool {
    conf.words("global", "transports").contains { SIPTransportAddress($0)?.protocols == ["tls"] }
  }

  private mutating func checkCertificatePair() {
    let (file, key) = ("tls-certificates-file", "tls-certificates-private-key")
    let (path, keyPath) = (conf.value("global", file), conf.value("global", key))
    guard usesTLS, !path.isEmpty, let certificate = PEMCertificate(path: path) else { return }
    check(certificate, path, file)
    guard !keyPath.isEmpty, FileManager.default.contents(atPath: keyPath) != nil else { return }
    switch certificate.fits(keyAt: keyPath) {
    case true?: break
    case false?:
      report(
        "global", key, "\(keyPath) is not the key of the certificate \(path): no client gets a connection over TLS",
        correction: "\(key)=/etc/flexisip/tls/server.key",
        remedy: "openssl x509 -noout -pubkey -in \(path) and openssl pkey -pubout -in \(keyPath) must print the same",
        preventsStart: isAtLeast(2, 5))
    case nil:
      report(
        "global", key, "\(keyPath) has no private key that can be read without a password",
        correction: "\(key)=/etc/flexisip/tls/server.key", remedy: "openssl pkey -in \(keyPath) -out server.key",
        preventsStart: isAtLeast(2, 5))
    }
  }

  private mutating func check(_ certificate: PEMCertificate, _ path: String, _ key: String) {
    let line = "\(key)=\(conf.value("global", key))"
    let remedy = "renew it (certbot renew, or your authority), and restart Flexisip"
    if certificate.ends < Date() {
      report(
        "global", key,
        "\(path) expired on \(certificate.ends.formatted(.iso8601.year().month().day())): clients refuse it, and from "
          + "2.5 on the server does not start", correction: line, remedy: remedy, preventsStart: isAtLeast(2, 5))
    } else if certificate.begins > Date() {
      report(
        "global", key,
        "\(path) is not valid before \(certificate.begins.formatted(.iso8601.year().month().day())): clients refuse it",
        correction: line, remedy: "check this machine's clock (timedatectl)")
    } else if certificate.ends.timeIntervalSinceNow < Self.soon {
      warn(
        "global", key, "\(path) expires on \(certificate.ends.formatted(.iso8601.year().month().day()))",
        correction: line, remedy: remedy, isUnseen: true)
    }
  }

  /// The older way: `agent.pem` with certificate and key, `cafile.pem` beside it.
  private mutating func checkCertificateFolder() {
    let key = "tls-certificates-dir"
    guard usesTLS, conf.value("global", "tls-certificates-file").isEmpty,
      let folder = conf.setting("global", key)?.value, !folder.isEmpty
    else { return }
    let path = (folder as NSString).appendingPathComponent("agent.pem")
    let correction = "\(key)=/etc/flexisip/tls"
    guard FileManager.default.contents(atPath: path) != nil else {
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) && isFolder.boolValue
      return report(
        "global", key,
        exists
          ? "\(folder) has no agent.pem that can be read: no client gets a connection over TLS"
          : "the folder \(folder) does not exist: no client gets a connection over TLS",
        correction: correction, remedy: "agent.pem holds the certificate with its chain, and its key",
        preventsStart: true)
    }
    guard let certificate = PEMCertificate(path: path) else {
      return report(
        "global", key, "\(path) holds no certificate", correction: correction,
        remedy: "agent.pem holds the certificate with its chain, and its key", preventsStart: true)
    }
    check(certificate, path, key)
    if certificate.fits(keyAt: path) != true {
      report(
        "global", key, "\(path) does not hold the certificate's key", correction: correction,
        remedy: "append it: cat server.key >> \(path)", preventsStart: true)
    }
  }

  // MARK: Routes

  /// Of the file of routes: `<sip route> condition`, conditions as filters, `*` for all.
  private mutating func checkRoutes() {
    let key = "routes-config-path"
    let path = conf.value(Self.forward, key)
    guard isServersMachine, !path.isEmpty, let data = FileManager.default.contents(atPath: path),
      data.count <= FlexisipConf.maximumSize
    else { return }
    var entries: [(line: Int, text: String)] = []
    for (index, line) in String(decoding: data, as: UTF8.self).components(separatedBy: "\n").enumerated() {
      let text = line.trimmingCharacters(in: .whitespacesAndNewlines)
      if text.isEmpty || text.hasPrefix("#") { continue }
      if line.first == " " || line.first == "\t", !entries.isEmpty {
        entries[entries.endIndex - 1].text += " " + text
      } else {
        entries.append((index + 1, text))
      }
    }
    for (number, text) in entries {
      guard let fault = Self.fault(ofRoute: text) else { continue }
      report(
        Self.forward, key, "\(path):\(number): \(fault): the server does not start", correction: "\(key)=",
        remedy:
          "or correct that line: <sip:host:port;transport=tcp;lr> is_request && request.uri.domain == 'example.org'",
        preventsStart: true)
    }
  }

  private static func fault(ofRoute text: String) -> String? {
    guard text.hasPrefix("<"), let end = text.firstIndex(of: ">") else { return "no route in <> at the beginning" }
    let route = String(text[text.index(after: text.startIndex)..<end])
    guard SIPTransportAddress(route) != nil else { return "'\(route)' is no SIP URI" }
    let condition = String(text[text.index(after: end)...]).trimmed
    if condition == "*" { return nil }
    guard !condition.isEmpty else { return "no condition behind the route (* for every request)" }
    do throws(FlexisipFilter.Failure) {
      _ = try FlexisipFilter(condition)
      return nil
    } catch {
      switch error {
      case .unknownName(let name): return "\(name) is no name for a condition"
      case .malformed(let fault): return "the condition cannot be read (\(fault))"
      }
    }
  }
}
