// Kamailio.swift: Debian's Kamailio as registrar and proxy on loopback, for as long as a test needs it
import Foundation
import Testing

@testable import SIPAgent

/// A SIP server that this project did not write. The password of each user is the user's name.
final class Kamailio: @unchecked Sendable {
  // Safe: all but `log` and `isStopped` is constant after init, and these two are only touched under `lock`.
  enum Algorithms {
    case md5, sha256
    /// Offers MD5 first and SHA-256 after it with the same nonce, as Flexisip does, and accepts SHA-256 only.
    case both
  }

  static let isInstalled = FileManager.default.isExecutableFile(atPath: "/usr/sbin/kamailio")
  static let domain = "sip.example.org"

  let port: Int
  private let directory: String
  private let process = Process()
  private let life = Pipe()
  private let lock = NSLock()
  private let drained = DispatchSemaphore(value: 0)
  private var log = ""
  private var isStopped = false

  /// - Parameter port: that of a server which was stopped, nil for a free one.
  init(_ algorithms: Algorithms = .md5, nonceLifetime: Int = 300, port: Int? = nil) async throws {
    self.port = try port ?? HostResolution.freePort(at: "127.0.0.1", udp: true)
    directory = NSTemporaryDirectory() + "limeade-kamailio-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let file = directory + "/kamailio.cfg"
    let text = Self.configuration(port: self.port, algorithms, nonceLifetime)
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    // The shell ends Kamailio and its children when the pipe closes, so that they cannot outlive the test process.
    // KILL, because Swift's threads start programs with the other signals blocked.
    process.arguments = [
      "-c",
      "setsid /usr/sbin/kamailio -f \"$1\" -DD -E -m 32 -M 8 -Y \"$2\" & group=$!; cat; kill -KILL -$group",
      "sh", file, directory,
    ]
    process.standardInput = life
    // No other child may hold the pipe open.
    _ = fcntl(life.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
    let output = Pipe()
    process.standardError = output
    process.standardOutput = output
    output.fileHandleForReading.readabilityHandler = { [weak self, drained] handle in
      let data = handle.availableData
      self?.lock.withLock { self?.log += String(decoding: data, as: UTF8.self) }
      guard data.isEmpty else { return }
      handle.readabilityHandler = nil
      drained.signal()
    }
    try process.run()
    try await waitUntilListening()
  }

  deinit { stop() }

  /// Ends the server; after it, the log is complete.
  func stop() {
    let isFirst = lock.withLock {
      defer { isStopped = true }
      return !isStopped
    }
    guard isFirst else { return }
    try? life.fileHandleForWriting.close()
    if process.isRunning { process.waitUntilExit() }
    if drained.wait(timeout: .now() + 5) == .timedOut { Issue.record("Kamailio's log does not end") }
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// How many requests with that method and user in To came in. Stops the server, so that none is still on its way
  /// through the log.
  func finalCount(_ method: String, user: String) -> Int {
    stop()
    return lock.withLock { log.components(separatedBy: "REQUEST \(method) \(user)\n").count - 1 }
  }

  var output: String { lock.withLock { log } }

  private func waitUntilListening() async throws {
    for _ in 0..<500 {
      if let socket = try? Socket(family: AF_INET, type: SOCK_STREAM),
        let address = try? SocketAddress(resolving: "127.0.0.1", port: port, type: SOCK_STREAM, family: AF_INET),
        (try? socket.connect(address)) != nil
      {
        return
      }
      try #require(process.isRunning, "Kamailio ended: \(output)")
      try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("Kamailio does not listen: \(output)")
  }

  // MARK: Configuration

  private static func configuration(port: Int, _ algorithms: Algorithms, _ nonceLifetime: Int) -> String {
    let algorithm = algorithms == .md5 ? "MD5" : "SHA-256"
    return """
      #!KAMAILIO
      debug=1
      log_stderror=yes
      children=2
      tcp_children=2
      tcp_rd_buf_size=262144
      udp_mtu=1300
      udp_mtu_try_proto=TCP
      tcp_connection_lifetime=3605
      auto_aliases=no
      alias="\(domain)"
      listen=tcp:127.0.0.1:\(port)
      listen=udp:127.0.0.1:\(port)
      mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
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

      request_route {
        xlog("L_ALERT", "REQUEST $rm $tU\\n");
        if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
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
