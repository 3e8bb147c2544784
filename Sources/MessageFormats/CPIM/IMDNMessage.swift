// IMDNMessage.swift: instant message disposition notifications, message/imdn+xml (RFC 5438 §7)
import Foundation

/// Tells the sender of a message what became of it.
public struct IMDNMessage: Hashable, Sendable {
  /// The root's namespace (RFC 5438 §15.2).
  static let namespace = "urn:ietf:params:xml:ns:imdn"
  /// Namespace of the `reason` element, an extension of Linphone's.
  static let reasonNamespace = "http://www.linphone.org/xsds/imdn.xsd"
  private static let format = "IMDN"

  /// Which of the three elements carries the status.
  public enum Notification: String, Hashable, Sendable, CaseIterable {
    case delivery = "delivery-notification"
    case display = "display-notification"
    case processing = "processing-notification"
  }

  /// What became of the message: the `status` element.
  public enum Kind: Hashable, Sendable {
    case delivered
    case displayed
    case processed
    case stored
    /// Not delivered. 488 is how Linphone says that it could not decrypt the message.
    case failed(Reason?)
    /// The recipient does not tell.
    case forbidden
    case error(Reason?)
  }

  /// A SIP status code with its text.
  public struct Reason: Hashable, Sendable {
    /// As SIP has them: 488 for a message that could not be decrypted.
    public var code: Int
    /// The reason phrase.
    public var text: String

    public init(code: Int, text: String) {
      self.code = code
      self.text = text
    }

    /// The message could not be decrypted: the sender starts a new LIME session with its next message.
    public static let notAcceptable = Reason(code: 488, text: "NotAcceptable")
    /// It requires what the recipient does not understand.
    public static let badExtension = Reason(code: 420, text: "BadExtension")
  }

  /// `imdn.Message-ID` of the message that this is about.
  public var messageID: String
  /// DateTime of that message, not of the notification. Written to the second; without one, 1970-01-01.
  public var dateTime: Date?
  /// Which element carries the status.
  public var notification: Notification
  /// The status itself.
  public var kind: Kind

  /// - Parameter notification: by default the one that `kind` belongs to; delivery for `forbidden` and `error`.
  public init(messageID: String, dateTime: Date?, kind: Kind, notification: Notification? = nil) {
    self.messageID = messageID
    self.dateTime = dateTime
    self.kind = kind
    self.notification = notification ?? kind.usualNotification
  }

  /// The reason's code where the kind has one.
  public var reasonCode: Int? {
    switch kind {
    case .failed(let reason), .error(let reason): reason?.code
    case .delivered, .displayed, .processed, .stored, .forbidden: nil
    }
  }

  /// - Throws: ``FormatError`` when it is no such document, names no message, or has no status that is known.
  public init(parsing data: Data) throws {
    let root = try XMLReader.parse(data, root: "imdn", namespace: Self.namespace, format: Self.format)
    guard let messageID = root.first("message-id")?.text, !messageID.isEmpty else {
      throw FormatError.missing(format: Self.format, field: "message-id")
    }
    self.messageID = messageID
    dateTime = root.first("datetime").flatMap { RFC3339.date(from: $0.text) }
    for notification in Notification.allCases {
      guard let status = root.first(notification.rawValue)?.first("status") else { continue }
      if let kind = Kind(status: status) {
        self.notification = notification
        self.kind = kind
        return
      }
    }
    throw FormatError.missing(format: Self.format, field: "known status")
  }

  /// One line of XML, as Linphone writes it.
  public var serialized: Data {
    var writer = XMLWriter()
    let reason: Reason? =
      switch kind {
      case .failed(let reason), .error(let reason): reason
      case .delivered, .displayed, .processed, .stored, .forbidden: nil
      }
    var attributes = [("xmlns", Self.namespace)]
    if reason != nil { attributes.append(("xmlns:imdn", Self.reasonNamespace)) }
    writer.element("imdn", attributes) { imdn in
      imdn.element("message-id", text: messageID)
      imdn.element("datetime", text: RFC3339.string(from: dateTime ?? Date(timeIntervalSince1970: 0)))
      imdn.element(notification.rawValue) { element in
        element.element("status") { status in
          status.element(kind.elementName)
          if let reason { status.element("imdn:reason", [("code", String(reason.code))], text: reason.text) }
        }
      }
    }
    return writer.data
  }

  /// All notifications of a content: a single one, or the `message/imdn+xml` parts of a multipart body, where those
  /// that cannot be read are left out.
  public static func all(inContentType contentType: String, body: Data) throws -> [IMDNMessage] {
    try PartList.values(contentType, body, of: .imdn, format: format) { try IMDNMessage(parsing: $0) }
  }
}

extension IMDNMessage.Kind {
  fileprivate var usualNotification: IMDNMessage.Notification {
    switch self {
    case .delivered, .failed, .forbidden, .error: .delivery
    case .displayed: .display
    case .processed, .stored: .processing
    }
  }

  /// Of the element in `status` that says it (RFC 5438 §11).
  public var elementName: String {
    switch self {
    case .delivered: "delivered"
    case .displayed: "displayed"
    case .processed: "processed"
    case .stored: "stored"
    case .failed: "failed"
    case .forbidden: "forbidden"
    case .error: "error"
    }
  }

  fileprivate init?(status: XMLNode) {
    let reason = status.first("reason", in: IMDNMessage.reasonNamespace).map { node in
      IMDNMessage.Reason(code: ASCII.decimal((node.attributes["code"] ?? "").utf8, maximum: 699) ?? 0, text: node.text)
    }
    let kinds: [Self] = [
      .delivered, .displayed, .processed, .stored, .failed(reason), .forbidden, .error(reason),
    ]
    guard let kind = kinds.first(where: { status.first($0.elementName) != nil }) else { return nil }
    self = kind
  }
}
