// Kamailio.swift: Debian's Kamailio as registrar and proxy on loopback, for as long as a test needs it
import Foundation
import MessageFormats
import ServerConnection
import TestSupport

/// A SIP server that this project did not write. The password of each user is the user's name.
final class Kamailio: Sendable {
  enum Algorithms {
    case md5, sha256
    /// Offers MD5 first and SHA-256 after it with the same nonce, as Flexisip does, and accepts SHA-256 only.
    case both
  }

  /// Whether it answers requests with 503, and what it says in Retry-After.
  enum Overload {
    case never
    case always(retryAfter: Int)
    /// From when it got an OPTIONS for the user `maintenance`.
    case onDemand(retryAfter: Int)
  }

  static let domain = "sip.\(TestDomain.name)"
  private static let startSeconds = 10.0

  let port: Int
  /// Where it speaks TLS, when it has a certificate.
  let tlsPort: Int
  private let folder: TemporaryFolder
  private let process: PeerProcess

  /// - Parameters:
  ///   - port: that of a server which was stopped, nil for a free one.
  ///   - tls: the certificate for TLS, nil for no TLS.
  ///   - hasTCP: without it everything goes over UDP, however large.
  ///   - overload: once the limit of hops was checked, all requests are refused.
  ///   - extra: more lines for the configuration, before its routes.
  init(
    _ algorithms: Algorithms = .md5, nonceLifetime: Int = 300, port: Int? = nil, tls: TestAuthority.Identity? = nil,
    tlsPort: Int? = nil, hasTCP: Bool = true, overload: Overload = .never, extra: String = ""
  ) async throws {
    self.port = try port ?? LoopbackSocket.freePort()
    let securePort = try tlsPort ?? LoopbackSocket.freePort()
    self.tlsPort = securePort
    folder = try TemporaryFolder()
    let file = folder.file("kamailio.cfg")
    let text = Self.configuration(port: self.port, modules: try Self.modules(), algorithms, nonceLifetime, hasTCP)
      .replacing("OVERLOAD\n", with: Self.overloaded(overload))
      .replacing("EXTRA\n", with: extra + (tls.map { Self.secure($0, port: securePort) } ?? "") + "\n")
    try text.write(to: file, atomically: true, encoding: .utf8)
    process = try PeerProcess(
      URL(fileURLWithPath: "/usr/sbin/kamailio"),
      ["-f", file.path, "-DD", "-E", "-m", "32", "-M", "8", "-Y", folder.url.path], keepsErrors: true)
    try await waitUntilListening(hasTCP)
  }

  /// Ends the server; after it, the log is complete.
  func stop() {
    // Once in some fifty times Kamailio goes on after SIGTERM. It keeps nothing back that SIGKILL could lose.
    process.stop(patience: 0.5)
  }

  /// How many requests with that method and user in To came in. Stops the server, so that none is still on its way
  /// through the log.
  func finalCount(_ method: String, user: String) -> Int {
    stop()
    return process.output.count { $0.hasSuffix("REQUEST \(method) \(user)") }
  }

  /// The requests so far, each as `METHOD transport Via Contact`. Stops the server.
  func finalRequests() -> [String] {
    stop()
    return process.output.compactMap { line in line.range(of: "SEEN ").map { String(line[$0.upperBound...]) } }
  }

  /// The port in the Contact of a user's REGISTER.
  func contactPort(of user: String) async throws -> Int {
    let line = try await process.line("a REGISTER of \(user)") {
      $0.contains("SEEN REGISTER") && $0.contains("<sip:\(user)@")
    }
    let uri = line.ranges(of: "<sip:\(user)@").first.map { line[$0.lowerBound...].dropFirst().prefix { $0 != ">" } }
    guard let port = uri.flatMap({ SIPURI(String($0)) })?.port else { throw TestFailure("no port in \(line)") }
    return port
  }

  /// Whether IPv6 works on loopback, which some containers lack.
  static let hasIPv6: Bool = {
    guard let address = try? SocketAddress.all(of: "::1", port: 0)[0] else { return false }
    let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    return address.withPointer { bind(descriptor, $0, $1) } == 0
  }()

  private var log: String { process.output.joined(separator: "\n") }

