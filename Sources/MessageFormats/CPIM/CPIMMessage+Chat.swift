// CPIMMessage+Chat.swift: the extension headers that chat uses (RFC 5438 §6 and Linphone's)
import Foundation

/// What the sender of a message wants to be told (RFC 5438 §6.2).
public struct DispositionNotification: OptionSet, Hashable, Sendable {
  /// One bit each; only their names travel.
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// `positive-delivery`: say when it has arrived.
  public static let positiveDelivery = DispositionNotification(rawValue: 1)
  /// `negative-delivery`: say when it could not be delivered.
  public static let negativeDelivery = DispositionNotification(rawValue: 2)
  /// `display`: say when it was read.
  public static let display = DispositionNotification(rawValue: 4)
  /// `processing`: say what a store or gateway made of it.
  public static let processing = DispositionNotification(rawValue: 8)

  /// What Linphone asks for with every message.
  public static let usual: DispositionNotification = [.positiveDelivery, .negativeDelivery, .display]

  private static let names: [(DispositionNotification, String)] = [
    (.positiveDelivery, "positive-delivery"), (.negativeDelivery, "negative-delivery"),
    (.processing, "processing"), (.display, "display"),
  ]

  /// Unknown names are ignored.
  init(headerValue: String) {
    let words = headerValue.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    self = []
    for (option, name) in Self.names where words.contains(where: { $0.equalsIgnoringCase(name) }) { insert(option) }
  }

  var headerValue: String {
    Self.names.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
  }
}

extension CPIMMessage {
  /// RFC 3862's own, and what this client does something about.
  private static let understood: [String?: Set<String>] = [
    nil: ["from", "to", "cc", "datetime", "subject", "ns", "require"],
    CPIMNamespace.imdn: ["message-id", "disposition-notification", "forward-info"],
    CPIMNamespace.linphone: [
      "replying-to-message-id", "replying-to-sender", "in-reply-to", "replaces", "retracts", "ephemeral-time",
      "ephemeral-life-time", "ephemeral-not-read-life-time",
    ],
    CPIMNamespace.automatic: ["auto-submitted"],
  ]

  /// The headers that the sender requires to be understood and that are not: the message must not be shown as if they
  /// were (RFC 3862 §4.6).
  public var notUnderstood: [CPIMHeader.Name] {
    required.filter { Self.understood[$0.namespace]?.contains($0.name.lowercased()) != true }
  }

  /// Whether it is there for what it says of another message and not to be shown, whether or not it can be read: a
  /// notification, or several of them.
  public var isNotification: Bool {
    guard let contentType else { return false }
    if contentType.matches(ContentType.imdn.mediaType) { return true }
    guard contentType.isMultipart,
      let parts = try? MultipartBody(parsing: body, contentType: contentType.description).parts, !parts.isEmpty
    else { return false }
    return parts.allSatisfy { $0.contentType?.matches(ContentType.imdn.mediaType) == true }
  }

  /// `imdn.Message-ID`: names the message in notifications, replies and reactions. nil when absent or empty.
  public var messageID: String? {
    get { nonEmpty("imdn.Message-ID") }
    set { self[header: "imdn.Message-ID"] = newValue }
  }

  /// `imdn.Disposition-Notification`; empty when absent.
  public var dispositionNotification: DispositionNotification {
    get { DispositionNotification(headerValue: self[header: "imdn.Disposition-Notification"] ?? "") }
    set { self[header: "imdn.Disposition-Notification"] = newValue.isEmpty ? nil : newValue.headerValue }
  }

  /// The message that this one answers.
  public struct Reply: Hashable, Sendable {
    /// `imdn.Message-ID` of the message that is answered.
    public var messageID: String
    /// Address of its author, without device.
    public var sender: SIPURI?

    public init(messageID: String, sender: SIPURI?) {
      self.messageID = messageID
      self.sender = sender
    }
  }

