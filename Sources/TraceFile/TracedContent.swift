// TracedContent.swift: what the body of a traced message says of itself: CPIM (RFC 3862), IMDN (RFC 5438), LIME
import Foundation
import MessageFormats

/// Outside of the encryption, where there is one.
public struct TracedContent: Hashable, Sendable {
  /// Of the body, without parameters.
  public var mediaType: String
  /// `imdn.Message-ID` of a CPIM message.
  public var messageID: String?
  /// Of the content of a CPIM message.
  public var cpimType: String?
  /// The author that a CPIM message names.
  public var from: SIPURI?
  /// Whom a CPIM message names as its receiver.
  public var to: SIPURI?
  /// `delivered of ID`
  public var notifications: [String] = []
  /// The devices that an encrypted message has a part for; nil when it is none.
  public var limeDevices: [String]?
  /// Of the part that is encrypted once for all.
  public var cipherBytes: Int?
  /// Of a room's state: `version 3, full`.
  public var roomState: String?

  /// More are only counted.
  private static let maximumNotifications = 8

  /// nil without a body.
  public init?(_ message: TracedMessage) {
    guard message.isSIP, let type = message.headers["Content-Type"] else { return nil }
    mediaType = ContentType(type)?.mediaType ?? "unreadable"
    guard message.isBodyWhole else { return }
    if LimeEnvelope.matches(contentType: type) {
      guard let envelope = try? LimeEnvelope(parsing: message.body, contentType: type) else { return }
      (from, messageID) = (envelope.sender, envelope.messageID)
      limeDevices = envelope.deviceParts.keys.sorted()
      cipherBytes = envelope.cipherMessage?.count
    } else if mediaType == "message/cpim" {
      guard let cpim = try? CPIMMessage(parsing: message.body) else { return }
      (from, to, messageID) = (cpim.from?.uri, cpim.to?.uri, cpim.messageID)
      let inner = cpim.contentType
      cpimType = inner?.mediaType
      if let inner, let all = try? IMDNMessage.all(inContentType: inner.description, body: cpim.body) {
        notifications = all.prefix(Self.maximumNotifications).map { "\($0.kind.elementName) of \($0.messageID)" }
        if all.count > notifications.count { notifications.append("\(all.count - notifications.count) more") }
      }
    } else if mediaType == "application/conference-info+xml" {
      guard let info = try? ConferenceInfo(parsing: message.body) else { return }
      roomState =
        "version \(info.version.map(String.init) ?? "none"), \(info.state.rawValue), \(info.users.count) user(s)"
    }
  }
}
