// CheckCauses.swift: for each symptom the probable causes, the commonest first
import MessageFormats

/// Speaks about one account and its server.
struct CheckCauses: Sendable {
  let domain: String
  let factory: SIPURI
  let proxy: SIPURI
  /// The address that the server sees us come from, when it is known.
  var isSameMachine = false

  private static let conference = "conference-server"
  private static let authentication = "module::Authentication"
  private static let registrar = "module::Registrar"

  // MARK: Reaching the server

  var unknownName: [CheckCause] {
    [
      CheckCause("\(proxy.host) has no A or AAAA record: give the server's address in the account's outbound-proxy"),
      CheckCause("the domain has SRV records only: name the server they point to in outbound-proxy"),
    ]
  }

  var refusedConnection: [CheckCause] {
    let uri = "sip:\(proxy.host):\(proxy.port ?? 5060);transport=tcp"
    return [
      CheckCause("Flexisip does not run, or did not start (its log says why)"),
      CheckCause("it does not listen there", section: "global", key: "transports", value: uri),
      CheckCause("a firewall is in between: open TCP port \(proxy.port ?? 5060)"),
      CheckCause("the account's outbound-proxy names another host or port than the server has"),
    ]
  }

  var noSIPAnswer: [CheckCause] {
    [
      CheckCause(
        "what listens at this port is no SIP server over TCP: check host, port and transport of outbound-proxy"),
      CheckCause("the server is overloaded or hangs: see its log"),
    ]
  }

  // MARK: Registration

  var notChallenged: [CheckCause] {
    let trusted = [
      CheckCause(
        "our address is trusted, so nothing that comes from it authenticates", section: Self.authentication,
        key: "trusted-hosts", value: "the conference server's address only")
    ]
    let off = [
      CheckCause("authentication is off", section: Self.authentication, key: "enabled", value: "true"),
      CheckCause(
        "a filter keeps our requests out of the module", section: Self.authentication, key: "filter", value: ""),
    ]
    // From the server's own machine the usual entry 127.0.0.1 is enough.
    return isSameMachine ? trusted + off : off + trusted
  }

  var domainForbidden: [CheckCause] {
    [
      CheckCause(
        "the domain is not one that is authenticated", section: Self.authentication, key: "auth-domains",
        value: domain),
      CheckCause(
        "the domain is not authorized", section: "module::Authorization", key: "auth-domains", value: domain),
      CheckCause("the account's address has another domain than the server"),
    ]
  }

  var unknownAlgorithm: [CheckCause] {
    [
      CheckCause(
        "no algorithm that clients know is offered", section: Self.authentication, key: "available-algorithms",
        value: "MD5 SHA-256")
    ]
  }

  var wrongPassword: [CheckCause] {
    [
      CheckCause("the account's password (or user name) is not the server's"),
      CheckCause(
        "the file of users has no such user", section: Self.authentication, key: "file-path",
        value: "a version:1 file with a line: user@\(domain) clrtxt:password ;"),
      CheckCause(
        "passwords are stored hashed for another realm", section: Self.authentication, key: "realm", value: domain),
    ]
  }

  var silentRegistrar: [CheckCause] {
    [
      CheckCause("the registrar does not serve the domain", section: Self.registrar, key: "reg-domains", value: domain),
      CheckCause(
        "its store of registrations does not answer (Redis)", section: Self.registrar, key: "db-implementation",
        value: "redis, with a Redis server that runs"),
      CheckCause("the registrar is off", section: Self.registrar, key: "enabled", value: "true"),
    ]
  }

  var wrongClock: [CheckCause] {
    [CheckCause("one of the two clocks is wrong: run an NTP client (chrony, systemd-timesyncd) on both machines")]
  }

  var noGRUU: [CheckCause] {
    [
      CheckCause("GRUUs are off", section: Self.registrar, key: "enable-gruu", value: "true"),
      CheckCause("the server is no Flexisip, or one before 2.1"),
    ]
  }

  var doubledRegistration: [CheckCause] {
    [
      CheckCause(
        "registrations are told apart by address only", section: Self.registrar, key: "unique-id-parameters",
        value: "+sip.instance")
    ]
  }

  // MARK: Factory

  var unknownFactory: [CheckCause] {
    [
      CheckCause(
        "the factory's address is not listed (before 2.1: conference-factory-uri)", section: Self.conference,
        key: "conference-factory-uris", value: "\(factory)"),
      CheckCause("the conference server is off", section: Self.conference, key: "enabled", value: "true"),
      CheckCause(
        "the conference server does not run: systemctl status flexisip-conference, or start it with the proxy",
        section: "global", key: "default-servers", value: "proxy conference"),
      CheckCause(
        "the conference server is another process and does not share registrations with the proxy",
        section: Self.registrar, key: "db-implementation", value: "redis"),
      CheckCause("the account's conference-factory is not the server's: \(factory)"),
    ]
  }

