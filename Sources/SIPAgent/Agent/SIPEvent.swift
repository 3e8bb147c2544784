// SIPEvent.swift: what a SIP agent tells its owner
import Foundation
import MessageFormats

/// In the order in which things happened at the agent.
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

/// What the registrar last said, or that it cannot be asked.
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

/// A MESSAGE that waits for its answer.
public struct IncomingMessage: Sendable {
  /// For the answer.
  public var id: IncomingRequestID
  /// Who claims to have sent it; nothing proves it.
  public var from: NameAddress
  /// The address it was sent to.
  public var to: NameAddress
  /// All fields as received.
  public var headers: [SIPHeader]
  /// The whole Content-Type field, empty when absent.
  public var contentType: String
  /// As on the wire; `body` has it undone already.
  public var contentEncoding: String?
  /// With Content-Encoding undone.
  public var body: Data
}

/// An INVITE that waits for its answer.
public struct IncomingInvite: Sendable {
  /// For the answer, and for what follows in the dialog.
  public var dialog: DialogID
  /// The inviter, as it calls itself.
  public var from: NameAddress
  /// The address it was sent to.
  public var to: NameAddress
  /// The focus and its feature parameters (`isfocus`, `text`).
  public var contact: NameAddress?
  /// All fields as received.
  public var headers: [SIPHeader]
  /// The whole Content-Type field, empty when absent.
  public var contentType: String
  /// Content-Encoding undone.
  public var body: Data
}

// MARK: - Dialogs and subscriptions

/// An established dialog.
public struct SIPDialog: Hashable, Sendable {
  /// For `reinvite` and `bye`.
  public var id: DialogID
  /// The peer's Contact, with its feature parameters such as `isfocus`.
  public var contact: NameAddress?
  /// Of every request in the dialog.
  public var callID: String
}

/// What became of an INVITE.
public enum InviteResult: Sendable, Hashable {
  /// 3xx: a new INVITE to this Contact is the caller's to send. With the factory it is the new room.
  case moved(to: NameAddress)
  case established(SIPDialog)
}

/// A NOTIFY, already answered with 200.
public struct SubscriptionNotify: Sendable {
  /// Which subscription it belongs to.
  public var subscription: SubscriptionID
  /// What was subscribed to.
  public var resource: SIPURI
  /// The event package.
  public var event: String
  /// All fields as received.
  public var headers: [SIPHeader]
  /// The whole Content-Type field, empty when the NOTIFY has no body.
  public var contentType: String
  /// Content-Encoding undone.
  public var body: Data
}

/// Why a subscription is over.
public struct SubscriptionEnd: Sendable, Hashable {
  /// Which one; its identifier is not used again.
  public var subscription: SubscriptionID
  /// What was subscribed to.
  public var resource: SIPURI
  /// `reason` of Subscription-State (`noresource`, `timeout` …), or the refused refresh.
  public var reason: String
}
