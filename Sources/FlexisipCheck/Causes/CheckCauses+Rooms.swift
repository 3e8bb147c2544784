// CheckCauses+Rooms.swift: causes of what goes wrong with the factory, rooms and messages
import Foundation
import MessageFormats

/// What more requests told after a 404 from the factory.
enum FactoryEvidence: Sendable, Equatable {
  /// None could be made, or they told nothing.
  case none
  /// A factory answers at another address.
  case otherAddress(SIPURI)
  /// A conference server runs on the machine; whether it is this proxy's is not known.
  case running
  /// Nothing listens where the conference server should.
  case notThere
  /// The conference server runs, and refuses the factory's address itself.
  case doesNotKnowIt
  /// The conference server makes rooms for it, and the proxy knows these, but not the factory.
  case notRegistered
  /// The conference server makes rooms for it, but the proxy does not know these either.
  case otherRegistrations

  var otherFactory: SIPURI? { if case .otherAddress(let address) = self { address } else { nil } }
}

extension CheckCauses {
  // MARK: Factory

  /// 404 from the factory.
  func unknownFactory(_ evidence: FactoryEvidence = .none) -> [CheckCause] {
    let notListed = CheckCause(
      evidence.otherFactory.map { "the factory is at \($0), not at \(factory)" }
        ?? "the factory's address is not listed (before 2.1: conference-factory-uri)", section: Self.conference,
      key: "conference-factory-uris", value: "\(factory)")
    // From 2.3 on, nothing reads it.
    let off = CheckCause(
      "the conference server is off", section: Self.conference, key: "enabled", value: "true")
    // From 2.6 on it is no server of the proxy's program.
    let isOwnProgram = version.map { $0 >= FlexisipProgram.split } ?? false
    var stopped =
      isOwnProgram
      ? CheckCause("the conference server does not run: systemctl status flexisip-conference")
      : CheckCause(
        "the conference server does not run: systemctl status flexisip-conference, or start it with the proxy",
        section: "global", key: "default-servers", value: "proxy conference")
    stopped.isEvident = evidence == .notThere
    let apart = CheckCause(
      "the conference server is another process and does not share registrations with the proxy",
      section: Self.registrar, key: "db-implementation", value: "redis")
    let account = CheckCause("the account's conference-factory is not the server's: \(factory)")
    let reads = version.map { $0 < FlexisipVersion(major: 2, minor: 3) } ?? true
    let order =
      switch evidence {
      case .none, .otherAddress, .doesNotKnowIt: [notListed, off, stopped, apart]
      case .running: [notListed, apart, off, stopped]
      case .notThere: [stopped, off, notListed, apart]
      case .notRegistered: [off, apart, notListed, stopped]
      case .otherRegistrations: [apart, off, notListed, stopped]
      }
    return order.filter { reads || $0 != off } + [account]
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

  /// - Parameters:
  ///   - status: of the answer; nil when none came.
  ///   - routes: whether requests reach a registered device; nil when that is not known.
  ///   - isQuick: whether it came long before the usual time for an answer had passed.
  ///   - answersOthers: whether requests other than INVITE are answered from there.
  func brokenFactory(
    status: Int?, routes: Bool? = nil, isQuick: Bool = false, answersOthers: Bool = false
  ) -> [CheckCause] {
    let otherDomain = CheckCause(
      "the factory's domain is none of the registrar's", section: Self.registrar, key: "reg-domains",
      value: "\(domain) \(factory.host)")
    let isOtherDomain = factory.host.caseInsensitiveCompare(domain) != .orderedSame
    let unrouted = CheckCause("requests are not routed", section: Self.router, key: "enabled", value: "true")
    let stopped = [
      CheckCause(
        "the conference server has stopped, but its registration stands; or it does not listen where it says",
        section: Self.conference, key: "transport", value: "sip:127.0.0.1:6064;transport=tcp"),
      CheckCause("its database cannot be opened", section: Self.conference, key: "database-connection-string"),
    ]
    let isUnrouted = routes.map { !$0 } ?? (status == nil)
    var evident: [CheckCause] = []
    if status == 408, isQuick {
      var short = CheckCause(
        "the proxy waits too short for answers, in milliseconds", section: "global", key: "transaction-timeout",
        value: "32000")
      short.isEvident = true
      evident = [short]
    } else if answersOthers {
      evident = [caughtByB2bua, Self.filtered("INVITE")]
      if status == nil { evident.reverse() }
    }
    let others = (isOtherDomain ? [otherDomain] : []) + (isUnrouted ? [unrouted] + stopped : stopped + [unrouted])
    return evident + others
  }

  /// Requests of one kind get no answer where others do.
  static func filtered(_ method: String) -> CheckCause {
    var cause = CheckCause(
      "a filter keeps \(method) from being routed, where other requests pass", section: router, key: "filter",
      value: "")
    cause.isEvident = true
    return cause
  }

  // MARK: Rooms

  /// Whether the other account is of another domain.
  func isElsewhere(_ other: SIPURI) -> Bool { other.host.caseInsensitiveCompare(domain) != .orderedSame }

  func nobodyInvited(_ other: SIPURI) -> [CheckCause] {
    let apart = CheckCause(
      "the conference server does not see who is registered: proxy and conference server are two processes",
      section: Self.registrar, key: "db-implementation", value: "redis")
    let domains = CheckCause(
      "the other account's domain is not known to the conference server", section: Self.conference,
      key: "local-domains", value: other.host)
    return (isElsewhere(other) ? [domains, apart] : [apart, domains]) + [
      CheckCause("\(other)'s device lost its registration meanwhile: run the check again with --verbose")
    ]
  }

  /// 404 from the room that the factory has just made: the proxy does not find its GRUU.
  var unknownRoom: [CheckCause] {
    [
      Self.notFoundByGRUU("a room"),
      CheckCause(
        "the conference server has lost the room, or does not share registrations with the proxy",
        section: Self.registrar, key: "db-implementation", value: "redis"),
    ] + unknownFactory()
  }

  private static func notFoundByGRUU(_ who: String) -> CheckCause {
    CheckCause(
      "\(who)'s registration is not found by its GRUU: +sip.instance does not tell registrations apart",
      section: registrar, key: "unique-id-parameters", value: "+sip.instance")
  }

  /// 302 and 200 came, SUBSCRIBE was accepted, and then nothing.
  /// - Parameters:
  ///   - focusPasses: whether the proxy lets in who says it is the focus; nil when that is not known.
  ///   - isReached: whether other requests for the device come to it; nil when that is not known.
  ///   - status: what they get.
  func noNotify(focusPasses: Bool?, isReached: Bool? = nil, status: Int? = nil) -> [CheckCause] {
    let unreachable = CheckCause(
      "the proxy does not send requests back by the connection that a device has opened", section: "module::NatHelper",
      key: "enabled", value: "true")
    let challenged = CheckCause(
      "the conference server's own requests are challenged (407)", section: Self.authentication, key: "trusted-hosts",
      value: "the address that the conference server connects from")
    let nowhere = [
      CheckCause(
        "the conference server's own requests go to an address where the proxy does not listen",
        section: Self.conference, key: "outbound-proxy", value: "one of [global]/transports"),
      CheckCause(
        "the proxy does not listen where the conference server sends to", section: "global", key: "transports"),
    ]
    let refused = CheckCause(
      "the requests of trusted hosts are refused", section: "module::AuthTrustedHosts", key: "trusted-hosts",
      value: "the address that the conference server connects from")
    let causes = (focusPasses == true ? nowhere + [challenged] : [challenged] + nowhere) + [refused]
    guard focusPasses != false, isReached == false else { return causes + [unreachable] }
    // It is registered.
    let isUnknown = [404, 480].contains(status)
    return isUnknown ? [Self.notFoundByGRUU("a device"), unreachable] + causes : [unreachable] + causes
  }

  /// The room takes its creator, but its state cannot be asked for.
  /// - Parameter status: of the answer to SUBSCRIBE; nil when none came.
  func noSubscription(status: Int?) -> [CheckCause] {
    let filtered = Self.filtered("SUBSCRIBE")
    return status == nil ? [filtered, caughtByPresence] : [caughtByPresence, filtered]
  }

  /// 603 from the room: the focus does not find who has sent the INVITE.
  var creatorUnknown: [CheckCause] {
    [
      CheckCause(
        "the proxy takes 'gr' out of addresses, so the focus does not know the creator's device",
        section: "module::Forward", key: "params-to-remove",
        value: "pn-tok pn-type app-id pn-msg-str pn-call-str pn-call-snd pn-msg-snd pn-timeout pn-silent pn-provider "
          + "pn-prid pn-param")
    ]
  }

  /// NOTIFY came, which follows the way of the SUBSCRIBE; an invitation begins anew, by `outbound-proxy`.
  func notInvited(_ other: SIPURI) -> [CheckCause] {
    let causes = noNotify(focusPasses: true)
    return causes.prefix(2) + [
      CheckCause("\(other)'s device is unreachable for the server: the connection it opened is gone (NAT, firewall)"),
      CheckCause("invitations are not routed", section: Self.router, key: "enabled", value: "true"),
    ] + causes.dropFirst(2)
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

  /// - Parameter somePass: whether another message has arrived before.
  func noMessage(somePass: Bool) -> [CheckCause] {
    let filtered = CheckCause(
      "a filter keeps messages from being routed", section: Self.router, key: "filter", value: "")
    let short = CheckCause(
      "messages are given up when they cannot be handed over within these seconds", section: Self.router,
      key: "message-delivery-timeout", value: "604800")
    return (somePass ? [short, filtered] : [filtered, short]) + [
      CheckCause(
        "a message is larger than the server takes", section: "global", key: "tcp-max-read-size"),
      CheckCause(
        "the focus does not reach the device any more", section: Self.conference, key: "outbound-proxy",
        value: "one of [global]/transports"),
    ]
  }

  var noOfflineMessage: [CheckCause] {
    [
      CheckCause(
        "messages are not kept for devices that are away", section: Self.router, key: "message-fork-late",
        value: "true"),
      CheckCause(
        "they are kept for too short", section: Self.router, key: "message-delivery-timeout", value: "604800"),
    ]
  }
}
