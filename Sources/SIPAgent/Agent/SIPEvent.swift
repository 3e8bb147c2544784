// SIPEvent.swift: what a SIP agent tells its owner
import Foundation
import MessageFormats

public enum SIPEvent: Sendable {
  case registration(RegistrationState)
  /// Answered only by `SIPAgent.respond(to:status:)`.
  case message(IncomingMessage)
  /// Answered only by `SIPAgent.accept` or `reject`.
  case invitation(IncomingInvite)
  /// A re-INVITE of an established dialog, already answered with 200.
  case reinvitation(IncomingInvite)
  /// The dialog is over: the peer sent BYE, or CANCEL before `accept`. Not sent after `SIPAgent.bye`.
  case dialogEnded(DialogID)
  case notify(SubscriptionNotify)
  /// The subscription is over and will not be refreshed. Not sent after `SIPAgent.unsubscribe`.
  case subscriptionEnded(SubscriptionEnd)
}

/// Names a dialog made by INVITE, for as long as the agent lives.
public struct DialogID: Hashable, Sendable {
  let value: UInt64
}

/// Names a subscription, for as long as the agent lives.
public struct SubscriptionID: Hashable, Sendable {
  let value: UInt64
}

/// Names an incoming request that waits for its answer.
public struct IncomingRequestID: Hashable, Sendable {
  let value: UInt64
}

// MARK: - Registration

/// What the registrar holds for this device.
public struct Registration: Hashable, Sendable {
  /// The public GRUU (RFC 5627), nil when the registrar gives none: then the account is good for plain messages only.
  public var gruu: SIPURI?
  /// Seconds until the binding ends unless refreshed, which the agent does.
  public var expires: Int
  /// Whether it was renewed over another connection than it was made by, without having been `lost`: the server may
  /// have been restarted, and know of no dialogs and subscriptions.
  public var isReconnected = false

  public init(gruu: SIPURI?, expires: Int) {
    self.gruu = gruu
    self.expires = expires
  }
}

public enum RegistrationState: Sendable, Hashable {
  /// Sent for the first registration, after each refresh and after each recovery.
  case registered(Registration)
  /// Lost for now; the next attempt is made after so many seconds.
  case lost(SIPError, retryAfter: Double)
  /// Lost, and trying again would not help, such as after a password was changed.
  case failed(SIPError)
  case unregistered
}

// MARK: - Incoming requests

public struct IncomingMessage: Sendable {
  public var id: IncomingRequestID
  public var from: NameAddress
  public var to: NameAddress
  public var headers: [SIPHeader]
  /// The whole Content-Type field, empty when absent.
  public var contentType: String
  /// As on the wire; `body` has it undone already.
  public var contentEncoding: String?
  public var body: Data
}

public struct IncomingInvite: Sendable {
  public var dialog: DialogID
  public var from: NameAddress
  public var to: NameAddress
  /// The focus and its feature parameters (`isfocus`, `text`).
  public var contact: NameAddress?
  public var headers: [SIPHeader]
  /// The whole Content-Type field, empty when absent.
  public var contentType: String
  /// Content-Encoding undone.
  public var body: Data
}

// MARK: - Dialogs and subscriptions

/// An established dialog.
public struct SIPDialog: Hashable, Sendable {
  public var id: DialogID
  /// The peer's Contact, with its feature parameters such as `isfocus`.
  public var contact: NameAddress?
  public var callID: String
}

public enum InviteResult: Sendable, Hashable {
  /// 3xx: a new INVITE to this Contact is the caller's to send. With the factory it is the new room.
  case moved(to: NameAddress)
  case established(SIPDialog)
}

public struct SubscriptionNotify: Sendable {
  public var subscription: SubscriptionID
  /// What was subscribed to.
  public var resource: SIPURI
  /// The event package.
  public var event: String
  public var headers: [SIPHeader]
  /// The whole Content-Type field, empty when the NOTIFY has no body.
  public var contentType: String
  /// Content-Encoding undone.
  public var body: Data
}

public struct SubscriptionEnd: Sendable, Hashable {
  public var subscription: SubscriptionID
  public var resource: SIPURI
  /// `reason` of Subscription-State (`noresource`, `timeout` …), or the refused refresh.
  public var reason: String
}
