// MessageOptions.swift: what a text that is to be sent has beside itself.
import Foundation

/// What a text is beside itself.
public struct MessageOptions: Sendable {
  /// Message-ID of the message in the same room that this one answers.
  public var replyTo: String?
  /// Whom a forwarded text is from.
  public var forwardedFrom: String?
  /// Whether a program answers by itself; programs do not answer it.
  public var isAutomatic: Bool
  /// Seconds from being read to being deleted; nil takes the room's, which usually is: never.
  public var lifetime: Int?
  /// Seconds after which a message that was not read is deleted; without a `lifetime`, also those from being read to
  /// being deleted.
  public var unreadLifetime: Int?
  /// Nothing leaves, now or later, while a device that would get it is not trusted.
  public var requireTrust: Bool
  /// Whether the message waits while a device that would get it is held, see `NewDevicePolicy`. Else it is refused.
  public var waits: Bool
  /// The new message's Message-ID, nil for one that is made here. When the room has a message of ours with it already,
  /// that one is meant, and nothing is sent: so a request whose answer was lost can be made again.
  public var messageID: String?

  public init(
    replyTo: String? = nil, forwardedFrom: String? = nil, lifetime: Int? = nil, unreadLifetime: Int? = nil,
    requireTrust: Bool = false, waits: Bool = true, messageID: String? = nil, isAutomatic: Bool = false
  ) {
    self.isAutomatic = isAutomatic
    self.waits = waits
    self.messageID = messageID
    self.replyTo = replyTo
    self.forwardedFrom = forwardedFrom
    (self.lifetime, self.unreadLifetime) = (lifetime, unreadLifetime)
    self.requireTrust = requireTrust
  }
}