  /// `linphone.Replying-To-Message-ID` and `linphone.Replying-To-Sender`.
  public var reply: Reply? {
    get {
      guard let id = nonEmpty("linphone.Replying-To-Message-ID") else { return nil }
      let sender = self[header: "linphone.Replying-To-Sender"].flatMap(NameAddress.outsideSIP)
      return Reply(messageID: id, sender: sender?.uri)
    }
    set {
      self[header: "linphone.Replying-To-Message-ID"] = newValue?.messageID
      self[header: "linphone.Replying-To-Sender"] = newValue?.sender?.description
    }
  }

  /// `linphone.In-Reply-To`: Message-ID of the message that this one, of disposition `Reaction`, reacts to.
  public var inReplyTo: String? {
    get { nonEmpty("linphone.In-Reply-To") }
    set { self[header: "linphone.In-Reply-To"] = newValue }
  }

  /// Whether the body is a reaction to the message ``inReplyTo`` names.
  public var isReaction: Bool {
    inReplyTo != nil && contentDisposition?.equalsIgnoringCase("Reaction") == true
  }

  /// `linphone.Replaces`: Message-ID of the message that this one is the new text of.
  public var replaces: String? {
    get { nonEmpty("linphone.Replaces") }
    set { self[header: "linphone.Replaces"] = newValue }
  }

  /// `linphone.Retracts`: Message-ID of the message that its author deletes for everyone.
  public var retracts: String? {
    get { nonEmpty("linphone.Retracts") }
    set { self[header: "linphone.Retracts"] = newValue }
  }

  /// `imdn.Forward-Info`: whom the text of a forwarded message came from.
  public var forwardInfo: String? {
    get { nonEmpty("imdn.Forward-Info") }
    set { self[header: "imdn.Forward-Info"] = newValue }
  }

  /// `Auto-Submitted` (RFC 3834 §5): whether a program wrote it by itself, and no program is to answer. Written as an
  /// automatic answer; whatever is not "no" is read so.
  public var isAutomatic: Bool {
    get {
      guard let value = nonEmpty("auto.Auto-Submitted") else { return false }
      return !value.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).equalsIgnoringCase("no")
    }
    set { self[header: "auto.Auto-Submitted"] = newValue ? "auto-replied" : nil }
  }

  /// Seconds from being read to being deleted. `linphone.Ephemeral-Time` up to liblinphone 5.4 and
  /// `linphone.Ephemeral-Life-Time` from 5.5 on, which no longer reads the old name: both are written, either is read.
  public var ephemeralLifetime: Int? {
    get {
      let text = nonEmpty("linphone.Ephemeral-Life-Time") ?? nonEmpty("linphone.Ephemeral-Time")
      return text.flatMap { ASCII.decimal($0.utf8) }
    }
    set {
      self[header: "linphone.Ephemeral-Time"] = newValue.map { String($0) }
      self[header: "linphone.Ephemeral-Life-Time"] = newValue.map { String($0) }
    }
  }

  /// Seconds from arriving to being deleted unread (`linphone.Ephemeral-Not-Read-Life-Time`, liblinphone 5.5), which is
  /// read beside `linphone.Ephemeral-Life-Time` only. Where that is 0, the same time counts anew from being read; who
  /// knows the old name alone is told so.
  public var ephemeralUnreadLifetime: Int? {
    get {
      guard self[header: "linphone.Ephemeral-Life-Time"] != nil else { return nil }
      return nonEmpty("linphone.Ephemeral-Not-Read-Life-Time").flatMap { ASCII.decimal($0.utf8) }
    }
    set {
      self[header: "linphone.Ephemeral-Not-Read-Life-Time"] = newValue.map { String($0) }
      guard let newValue, ephemeralLifetime ?? 0 == 0 else { return }
      self[header: "linphone.Ephemeral-Time"] = String(newValue)
      self[header: "linphone.Ephemeral-Life-Time"] = "0"
    }
  }

  private func nonEmpty(_ name: String) -> String? {
    self[header: name].flatMap { $0.isEmpty ? nil : $0 }
  }
}