  private func waitUntilListening(_ hasTCP: Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(Self.startSeconds)
    var probe: LoopbackSocket?
    while !Self.hasAnswered(probe) {
      guard process.isRunning else { throw TestFailure("Kamailio ended\n\(log)") }
      guard ContinuousClock.now < deadline else { throw TestFailure("Kamailio does not listen\n\(log)") }
      // A datagram gets lost while nobody listens.
      if probe == nil || !hasTCP,
        let socket = try? hasTCP ? LoopbackSocket.connected(to: port) : probe ?? LoopbackSocket.datagram(to: port)
      {
        _ = Array(Self.probe.utf8).withUnsafeBytes {
          send(socket.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        probe = socket
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// A request that is answered 483. The processes that read TCP start last; a SIGTERM before them would get lost.
  private static let probe = """
    OPTIONS sip:\(domain) SIP/2.0\r
    Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKprobe;rport\r
    Max-Forwards: 0\r
    From: <sip:probe@\(domain)>;tag=probe\r
    To: <sip:\(domain)>\r
    Call-ID: probe\r
    CSeq: 1 OPTIONS\r
    Content-Length: 0\r
    \r

    """

  private static func hasAnswered(_ socket: LoopbackSocket?) -> Bool {
    guard let socket else { return false }
    var byte: UInt8 = 0
    return recv(socket.descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == 1
  }

  /// Debian puts them in a folder named after the machine's architecture.
  private static func modules() throws -> String {
    let library = "/usr/lib"
    let candidates = try FileManager.default.contentsOfDirectory(atPath: library)
      .map { "\(library)/\($0)/kamailio/modules/" }
    guard let found = candidates.first(where: FileManager.default.fileExists(atPath:)) else {
      throw TestFailure("no modules of Kamailio in \(library): install kamailio (scripts/install-packages test)")
    }
    return found
  }

  // MARK: Configuration

  private static func configuration(
    port: Int, modules: String, _ algorithms: Algorithms, _ nonceLifetime: Int, _ hasTCP: Bool
  ) -> String {
    let sockets = (hasTCP ? ["tcp", "udp"] : ["udp"]).flatMap { transport in
      (["127.0.0.1"] + (hasIPv6 ? ["[::1]"] : [])).map { "listen=\(transport):\($0):\(port)" }
    }.joined(separator: "\n")
    let algorithm = algorithms == .md5 ? "MD5" : "SHA-256"
    return """
      #!KAMAILIO
      debug=1
      log_stderror=yes
      children=2
      tcp_children=2
      tcp_rd_buf_size=262144
      \(hasTCP ? "udp_mtu=1300\nudp_mtu_try_proto=TCP" : "disable_tcp=yes")
      tcp_connection_lifetime=3605
      auto_aliases=no
      alias="\(domain)"
      \(sockets)
      mpath="\(modules)"
      loadmodule "tm.so"
      loadmodule "sl.so"
      loadmodule "rr.so"
      loadmodule "pv.so"
      loadmodule "textops.so"
      loadmodule "siputils.so"
      loadmodule "maxfwd.so"
      loadmodule "usrloc.so"
      loadmodule "registrar.so"
      loadmodule "nathelper.so"
      loadmodule "auth.so"
      loadmodule "xlog.so"
      modparam("auth", "algorithm", "\(algorithm)")
      modparam("auth", "nonce_expire", \(nonceLifetime))
      modparam("usrloc", "db_mode", 0)
      modparam("registrar", "gruu_enabled", 1)
      modparam("registrar", "min_expires", 1)
      modparam("registrar", "received_avp", "$avp(RECEIVED)")
      modparam("nathelper", "received_avp", "$avp(RECEIVED)")
      modparam("tm", "fr_timer", 5000)
      modparam("usrloc", "handle_lost_tcp", 1)
      EXTRA

      request_route {
        xlog("L_ALERT", "REQUEST $rm $tU\\n");
        xlog("L_ALERT", "SEEN $rm $proto $hdr(Via) $ct\\n");
        if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
        OVERLOAD
        if (is_method("REGISTER")) {
          if (!pv_www_authenticate("$td", "$tU", "0")) { route(CHALLENGE_WWW); exit; }
          fix_nated_register();
          save("location");
          exit;
        }
        if (is_method("CANCEL")) { if (t_check_trans()) route(OUT); exit; }
        if (has_totag()) { loose_route(); route(OUT); exit; }
        if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
        if (!pv_proxy_authenticate("$fd", "$fU", "0")) { route(CHALLENGE_PROXY); exit; }
        consume_credentials();
        if (is_method("INVITE") && $rU == "conference-factory") {
          append_to_reply("Contact: <sip:chatroom-1@\(domain);gr=abc>;isfocus\\r\\n");
          sl_send_reply("302", "Moved temporarily");
          exit;
        }
        record_route();
        route(OUT);
      }
      route[OUT] {
        if (uri==myself && !lookup("location")) {
          if (!is_method("ACK")) sl_send_reply("480", "Temporarily Unavailable");
          exit;
        }
        t_relay();
      }
      route[CHALLENGE_WWW] {
        \(challenge("www_challenge(\"$td\", \"1\")", header: "WWW-Authenticate", "401", algorithms))
      }
      route[CHALLENGE_PROXY] {
        \(challenge("proxy_challenge(\"$fd\", \"1\")", header: "Proxy-Authenticate", "407", algorithms))
      }

      """
  }

  private static func overloaded(_ overload: Overload) -> String {
    switch overload {
    case .never: "\n"
    case .always(let seconds): refusal(seconds)
    case .onDemand(let seconds):
      """
      if (is_method("OPTIONS") && $rU == "maintenance") { $shv(overload) = 1; sl_send_reply("200", "OK"); exit; }
      if ($shv(overload) == 1) { \(refusal(seconds)) }

      """
    }
  }

  private static func refusal(_ retryAfter: Int) -> String {
    "append_to_reply(\"Retry-After: \(retryAfter)\\r\\n\"); sl_send_reply(\"503\", \"Service Unavailable\"); exit;\n"
  }

  private static func secure(_ identity: TestAuthority.Identity, port: Int) -> String {
    """

    enable_tls=yes
    listen=tls:127.0.0.1:\(port)
    \(hasIPv6 ? "listen=tls:[::1]:\(port)" : "")
    loadmodule "tls.so"
    modparam("tls", "certificate", "\(identity.certificate.path)")
    modparam("tls", "private_key", "\(identity.key.path)")
    modparam("tls", "tls_method", "TLSv1.2+")
    """
  }

  private static func challenge(
    _ plain: String, header: String, _ status: String, _ algorithms: Algorithms
  ) -> String {
    guard algorithms == .both else { return plain + ";" }
    return """
      auth_get_www_authenticate("\(domain)", "1", "$var(sha)");
        $var(sha) = $(var(sha){re.subst,/^[A-Za-z-]*:/\(header):/});
        $var(md5) = $(var(sha){re.subst,/SHA-256/MD5/});
        append_to_reply("$var(md5)");
        append_to_reply("$var(sha)");
        sl_send_reply("\(status)", "Unauthorized");
      """
  }
}
