// SofiaStack+Configuration.swift: from an account's configuration to a running nua
import CSofia
import Foundation
import MessageFormats
import ServerConnection

extension SofiaStack {
  /// Incoming messages above this many bytes are refused with 413.
  nonisolated static let maximumMessageSize = 2 << 20
  /// Attempts to bind: between choosing a free port and binding it, another program may take it.
  private static let bindAttempts = 4
  /// Seconds after which an INVITE without a final response is cancelled. Chat servers answer at once.
  private static let inviteTimeout = 120
  /// The methods that this agent answers with something else than 405.
  private static let allow = "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, NOTIFY"
  static let supported = "replaces, outbound, gruu"

  static func start(
    _ configuration: SIPAgentConfiguration, window: IntakeWindow, onIncoming: @escaping (SofiaEvent) -> Void
  ) async throws -> (SofiaStack, AgentEndpoint) {
    let route = try await ServerRoute.find(configuration)
    let account = try DigestAccounts.shared.add(
      DigestAccounts.Account(username: configuration.user, password: configuration.password))
    for _ in 0..<bindAttempts {
      let usages = StandingUsages()
      let common = LinkSettings(
        usages: usages, window: window, realm: configuration.digestRealm, keepalive: configuration.keepaliveInterval,
        keepaliveAnswer: configuration.pongTimeout, messageTimeout: configuration.messageTimeout,
        trace: configuration.trace)
      let (link, endpoint) =
        try route.transport == .udp
        ? datagrams(configuration, route, common) : stream(configuration, route, common)
      let stack = try SofiaStack(
        tags: agentTags(configuration, endpoint), link: link, usages: usages, account: account,
        username: configuration.user, realm: configuration.digestRealm, server: configuration.serverName,
        onIncoming: onIncoming)
      if stack.isRunning { return (stack, endpoint) }
      link.close()
    }
    DigestAccounts.shared.remove(account)
    throw SIPError.invalidConfiguration("no SIP port can be opened at \(route.localHost)")
  }

  private static func stream(
    _ configuration: SIPAgentConfiguration, _ route: ServerRoute, _ common: LinkSettings
  ) throws -> (any AgentLink, AgentEndpoint) {
    let target = try configuration.target()
    let link = try ServerLink(
      ServerLink.Settings(
        host: target.host, transport: route.transport, addresses: configuration.addresses(of: target, route.transport),
        tls: TLSSettings(caFile: configuration.caFile), localHost: route.localHost,
        timeouts: configuration.timeouts, common: common))
    return (link, .stream(link, route))
  }

  private static func datagrams(
    _ configuration: SIPAgentConfiguration, _ route: ServerRoute, _ common: LinkSettings
  ) throws -> (any AgentLink, AgentEndpoint) {
    let target = try configuration.target()
    var streamTarget = target
    streamTarget.transport = .tcp
    let sofiaPort = try AgentEndpoint.freePort()
    do {
      let link = try DatagramLink(
        DatagramLink.Settings(
          host: target.host, addresses: configuration.addresses(of: target, .udp),
          streamAddresses: configuration.addresses(of: streamTarget, .tcp), localHost: route.localHost,
          timeouts: configuration.timeouts, address: configuration.address, common: common),
        addresses: route.addresses, sofiaPort: sofiaPort)
      return (link, .datagrams(link, route, sofiaPort: sofiaPort))
    } catch let failure as ConnectionFailure {
      throw SIPError(failure, server: configuration.serverName)
    }
  }

  private static func agentTags(
    _ configuration: SIPAgentConfiguration, _ endpoint: AgentEndpoint
  ) -> TagList {
    TagList()
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
      .add(SOFIA_TAG_TRANSACTION_TIMEOUT, Int(configuration.transactionTimeout * 1000))
      .add(SOFIA_TAG_PATH, 0)
      .add(SOFIA_TAG_TCP_RPORT, 1)
      .add(SOFIA_TAG_MAXIMUM_SIZE, maximumMessageSize)
      .add(SOFIA_TAG_SHUTDOWN_EVENTS, 1)
      .add(SOFIA_TAG_SHUTDOWN_IS_ERROR, 1)
      // Requests for us come over the connection: it is the link's to end.
      .add(SOFIA_TAG_IDLE, Int(SOFIA_NEVER))
      .add(SOFIA_TAG_LISTEN, endpoint.listens ? 1 : 0)
      .add(SOFIA_TAG_PONG_TO_PING, 1)
  }
}
