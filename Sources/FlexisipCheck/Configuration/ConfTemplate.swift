// ConfTemplate.swift: a flexisip.conf and its file of users that work: the starting point of a set-up

/// What the files are made for.
public struct ConfTemplate: Sendable {
  /// Which keys the file may have: Flexisip refuses unknown ones.
  public enum Version: String, Sendable, CaseIterable {
    /// 2.1 and 2.2: no focus URIs
    case v22 = "2.2"
    /// 2.3 to 2.5: a focus URI for each factory URI
    case v25 = "2.5"
  }

  /// The newest, unless the Flexisip at hand is older.
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
  /// Where the file of users and the database of rooms are.
  public var folder = "/etc/flexisip"

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

  /// The file that `[module::Authentication]/file-path` names.
  public var usersFile: String {
    "version:1\n" + users.map { "\($0.name)@\(domain) clrtxt:\($0.password) ;\n" }.joined()
  }

  /// The text of flexisip.conf.
  public var conf: String {
    let focusPort = focusPort ?? (port == 6064 ? 6065 : 6064)
    let shownHost = host.contains(":") ? "[\(host)]" : host
    let versions = version == .v25 ? "2.3 to 2.5" : "2.1 and 2.2"
    let focusURIs = version == .v25 ? "conference-focus-uris=sip:conference-focus@\(domain)\n" : ""
    // Proxy and conference server talk on loopback, where no client comes from: that address can be trusted.
    let isLoopback = SIPTransportAddress.isLoopback(host)
    let innerHost = isLoopback ? shownHost : "127.0.0.1"
    let innerPort = usesTLS ? innerPort ?? (port == 5060 ? 5062 : 5060) : port
    let isHeardAnyway = !usesTLS && (isLoopback || host == "0.0.0.0")
    let innerTransport = isHeardAnyway ? "" : " sip:\(innerHost):\(innerPort);transport=tcp"
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
    return """
      # flexisip.conf: registrar, proxy and conference server in one process, for Flexisip \(versions)
      # One key=value a line. Flexisip refuses keys that it does not know.

      [global]
      default-servers=proxy conference
      # outbound-proxy of [conference-server] must be one of these.
      transports=\(transports)\(innerTransport)
      aliases=\(domain)\(certificates)

      [conference-server]
      enabled=true
      # Where the focus listens.
      transport=sip:\(innerHost):\(focusPort);transport=tcp
      # The proxy, to which the focus sends all it has to say.
      outbound-proxy=sip:\(innerHost):\(innerPort);transport=tcp
      # The clients' conference-factory.
      conference-factory-uris=sip:\(factoryUser)@\(domain)
      \(focusURIs)database-backend=sqlite3
      database-connection-string=\(folder)/conference.db
      check-capabilities=true

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
      # internal is enough for tries in one process: a restart forgets all registrations, and takes the devices out of
      # their rooms. For more, and with the conference server as another process, it must be redis.
      db-implementation=internal

      [module::Router]
      enabled=true
      # Messages for devices that are out of reach wait here.
      message-fork-late=true

      """
  }
}
