// SofiaStack+Configuration.swift: from an account's configuration to a running nua
import CSofia
import Foundation
import MessageFormats

/// Where an agent listens and where its requests go.
struct AgentEndpoint: Sendable {
  var transport: SIPTransport
  /// Next hop of every request, in Sofia's form.
  var proxy: String
  var localAddress: String
  var localPort: Int

  /// What nua binds. UDP comes with TCP on the same port, for requests that are too large (RFC 3261 §18.1.1).
  var bindURL: String {
    switch transport {
    case .udp: "sip:\(localAddress):\(localPort)"
    case .tcp: "sip:\(localAddress):\(localPort);transport=tcp"
    case .tls: "sips:\(localAddress):\(localPort)"
    }
  }

  /// The URI of our Contact outside GRUU dialogs.
  func contact(user: String?) -> SIPURI {
    // Never sips: Flexisip and Linphone do not expect it.
    SIPURI(
      user: user, host: localAddress, port: localPort,
      parameters: transport == .udp ? [] : [Parameter("transport", transport.rawValue)])
  }
}

extension SofiaStack {
  /// Incoming messages above this many bytes are refused with 413.
  static let maximumMessageSize = 2 << 20
  /// Attempts to bind: between choosing a free port and binding it, another program may take it.
  private static let bindAttempts = 4
  /// Seconds after which an INVITE without a final response is cancelled. Chat servers answer at once.
  private static let inviteTimeout = 120
  /// Verify the server's certificate and that it names the server (tport's bits for "outgoing" and "subjects").
  private static let verifyServer = 10
  /// The methods that this agent answers with something else than 405.
  private static let allow = "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, NOTIFY"
  static let supported = "replaces, outbound, gruu"

  static func start(
    _ configuration: SIPAgentConfiguration, onIncoming: @escaping (SofiaEvent) -> Void
  ) async throws -> (SofiaStack, AgentEndpoint) {
    let transport = try configuration.transport()
    var proxy = configuration.proxy
    let route = try await HostResolution.route(to: proxy.host)
    proxy.host = route.host
    SIPTrace.current?.begin()
    let certificates = try transport == .tls ? CertificateDirectory(caFile: configuration.caFile) : nil
    let account = try DigestAccounts.shared.add(
      DigestAccounts.Account(username: configuration.user, password: configuration.password))
    for _ in 0..<bindAttempts {
      let endpoint = AgentEndpoint(
        transport: transport, proxy: nextHop(proxy, transport), localAddress: route.localAddress,
        localPort: try HostResolution.freePort(at: route.localAddress, udp: transport == .udp))
      let tags = agentTags(configuration, endpoint, certificates)
      let stack = try SofiaStack(
        tags: tags, account: account, username: configuration.user, server: configuration.proxy.host,
        onIncoming: onIncoming)
      if stack.isRunning { return (stack, endpoint) }
    }
    DigestAccounts.shared.remove(account)
    throw SIPError.invalidConfiguration(
      transport == .tls
        ? "TLS cannot be set up: check the CA file \(configuration.caFile ?? CertificateDirectory.systemBundle)"
        : "no SIP port can be opened at \(route.localAddress)")
  }

  private static func nextHop(_ proxy: SIPURI, _ transport: SIPTransport) -> String {
    var hop = SIPURI(user: nil, host: proxy.host, port: proxy.port)
    switch transport {
    // Without a named transport Sofia takes UDP, and TCP for what is too large for it.
    case .udp: break
    case .tcp: hop[parameter: "transport"] = "tcp"
    case .tls: hop[parameter: "transport"] = "tls"
    }
    return hop.description
  }

  private static func agentTags(
    _ configuration: SIPAgentConfiguration, _ endpoint: AgentEndpoint, _ certificates: CertificateDirectory?
  ) -> TagList {
    let tags = TagList()
      .add(SOFIA_TAG_URL, endpoint.bindURL)
      .add(SOFIA_TAG_PROXY, endpoint.proxy)
      .add(SOFIA_TAG_FROM, "<\(configuration.address)>")
      .add(SOFIA_TAG_USER_AGENT, configuration.userAgent)
      // What may stand in Require of incoming requests; each outgoing request says `supported` instead.
      .add(SOFIA_TAG_SUPPORTED, supported + ", recipient-list-invite")
      .add(SOFIA_TAG_ALLOW, allow)
      .add(SOFIA_TAG_ALLOW_EVENTS, "conference")
      .add(SOFIA_TAG_APPLICATION_METHOD, "MESSAGE")
      .add(SOFIA_TAG_MEDIA_ENABLE, 0)
      .add(SOFIA_TAG_FOLLOW_REDIRECTS, 0)
      .add(SOFIA_TAG_SESSION_TIMER, 0)
      .add(SOFIA_TAG_INVITE_TIMER, inviteTimeout)
      .add(SOFIA_TAG_PATH, 0)
      .add(SOFIA_TAG_TCP_RPORT, 1)
      .add(SOFIA_TAG_MAXIMUM_SIZE, maximumMessageSize)
      .add(SOFIA_TAG_SHUTDOWN_EVENTS, 1)
      .add(SOFIA_TAG_SHUTDOWN_IS_ERROR, 1)
    if configuration.keepaliveInterval > 0 {
      tags.add(SOFIA_TAG_KEEPALIVE, Int(min(configuration.keepaliveInterval, 86_400) * 1000))
        .add(SOFIA_TAG_PONG_TO_PING, 1)
      if configuration.pongTimeout > 0 {
        tags.add(SOFIA_TAG_PING_PONG, Int(min(configuration.pongTimeout, 86_400) * 1000))
      }
    }
    if SIPTrace.current != nil { tags.add(SOFIA_TAG_LOG, 1) }
    if let certificates {
      tags.add(SOFIA_TAG_CERTIFICATE_DIRECTORY, certificates.path)
        .add(SOFIA_TAG_TLS_VERIFY_POLICY, verifyServer)
    }
    return tags
  }
}
