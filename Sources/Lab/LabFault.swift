// LabFault.swift: single mistakes of a Flexisip set-up that a lab can be started with
import Foundation
import MessageFormats
import SIPAgent

/// What a client sees of the mistake is as with Flexisip; each has one place in the lab.
public enum LabFault: String, Sendable, CaseIterable {
  /// `[conference-server]/enabled=false`, or it does not run: 404 from the factory.
  case conferenceServerOff = "conference-server-off"
  /// The factory's address is not in `conference-factory-uris`: 404 too.
  case factoryNotListed = "factory-not-listed"
  /// The factory is one for calls: it rings.
  case factoryForCalls = "factory-for-calls"
  /// No `trusted-hosts` entry for the focus: what it sends gets 407 from the proxy and never arrives.
  case focusChallenged = "focus-challenged"
  /// `outbound-proxy` names a port where the proxy does not listen: what the focus sends goes nowhere.
  case outboundProxyUnreachable = "outbound-proxy-unreachable"
  /// `trusted-hosts` has the clients' address: nobody is challenged.
  case clientsTrusted = "clients-trusted"
  /// `[module::Authentication]/enabled=false`
  case authenticationOff = "authentication-off"
  /// `auth-domains` lacks the domain: 403 Domain forbidden.
  case authDomainMissing = "auth-domain-missing"
  /// `reg-domains` lacks the domain: 401, then silence.
  case regDomainMissing = "reg-domain-missing"
  /// `enable-gruu=false`
  case gruuOff = "gruu-off"
  /// `db-implementation=internal` with two processes: the focus sees no one's devices, 488.
  case registrationsNotShared = "registrations-not-shared"
  /// The registrar loses `+org.linphone.specs`: devices are silently left out of rooms.
  case specsLost = "specs-lost"
  /// `message-fork-late=false`: messages for devices that are away are lost.
  case offlineMessagesLost = "offline-messages-lost"
  /// Another realm than the SIP domain.
  case keyServerRealm = "key-server-realm"
  /// Clients are told of a key server that does not run.
  case keyServerDown = "key-server-down"
  /// The server's clock is an hour ahead.
  case clockAhead = "clock-ahead"

  /// The realm of `keyServerRealm`.
  static let otherRealm = "lime.example.com"

  /// For `Date` in answers to REGISTER, in seconds.
  static let clockSkew: TimeInterval = 3600

  /// `Date` (RFC 3261 §20.17) of a clock that is ahead.
  static var skewedDate: SIPHeader {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return SIPHeader("Date", formatter.string(from: Date().addingTimeInterval(clockSkew)))
  }
}