  var factoryRings: [CheckCause] {
    [
      CheckCause(
        "the factory takes the INVITE for a call: conference-factory is the one for audio conferences, or the server "
          + "makes no chat rooms", section: Self.conference, key: "supported-media-types", value: "text"),
      CheckCause("conference-factory of the account is a person's address, whose phone rings: \(factory)"),
    ]
  }

  var noRoomFromFactory: [CheckCause] {
    [
      CheckCause("conference-factory of the account is no factory but someone's address: \(factory)"),
      CheckCause(
        "the factory's address is not listed", section: Self.conference, key: "conference-factory-uris",
        value: "\(factory)"),
    ]
  }

  var silentFactory: [CheckCause] {
    [
      CheckCause(
        "the conference server has stopped, but its registration stands", section: Self.conference, key: "transport",
        value: "sip:127.0.0.1:6064;transport=tcp"),
      CheckCause(
        "its database cannot be opened", section: Self.conference, key: "database-connection-string"),
    ]
  }

  // MARK: Rooms

  func nobodyInvited(_ other: SIPURI) -> [CheckCause] {
    [
      CheckCause(
        "the conference server does not see who is registered: proxy and conference server are two processes",
        section: Self.registrar, key: "db-implementation", value: "redis"),
      CheckCause(
        "the other account's domain is not known to the conference server", section: Self.conference,
        key: "local-domains", value: other.host),
      CheckCause("\(other)'s device lost its registration meanwhile: run the check again with --verbose"),
    ]
  }

  /// 302 and 200 came, SUBSCRIBE was accepted, and then nothing.
  var noNotify: [CheckCause] {
    [
      CheckCause(
        "the conference server's own requests are challenged (407)", section: Self.authentication,
        key: "trusted-hosts", value: "the host of [conference-server]/transport"),
      CheckCause(
        "they go to an address where the proxy does not listen", section: Self.conference, key: "outbound-proxy",
        value: "one of [global]/transports"),
      CheckCause(
        "the proxy does not listen where the conference server sends to", section: "global", key: "transports"),
      CheckCause(
        "the requests of trusted hosts are refused", section: "module::AuthTrustedHosts", key: "trusted-hosts",
        value: "the host of [conference-server]/transport"),
    ]
  }

  func notInvited(_ other: SIPURI) -> [CheckCause] {
    [
      CheckCause("\(other)'s device is unreachable for the server: the connection it opened is gone (NAT, firewall)"),
      CheckCause("messages and invitations are not routed", section: "module::Router", key: "enabled", value: "true"),
    ] + noNotify
  }

  func leftOutOfEncryptedRoom(_ other: SIPURI, hasKeyServer: Bool) -> [CheckCause] {
    let spec = CheckCause(
      "\(other)'s device does not say that it can do LIME (+org.linphone.specs without lime), and is left out "
        + "silently: give its account a key-server")
    let server = CheckCause(
      "the registrar does not keep the devices' +org.linphone.specs, or they are checked although they are not kept",
      section: Self.conference, key: "check-capabilities", value: "false")
    return hasKeyServer ? [server, spec] : [spec, server]
  }

  var lostCapabilities: [CheckCause] {
    [
      CheckCause(
        "something between client and registrar takes +org.linphone.specs out of the Contact, so no device may join: "
          + "without the check they may", section: Self.conference, key: "check-capabilities", value: "false"),
      CheckCause("the server is no Flexisip"),
    ]
  }

  var noMessage: [CheckCause] {
    [
      CheckCause(
        "the focus does not reach the device", section: Self.conference, key: "outbound-proxy",
        value: "one of [global]/transports"),
      CheckCause(
        "a message is larger than the server takes", section: "global", key: "tcp-max-read-size"),
    ]
  }

  var noOfflineMessage: [CheckCause] {
    [
      CheckCause(
        "messages are not kept for devices that are away", section: "module::Router", key: "message-fork-late",
        value: "true"),
      CheckCause(
        "they are kept for too short", section: "module::Router", key: "message-delivery-timeout", value: "604800"),
    ]
  }

  // MARK: Keys

  func noKeyServer(_ address: String) -> [CheckCause] {
    [
      CheckCause("the key server does not run, or not at \(address): check key-server of the account"),
      CheckCause("its certificate is not trusted: put its authority into ca-file of the account"),
    ]
  }

  func otherKeyServerRealm(_ offered: [String]) -> [CheckCause] {
    [
      CheckCause(
        "the key server's realm is \(offered.joined(separator: ", ")), but must be the SIP domain: set it to \(domain) "
          + "in the key server's own configuration"),
      CheckCause("key-server of the account is the one of another domain"),
    ]
  }

  var keyServerRefuses: [CheckCause] {
    [
      CheckCause("the key server reads passwords from another database than Flexisip: the account's is unknown to it"),
      CheckCause("From of the request is not an address of the account's domain"),
    ]
  }

  var undecryptable: [CheckCause] {
    [
      CheckCause("the two accounts use different curves: compare curve of both"),
      CheckCause("the two accounts use different key servers: compare key-server of both"),
    ]
  }
}
