// CheckCauses.swift: for each symptom the probable causes, the commonest first
import DigestAuth
import Foundation
import MessageFormats
import ServerConnection

/// Speaks about one account and its server.
struct CheckCauses: Sendable {
  let domain: String
  let factory: SIPURI
  let proxy: SIPURI
  /// Whether client and server run on one machine, so that the server sees its own address.
  var isSameMachine = false
  /// As its Server header says; nil when the server is no Flexisip or does not tell.
  var version: FlexisipVersion?
  /// Once it is known.
  var location: ServerLocation?

  static let conference = "conference-server"
  static let authentication = "module::Authentication"
  static let registrar = "module::Registrar"
  static let router = "module::Router"

  private static func evident(_ text: String) -> CheckCause {
    var cause = CheckCause(text)
    cause.isEvident = true
    return cause
  }

  /// Modules that catch requests which are the conference server's business, or the proxy's.
  private static func catches(_ module: String, _ text: String) -> CheckCause {
    var cause = CheckCause(text, section: module, key: "enabled", value: "false")
    cause.isEvident = true
    return cause
  }

  var redirected: [CheckCause] {
    [Self.catches("module::Redirect", "the module Redirect answers 302 to all requests")]
  }

  /// INVITEs fare worse than other requests for the same address.
  var caughtByB2bua: CheckCause {
    Self.catches("module::B2bua", "the module B2bua sends INVITEs to the back-to-back user agent, not to the focus")
  }

  var caughtByPresence: CheckCause {
    Self.catches("module::Presence", "the module Presence sends them to the presence server, which does not take them")
  }

  var trustedByPresence: CheckCause {
    Self.catches(
      "module::Presence",
      "the module Presence is on: the address of its presence-server is trusted, and ours is the same")
  }

  // MARK: Registration

  /// - Parameters:
  ///   - fromElsewhere: whether requests from another address are challenged; nil when that is not known.
  ///   - othersAreChallenged: whether requests of another kind are, from our address.
  ///   - hasPresence: whether presence is sent on to a presence server.
  func notChallenged(fromElsewhere: Bool?, othersAreChallenged: Bool, hasPresence: Bool = false) -> [CheckCause] {
    let trusted =
      (hasPresence ? [trustedByPresence] : []) + [
        CheckCause(
          "our address is trusted, so nothing that comes from it authenticates", section: Self.authentication,
          key: "trusted-hosts", value: "the conference server's address only"),
        CheckCause(
          "our address is a node of the cluster, so it is trusted", section: "cluster", key: "nodes",
          value: "the other proxies only"),
      ]
    var filter = CheckCause(
      othersAreChallenged
        ? "a filter keeps our requests out of the module, and lets others in: is it the wrong way round?"
        : "a filter keeps our requests out of the module", section: Self.authentication, key: "filter", value: "")
    filter.isEvident = othersAreChallenged
    let off = CheckCause("authentication is off", section: Self.authentication, key: "enabled", value: "true")
    if othersAreChallenged { return [filter] }
    return switch fromElsewhere {
    case true?: trusted + [off, filter]
    case false?: [off, filter]
    case nil: [off, filter] + trusted
    }
  }

  var domainForbidden: [CheckCause] {
    let authorization = CheckCause(
      "the domain is not authorized", section: "module::Authorization", key: "auth-domains", value: domain)
    let near = EditDistance.nearest(to: domain, of: [factory.host, proxy.host])
    let misspelt =
      near.map { $0.caseInsensitiveCompare(domain) == .orderedSame } == false
      ? [Self.evident("the domain of the account's address, \(domain), is misspelt: \(near ?? "") is meant?")] : []
    return misspelt + [
      CheckCause(
        "the domain is not one that is authenticated", section: Self.authentication, key: "auth-domains",
        value: domain)
    ] + (isBefore(2, 5) ? [] : [authorization]) + [
      CheckCause("the account's address has another domain than the server")
    ]
  }

  var unknownAlgorithm: [CheckCause] {
    [
      CheckCause(
        "no algorithm that clients know is offered", section: Self.authentication, key: "available-algorithms",
        value: "MD5 SHA-256")
    ]
  }

