// ConfTemplate.swift: the configuration of a Flexisip with chat rooms and its file of users: the starting point of a set-up

/// What the files are made for.
public struct ConfTemplate: Sendable {
  /// Which keys the files may have, and how many files there are: Flexisip refuses unknown keys.
  public enum Version: String, Sendable, CaseIterable {
    /// 2.1 and 2.2: no focus URIs
    case v22 = "2.2"
    /// 2.3 to 2.5: a focus URI for each factory URI
    case v25 = "2.5"
    /// From 2.6 on: the conference server is flexisip-conference, with a file of its own
    case v26 = "2.6"

    /// For a Flexisip such as `2.4` or `2.5.2`; nil for versions before 2.1.
    public init?(for version: String) {
      guard let version = FlexisipVersion(version), version >= FlexisipVersion(major: 2, minor: 1) else { return nil }
      self =
        version < FlexisipVersion(major: 2, minor: 3) ? .v22 : version < FlexisipProgram.split ? .v25 : .v26
    }
  }

  /// For which Flexisip.
  public var version = Version.v25
  /// The SIP domain that is served.
  public var domain: String
  /// User part of the factory's address.
  public var factoryUser = "conference-factory"
  /// In clear, as Flexisip's file of users has them.
  public var users: [(name: String, password: String)]
  /// Address and port of the proxy for clients, numeric.
  public var host: String
  /// Of `host`, for TCP and UDP, or for TLS.
  public var port: Int
  /// Whether clients speak TLS only; the certificate and its key are at ``certificatePath`` and ``keyPath``.
  public var usesTLS = false
  /// Where the proxy hears the conference server on loopback when clients have another address or TLS; nil for 5060,
  /// or 5062 where clients have that.
  public var innerPort: Int?
  /// Where the conference server listens, on `host`; nil for Flexisip's usual 6064, unless the proxy has it.
  public var focusPort: Int?
  /// Of the Redis server on this machine that proxy and conference server share, from 2.6 on.
  public var redisPort = 6379
  /// Where the file of users and the database of rooms are.
  public var folder = ConfTemplate.packagedFolder

  private static let packagedFolder = "/etc/flexisip"
  private static let packagedConferenceFolder = "/etc/opt/belledonne-communications/flexisip-conference"
  private static let packagedStateFolder = "/var/opt/belledonne-communications/flexisip-conference/lib"

  public init(domain: String, users: [(name: String, password: String)], host: String = "127.0.0.1", port: Int = 5060) {
    self.domain = domain
    self.users = users
    self.host = host
    self.port = port
  }

  /// Path of the file that ``usersFile`` is for.
  public var usersPath: String { "\(folder)/users.db" }
  /// PEM file of the certificate with its chain.
  public var certificatePath: String { "\(folder)/server.pem" }
  /// PEM file of the certificate's key.
  public var keyPath: String { "\(folder)/server.key" }
  /// Where flexisip-conference, from 2.6 on, looks for its file.
  public var conferencePath: String {
    "\(folder == Self.packagedFolder ? Self.packagedConferenceFolder : folder)/flexisip-conference.conf"
  }
  private var stateFolder: String { folder == Self.packagedFolder ? Self.packagedStateFolder : folder }

  /// The file that `[module::Authentication]/file-path` names.
  public var usersFile: String {
    "version:1\n" + users.map { "\($0.name)@\(domain) clrtxt:\($0.password) ;\n" }.joined()
  }

  private var shownHost: String { host.contains(":") ? "[\(host)]" : host }
  private var isLoopback: Bool { SIPTransportAddress.isLoopback(host) }
  // Proxy and conference server talk on loopback, where no client comes from: that address can be trusted.
  private var innerHost: String { isLoopback ? shownHost : "127.0.0.1" }
  private var innerAddress: String {
    "sip:\(innerHost):\(usesTLS ? innerPort ?? (port == 5060 ? 5062 : 5060) : port);transport=tcp"
  }

