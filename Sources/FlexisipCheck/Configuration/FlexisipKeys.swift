// FlexisipKeys.swift: sections and keys that Flexisip 2.0 to 2.7 knows, old names, and defaults
import Foundation

enum FlexisipKeys {
  /// Every key of the sections that chat rooms depend on. Other sections are known by name only.
  static let keys: [String: Set<String>] = [
    "global": words(
      """
      advanced-account-data aliases auto-respawn connection-establishment-timeout contextual-log-filter
      contextual-log-level default-servers dump-corefiles enable-snmp idle-timeout keepalive-interval log-directory
      log-filename log-level max-log-size memory-usage-log-interval plugins plugins-dir
      proxy-to-proxy-keepalive-interval require-peer-certificate rtp-bind-address show-body-for sofia-level
      syslog-level tcp-max-read-size tls-certificates-ca-file tls-certificates-check-interval tls-certificates-dir
      tls-certificates-file tls-certificates-private-key tls-ciphers tport-message-queue-size transaction-timeout
      transports udp-mtu unique-id use-maddr use-rfc2543-record-route user-errors-logs watchdog-notify-interval
      """),
    "cluster": words("cluster-domain enabled internal-transport nodes"),
    "conference-server": words(
      """
      audio-engine-mode audio-port call-timeout check-capabilities cleanup-expired-conferences conference-factory-uri
      conference-factory-uris conference-focus-uris conferences-availability-before-start conferences-expiry-time
      database-backend database-connection-string empty-chat-room-deletion enable-one-to-one-chat-room enabled
      encryption local-domains nat-addresses no-rtp-timeout outbound-proxy state-directory subscription-refresh-delay
      supported-media-types transport video-engine-mode video-port
      """),
    "module::Authentication": moduleKeys(
      """
      auth-domains available-algorithms cache-expire datasource db-implementation disable-qop-auth
      enable-test-accounts-creation file-path hashed-passwords new-auth-on-407 no-403 nonce-expires realm realm-regex
      reject-wrong-client-certificates soci-backend soci-connection-string soci-max-queue-size soci-password-request
      soci-poolsize soci-user-with-phone-request soci-users-with-phones-request
      tls-client-certificate-required-subject trust-domain-certificates trusted-client-certificates trusted-hosts
      """),
    "module::Authorization": moduleKeys(
      """
      account-manager-api-key account-manager-host account-manager-port accounts-refresh-delay auth-domains
      auth-domains-mode
      """),
    "module::AuthTrustedHosts": moduleKeys("trusted-hosts"),
    "module::Registrar": moduleKeys(
      """
      db-implementation default-expires enable-gruu force-expires max-contacts-by-aor max-contacts-per-registration
      max-expires message-expires-param-name min-expires name-message-expires redis-auth-password redis-auth-user
      redis-connection redis-record-serializer redis-server-domain redis-server-port redis-server-timeout
      redis-slave-check-period redis-subscription-keep-alive-check-period redis-tls-cafile redis-tls-certificate
      redis-tls-key redis-use-slaves-as-backup reg-domains reg-on-response register-expire-randomizer-max
      service-route static-records-file static-records-timeout unique-id-parameters
      """),
    "module::Router": moduleKeys(
      """
      allow-target-factorization call-fork-current-branches-timeout call-fork-timeout call-fork-urgent-timeout
      call-push-response-timeout enable-call-diversions fallback-route fallback-route-filter fork fork-late
      fork-no-global-decline forwarding-status-codes generate-contact-even-on-filled-aor
      generated-contact-expected-realm generated-contact-route max-call-diversions max-request-retention-time
      message-accept-timeout message-database-backend message-database-connection-string message-database-enabled
      message-database-pool-size message-delivery-timeout message-fork-late parent-domain-fallback
      permit-self-generated-provisional-response preroute resolve-routes stateful static-targets
      treat-all-as-urgent treat-decline-as-urgent use-global-domain voicemail-server
      """),
  ]

  static let sections = Set(keys.keys).union(
    words(
      """
      event-logs global::flexiapi inter-domain-connections mdns-register monitor presence-server regevent-server
      stun-server voicemail-server b2bua-server b2bua-server::trenscrypter b2bua-server::sip-bridge
      """)
  ).union(
    words(
      """
      AuthOpenIDConnect B2bua Capabilities ContactRouteInserter DateHandler DoSProtection ExternalAuthentication Forward
      GarbageIn GatewayAdapter JweAuth LoadBalancer MediaRelay NatHelper Presence PushNotification Redirect RegEvent
      SanityChecker StatisticsCollector Transcoder
      """
    ).map { "module::\($0)" })

  static func meantSection(_ name: String) -> String {
    sections.first { $0.caseInsensitiveCompare(name) == .orderedSame } ?? EditDistance.nearest(to: name, of: sections)
      ?? name
  }

  static func meantKey(_ key: String, in section: String) -> String {
    guard let known = keys[section], !known.contains(key.lowercased()) else { return key }
    return EditDistance.nearest(to: key, of: known) ?? key
  }

  struct Renamed: Sendable {
    var section: String
    var old: String
    var new: String
    /// What happens to the old name.
    var fate: String
  }

  static let renamed: [Renamed] = [
    Renamed(
      section: "conference-server", old: "conference-factory-uri", new: "conference-factory-uris",
      fate: "is the name before 2.1; later versions still read it, those of flexisip-conference do not"),
    Renamed(
      section: "module::Registrar", old: "max-contacts-by-aor", new: "max-contacts-per-registration",
      fate: "is the name before 2.4"),
    Renamed(
      section: "module::Registrar", old: "name-message-expires", new: "message-expires-param-name",
      fate: "is the name before 2.0"),
    Renamed(
      section: "global", old: "tls-certificates-dir", new: "tls-certificates-file",
      fate: "is gone since 2.6; file, private key and authorities have a key each"),
    Renamed(
      section: "module::Authentication", old: "datasource", new: "file-path", fate: "is the name before 2.0"),
  ]