  /// - Parameter challenges: what the server had offered.
  func wrongPassword(_ challenges: [DigestChallenge] = []) -> [CheckCause] {
    let account = [
      CheckCause("the account's password (or user name) is not the server's"),
      CheckCause(
        "the file of users has no such user", section: Self.authentication, key: "file-path",
        value: "a version:1 file with a line: user@\(domain) clrtxt:password ;"),
    ]
    // Flexisip makes the hash of a clear-text password with the user's domain, whatever realm it offers.
    let realm = CheckCause(
      "the realm of the challenge is not the domain that the passwords are stored for", section: Self.authentication,
      key: "realm", value: domain)
    let algorithm = CheckCause(
      "the password is stored for an algorithm that is not offered", section: Self.authentication,
      key: "available-algorithms", value: "MD5 SHA-256")
    let forgotten = CheckCause(
      "passwords are forgotten before they are compared", section: Self.authentication, key: "cache-expire",
      value: "1800")
    let isOtherRealm = challenges.contains { $0.realm.caseInsensitiveCompare(domain) != .orderedSame }
    return isOtherRealm ? [realm] + account + [algorithm] : account + [algorithm, realm, forgotten]
  }

  /// 500 to a REGISTER without a password: Flexisip looks the user up before it asks.
  /// - Parameter findsRealm: whether credentials of the domain as realm are looked at; nil when that is not known.
  func noUsers(findsRealm: Bool?) -> [CheckCause] {
    let database = CheckCause(
      "the database of users does not answer", section: Self.authentication, key: "soci-connection-string",
      value: "one with which the mysql client connects")
    let expression = CheckCause(
      "the regular expression finds no realm in the user's address", section: Self.authentication,
      key: "realm-regex", value: "")
    return (findsRealm == false ? [expression, database] : [database, expression]) + [
      CheckCause("the server hangs or is overloaded: see its log")
    ]
  }

  /// A REGISTER with the password is not answered, or with 404.
  /// - Parameter routes: whether requests for users of the domain are looked up; nil when that is not known.
  func noRegistrar(routes: Bool? = nil) -> [CheckCause] {
    let domains = CheckCause(
      "the registrar does not serve the domain", section: Self.registrar, key: "reg-domains", value: domain)
    let off = CheckCause("the registrar is off", section: Self.registrar, key: "enabled", value: "true")
    return (routes == true ? [off, domains] : [domains, off]) + [
      CheckCause(
        "its store of registrations does not answer (Redis)", section: Self.registrar, key: "db-implementation",
        value: "redis, with a Redis server that runs"),
      CheckCause(
        "the registrar waits for an answer of another server", section: Self.registrar, key: "reg-on-response",
        value: "false"),
    ]
  }

  /// 5xx to a REGISTER whose password was accepted.
  /// - Parameter finds: whether it can be looked up who is registered.
  func noStore(finds: Bool = false) -> [CheckCause] {
    let redis = "the Redis server that keeps the registrations"
    let full = CheckCause(
      "the store of registrations answers, but takes no device of this user", section: Self.registrar,
      key: "max-contacts-by-aor", value: "12")
    let store = [
      CheckCause(
        "\(redis) does not run or is not there", section: Self.registrar, key: "redis-server-domain",
        value: "localhost"),
      CheckCause("\(redis) has another port", section: Self.registrar, key: "redis-server-port", value: "6379"),
      CheckCause(
        "\(redis) wants another password (requirepass)", section: Self.registrar, key: "redis-auth-password"),
      CheckCause(
        "without Redis registrations can be kept in memory, if one process does all", section: Self.registrar,
        key: "db-implementation", value: "internal"),
    ]
    return finds ? [full] + store : store
  }

  /// A registration was gone before its time.
  var shortRegistrations: [CheckCause] {
    [("force-expires", "-1"), ("max-expires", "86400")].map { key, value in
      var cause = CheckCause(
        "the registrar forgets devices earlier than it says",
        section: Self.registrar, key: key, value: value)
      cause.isEvident = true
      return cause
    }
  }

  func wrongServiceRoute(_ route: SIPURI) -> CheckCause {
    var cause = CheckCause(
      "the registrar's 200 tells clients to send everything by \(route) (Service-Route), which is not this server",
      section: Self.registrar, key: "service-route", value: "")
    cause.isEvident = true
    return cause
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

  private func isBefore(_ major: Int, _ minor: Int) -> Bool {
    version.map { $0 < FlexisipVersion(major: major, minor: minor) } ?? false
  }
}