  /// The text of flexisip.conf.
  public var conf: String {
    let versions =
      switch version {
      case .v22: "2.1 and 2.2"
      case .v25: "2.3 to 2.5"
      case .v26: "2.6 and later"
      }
    let whole =
      version == .v26
      ? """
      # flexisip.conf: registrar and proxy, for Flexisip \(versions). The conference server is flexisip-conference, with
      # flexisip-conference.conf; both keep registrations in one Redis.
      # systemctl enable --now redis-server flexisip-proxy flexisip-conference
      """
      : "# flexisip.conf: registrar, proxy and conference server in one process, for Flexisip \(versions)"
    let isHeardAnyway = !usesTLS && (isLoopback || host == "0.0.0.0")
    let innerTransport = isHeardAnyway ? "" : " \(innerAddress)"
    let transports =
      usesTLS
      ? "sips:\(shownHost):\(port)"
      : "sip:\(shownHost):\(port);transport=tcp sip:\(shownHost):\(port);transport=udp"
    let certificates =
      usesTLS
      ? """

      # The certificate with those between it and its authority, and its key, both as PEM.
      tls-certificates-file=\(certificatePath)
      tls-certificates-private-key=\(keyPath)
      """ : ""
    let exemption =
      isLoopback
      ? """
      # The focus must not be challenged. Here it has the clients' address, so it is told by its name, which anybody can
      # take: only for tries on one machine.
      filter=!(user-agent contains 'Flexisip-conference')
      """
      : """
      # The focus must not be challenged: it connects from this address. Clients do not, and are.
      trusted-hosts=127.0.0.1
      """
    let registrations =
      version == .v26
      ? redis
      : """
      # internal is enough for tries in one process: a restart forgets all registrations, and takes the devices out of
      # their rooms. For more, and with the conference server as another process, it must be redis.
      db-implementation=internal
      """
    return """
      \(whole)
      # One key=value a line. Flexisip refuses keys that it does not know.

      [global]
      default-servers=\(version == .v26 ? "proxy" : "proxy conference")
      # outbound-proxy of [conference-server] must be one of these.
      transports=\(transports)\(innerTransport)
      aliases=\(domain)\(certificates)
      \(version == .v26 ? "" : "\n[conference-server]\nenabled=true\n\(conferenceSettings)\n")
      [module::Authentication]
      enabled=true
      \(exemption)
      auth-domains=\(domain)
      available-algorithms=MD5 SHA-256
      db-implementation=file
      file-path=\(usersPath)

      [module::Registrar]
      enabled=true
      reg-domains=\(domain)
      enable-gruu=true
      \(registrations)

      [module::Router]
      enabled=true
      # Messages for devices that are out of reach wait here, in the proxy's memory: a restart loses them, also with
      # Redis. message-database-enabled (from 2.2 on) keeps them, in a MySQL or MariaDB database:
      # message-database-connection-string=db='flexisip' user='flexisip' password='PASSWORD' host='localhost'
      message-fork-late=true

      """
  }

  /// The text of flexisip-conference.conf, from 2.6 on; nil before.
  public var conferenceConf: String? {
    guard version == .v26 else { return nil }
    let state =
      stateFolder == Self.packagedStateFolder
      ? "" : "\n# What the server writes for itself.\nstate-directory=\(stateFolder)"
    return """
      # flexisip-conference.conf: the conference server, for flexisip-conference 1.0 and later beside Flexisip 2.6 and
      # later. Its unit is flexisip-conference.service.

      [conference-server]
      \(conferenceSettings)\(state)

      [module::Registrar]
      # The proxy's, where the conference server finds who is registered.
      \(redis)

      """
  }

  private var redis: String {
    "db-implementation=redis\nredis-server-domain=localhost\nredis-server-port=\(redisPort)"
  }

  private var conferenceSettings: String {
    let focusPort = focusPort ?? (port == 6064 ? 6065 : 6064)
    let focusURIs = version == .v22 ? "" : "conference-focus-uris=sip:conference-focus@\(domain)\n"
    let database = version == .v26 ? stateFolder : folder
    return """
      # Where the focus listens.
      transport=sip:\(innerHost):\(focusPort);transport=tcp
      # The proxy, to which the focus sends all it has to say.
      outbound-proxy=\(innerAddress)
      # The clients' conference-factory.
      conference-factory-uris=sip:\(factoryUser)@\(domain)
      \(focusURIs)database-backend=sqlite3
      database-connection-string=\(database)/conference.db
      check-capabilities=true
      """
  }
}
