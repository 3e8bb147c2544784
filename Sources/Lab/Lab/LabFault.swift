// LabFault.swift: single mistakes of a Flexisip set-up that a lab can be started with
import Foundation
import MessageFormats
import SIPAgent

/// What a client sees of the mistake is as with Flexisip; each has one place in the lab. Not among them: what keeps
/// Flexisip from starting (a database that cannot be opened looks like `serverDown`).
public enum LabFault: String, Sendable, CaseIterable {
  /// Nothing listens for SIP.
  case serverDown = "server-down"
  /// The conference server does not run: 404 from the factory.
  case conferenceServerOff = "conference-server-off"
  /// `[conference-server]/enabled=false` in Flexisip 2.2: it runs and listens, but does not register the factory: 404.
  case conferenceServerDisabled = "conference-server-disabled"
  /// The factory's address is not in `conference-factory-uris`: 404.
  case factoryNotListed = "factory-not-listed"
  /// `conference-factory-uris` has another user part than clients use: 404.
  case factoryElsewhere = "factory-elsewhere"
  /// `db-implementation=internal` with two processes: the proxy does not see what the conference server registers, 404.
  case registrationsNotShared = "registrations-not-shared"
  /// The factory is one for calls: it rings.
  case factoryForCalls = "factory-for-calls"
  /// No `trusted-hosts` entry for the focus: what it sends gets 407 from the proxy and never arrives.
  case focusChallenged = "focus-challenged"
  /// `outbound-proxy` names a port where the proxy does not listen: what the focus sends goes nowhere. Rooms are
  /// exempted from challenges by a filter, as on one machine.
  case outboundProxyUnreachable = "outbound-proxy-unreachable"
  /// The same where Record-Route has another address of the proxy: NOTIFY arrives, what begins no dialog does not.
  case invitationsLost = "invitations-lost"
  /// `trusted-hosts` has the clients' address: nobody is challenged.
  case clientsTrusted = "clients-trusted"
  /// `[module::Authentication]/enabled=false`
  case authenticationOff = "authentication-off"
  /// `auth-domains` lacks the domain: 403 Domain forbidden.
  case authDomainMissing = "auth-domain-missing"
  /// `reg-domains` lacks the domain: 401, then silence, to other requests too.
  case regDomainMissing = "reg-domain-missing"
  /// `enable-gruu=false`
  case gruuOff = "gruu-off"
  /// The conference server sees no one's devices: 488 to the room's INVITE.
  case nobodyRegistered = "nobody-registered"
  /// It does not see the device of one who is invited: 200, and the room is made without.
  case oneMissing = "one-missing"
  /// `[module::Redirect]/enabled=true`: 302 to an authenticated REGISTER.
  case redirected = "redirected"
  /// `max-contacts-by-aor=0`: 500 to an authenticated REGISTER, although it can be looked up who is registered.
  case noContactsTaken = "no-contacts-taken"
  /// `[module::B2bua]/enabled=true`: 503 to INVITE, to the factory too.
  case invitesCaught = "invites-caught"
  /// The router's filter keeps INVITE out: no answer.
  case invitesFiltered = "invites-filtered"
  /// The same with SUBSCRIBE.
  case subscribesFiltered = "subscribes-filtered"
  /// The server ends at the first INVITE, as Flexisip 2.2 does with some settings.
  case serverEnds = "server-ends"
  /// `[module::Registrar]/enabled=false`: REGISTER is not answered, although the domain is served.
  case registrarOff = "registrar-off"
  /// `[module::Router]/enabled=false`: nothing reaches anybody.
  case routerOff = "router-off"
  /// `[conference-server]/transport` is where the proxy listens: what is for the focus is not answered.
  case focusPortTaken = "focus-port-taken"
  /// The filter of the authentication has the focus challenged, and nobody else.
  case filterReversed = "filter-reversed"
  /// `realm-regex` finds no realm: 500 to everything that is to be authenticated.
  case realmExpression = "realm-regex"
  /// The registrar loses `+org.linphone.specs`: devices are silently left out of rooms.
  case specsLost = "specs-lost"
  /// `+org.linphone.specs` of those who are invited lacks `groupchat`: left out of rooms.
  case groupchatSpecMissing = "groupchat-spec-missing"
  /// The same with `lime`: left out of encrypted rooms.
  case limeSpecMissing = "lime-spec-missing"
  /// The store of registrations (Redis) is out of reach: 500 to an authenticated REGISTER, no answer to what needs it.
  case storeDown = "registration-store-down"
  /// The database of users is out of reach: 500 to everything that is to be authenticated.
  case usersDown = "users-down"
  /// `realm` is not the domain that the passwords are stored for: 403 to the right password.
  case otherRealm = "other-realm"
  /// No algorithm that clients know is asked for.
  case unknownAlgorithm = "unknown-algorithm"
  /// The device is registered once more with each REGISTER.
  case doubledBindings = "doubled-bindings"
  /// `unique-id-parameters` lacks +sip.instance: the factory's 302 names a room that gets 404.
  case roomsNotFound = "rooms-not-found"
  /// The router lets no MESSAGE through.
  case messagesLost = "messages-lost"
  /// `message-fork-late=false`: messages for devices that are away are lost.
  case offlineMessagesLost = "offline-messages-lost"
  /// Another realm than the SIP domain.
  case keyServerRealm = "key-server-realm"
  /// The key server asks for SHA-256 only and knows MD5 hashes only: 401 again.
  case keyServerSHA256 = "key-server-sha256-only"
  /// The key server takes fewer one-time keys than a device has.
  case keyServerLimit = "key-server-limit"
  /// Clients are told of a key server that does not run.
  case keyServerDown = "key-server-down"
  /// The server's clock is an hour ahead.
  case clockAhead = "clock-ahead"