  /// The first minor version of 2 that knows a key; older ones refuse to start with it.
  private static let since: [(section: String, minor: Int, keys: Set<String>)] = [
    ("conference-server", 1, words("conference-factory-uris local-domains")),
    (
      "conference-server", 3,
      words("conference-focus-uris empty-chat-room-deletion encryption nat-addresses supported-media-types")
    ),
    ("conference-server", 4, words("audio-port call-timeout state-directory video-port")),
    ("conference-server", 5, words("audio-engine-mode subscription-refresh-delay video-engine-mode")),
    ("module::Registrar", 1, words("enable-gruu redis-use-slaves-as-backup")),
    ("module::Registrar", 3, words("redis-auth-user")),
    ("module::Registrar", 4, words("max-contacts-per-registration redis-subscription-keep-alive-check-period")),
    ("module::Registrar", 5, words("default-expires")),
    ("module::Router", 1, words("fallback-route-filter")),
    (
      "module::Router", 2,
      words("message-database-backend message-database-connection-string message-database-enabled")
    ),
    ("module::Router", 3, words("max-request-retention-time")),
    ("module::Router", 4, words("message-database-pool-size static-targets")),
    ("module::Authentication", 1, words("realm")),
    ("module::Authorization", 5, moduleKeys("auth-domains account-manager-host")),
    ("module::AuthTrustedHosts", 5, moduleKeys("trusted-hosts")),
    (
      "global", 2,
      words(
        "rtp-bind-address show-body-for tls-certificates-ca-file tls-certificates-file tls-certificates-private-key")
    ),
    ("global", 3, words("tport-message-queue-size")),
    ("global", 4, words("sofia-level")),
    ("global", 5, words("memory-usage-log-interval tcp-max-read-size tls-certificates-check-interval")),
  ]

  /// The last minor version of 2 that knows a key.
  private static let until: [(section: String, minor: Int, keys: Set<String>)] = [
    ("module::Registrar", 3, words("max-contacts-by-aor redis-record-serializer")),
    ("module::Registrar", 4, words("name-message-expires")),
    ("global", 4, words("max-log-size use-maddr")),
  ]

  /// The minor version of 2 that a key came with; nil for those that 2.0 has.
  static func introduced(_ key: String, in section: String) -> Int? {
    since.first { $0.section == section && $0.keys.contains(key.lowercased()) }?.minor
  }

  /// Why a version refuses a key that others know; nil when it takes it.
  static func refusal(_ key: String, in section: String, by version: FlexisipVersion) -> String? {
    guard version.major == 2 else { return nil }
    if let minor = introduced(key, in: section), version.minor < minor {
      return "Flexisip \(version) does not know \(key), which came with 2.\(minor): it refuses to start"
    }
    if let entry = until.first(where: { $0.section == section && $0.keys.contains(key.lowercased()) }),
      version.minor > entry.minor
    {
      return "Flexisip \(version) does not know \(key) any more, which went after 2.\(entry.minor): it refuses to start"
    }
    return nil
  }

  static let booleans: [(section: String, key: String)] =
    keys.keys.filter { $0.hasPrefix("module::") }.sorted().map { ($0, "enabled") } + [
      ("cluster", "enabled"), ("conference-server", "enabled"), ("conference-server", "check-capabilities"),
      ("module::Registrar", "enable-gruu"), ("module::Authentication", "disable-qop-auth"),
      ("module::Router", "message-fork-late"),
    ]

  static func defaultValue(_ section: String, _ key: String) -> String {
    switch (section, key) {
    case ("global", "transports"): "sip:*"
    case ("global", "default-servers"): "proxy"
    case ("conference-server", "enabled"), ("conference-server", "check-capabilities"): "true"
    case ("conference-server", "transport"): "sip:127.0.0.1:6064;transport=tcp"
    case ("conference-server", "outbound-proxy"): "sip:127.0.0.1:5060;transport=tcp"
    case ("conference-server", "database-backend"): "mysql"
    case ("conference-server", "supported-media-types"): "text"
    case ("module::Registrar", "enabled"), ("module::Router", "enabled"), ("module::Registrar", "enable-gruu"): "true"
    case ("module::Registrar", "reg-domains"), ("module::Authentication", "auth-domains"),
      ("module::Authorization", "auth-domains"), ("module::Registrar", "redis-server-domain"):
      "localhost"
    case ("module::Registrar", "redis-server-port"): "6379"
    case ("module::Presence", "presence-server"): "sip:127.0.0.1:5065;transport=tcp"
    case ("module::Registrar", "unique-id-parameters"): "+sip.instance pn-tok line"
    case ("module::Router", "message-fork-late"), ("conference-server", "enable-one-to-one-chat-room"): "true"
    case ("module::Router", "message-delivery-timeout"): "604800"
    case ("module::Registrar", "db-implementation"): "internal"
    case ("module::Authentication", "db-implementation"): "file"
    case ("module::Authentication", "available-algorithms"): "MD5"
    default: ""
    }
  }

  private static func words(_ text: String) -> Set<String> {
    Set(text.split { $0 == " " || $0 == "\n" }.map(String.init))
  }

  private static func moduleKeys(_ text: String) -> Set<String> {
    words(text).union(["enabled", "filter", "from-domains", "to-domains"])
  }
}