  /// Clients are told of a file server that does not run.
  case fileServerDown = "file-server-down"
  /// The web server refuses bodies of more than 1 MB, as nginx does by default: 413.
  case fileServerBodyLimit = "file-server-body-limit"
  /// PHP's `post_max_size` is 2 MB: a larger upload is answered as if nothing had been sent.
  case fileServerPostLimit = "file-server-post-max-size"
  /// Answers have no Content-Length.
  case fileServerChunked = "file-server-chunked"
  /// The links that it gives lead nowhere.
  case fileServerLinkGone = "file-server-link-404"
  /// Nobody may fetch what the links lead to.
  case fileServerLinkForbidden = "file-server-link-403"
  /// The certificate for SIP over TLS has expired.
  case certificateExpired = "certificate-expired"
  /// It is for another host name.
  case certificateForAnotherName = "certificate-wrong-name"
  /// It is issued by an authority that is not in the clients' ca-file.
  case certificateOfUnknownAuthority = "certificate-unknown-authority"
  /// The server speaks TLS 1.1 at most.
  case tlsTooOld = "tls-too-old"

  /// The realm of `keyServerRealm` and `otherRealm`.
  static let wrongRealm = "lime.example.com"
  /// User part of the factory with `factoryElsewhere`.
  static let otherFactoryUser = "chatroom-factory"

  /// Whether the proxy finds who or what a URI of the conference server is.
  func hidesFromProxy(isFactory: Bool) -> Bool {
    switch self {
    case .conferenceServerOff, .registrationsNotShared: true
    case .conferenceServerDisabled, .factoryNotListed: isFactory
    case .roomsNotFound: !isFactory
    default: false
    }
  }

  /// Whether it is about TLS: then SIP is spoken over TLS.
  var needsTLS: Bool {
    [.certificateExpired, .certificateForAnotherName, .certificateOfUnknownAuthority, .tlsTooOld].contains(self)
  }

  /// Whether the conference server has a socket of its own, which Flexisip's always has. Here it matters only to who
  /// looks why the proxy finds no factory.
  var hasConferenceServer: Bool {
    [.conferenceServerDisabled, .factoryNotListed, .registrationsNotShared].contains(self)
  }

  /// Bytes of a request's body, with `fileServerBodyLimit`.
  static let bodyLimit = 1 << 20

  /// For `Date` in answers to REGISTER, in seconds.
  static let clockSkew: TimeInterval = 3600

  /// `Date` (RFC 3261 §20.17) of a clock that is ahead.
  static var skewedDate: SIPHeader {
    SIPHeader("Date", CivilTime(Date().addingTimeInterval(clockSkew)).headerText)
  }
}
