// ConferenceInfo.swift: state of a conference as notified, application/conference-info+xml (RFC 4575)
import Foundation

/// One notification: the whole state of a room, or a change of it. ``ConferenceState`` puts them together.
public struct ConferenceInfo: Hashable, Sendable {
  /// Larger rooms are refused: users of one document, and devices of one user.
  public static let maximumUsers = 2000
  /// See ``maximumUsers``.
  public static let maximumEndpoints = 500

  /// The `state` attribute (RFC 4575 §4.5).
  public enum State: String, Hashable, Sendable {
    case full
    case partial
    case deleted
  }

  /// A `user` element: a member with the devices that take part.
  public struct User: Hashable, Sendable {
    /// Address-of-record.
    public var entity: SIPURI
    /// Full: replaces the user; partial: changes it; deleted: the user is gone.
    public var state: State
    /// Name of the member, where the server tells it.
    public var displayText: String?
    /// `admin`, `participant`; nil when the document does not say.
    public var roles: [String]?
    /// In written order.
    public var endpoints: [Endpoint]

    public init(
      entity: SIPURI, state: State = .full, displayText: String? = nil, roles: [String]? = nil,
      endpoints: [Endpoint] = []
    ) {
      self.entity = entity
      self.state = state
      self.displayText = displayText
      self.roles = roles
      self.endpoints = endpoints
    }
  }

  /// How a device went (RFC 4575 §5.7.2 and §5.7.3).
  public struct Parting: Hashable, Sendable {
    /// `departed`, or `booted` where somebody removed it.
    public enum Method: String, Hashable, Sendable { case departed, booted }
    /// See ``Method``.
    public var method: Method
    /// Who removed it, where the document tells.
    public var by: SIPURI?

    public init(method: Method, by: SIPURI? = nil) {
      self.method = method
      self.by = by
    }
  }

  /// An `endpoint` element: one device.
  public struct Endpoint: Hashable, Sendable {
    /// GRUU of the device.
    public var entity: SIPURI
    /// As for a user.
    public var state: State
    /// Name of the device, where the server tells it.
    public var displayText: String?
    /// Of one that went, where the server tells it.
    public var parting: Parting?

    public init(entity: SIPURI, state: State = .full, displayText: String? = nil, parting: Parting? = nil) {
      self.entity = entity
      self.state = state
      self.displayText = displayText
      self.parting = parting
    }
  }

  /// The room's address.
  public var entity: SIPURI
  /// Full: the whole room; partial: changes of it; deleted: the room is gone.
  public var state: State
  /// Rises by one with each change; nil when the server does not number.
  public var version: Int?
  /// nil when the document does not say.
  public var subject: String?
  /// `free-text` of the description: Flexisip writes the time of the change there, in seconds since 1970.
  public var freeText: String?
  /// When the change happened, where `freeText` is such a time.
  public var changedAt: Date? {
    freeText.flatMap { ASCII.decimal($0.utf8) }.map { Date(timeIntervalSince1970: TimeInterval($0)) }
  }
  /// Seconds after which messages delete themselves, 0 when this was switched off, nil when the document does not say.
  public var ephemeralLifetime: Int?
  /// The same for messages that are not read (liblinphone 5.5).
  public var ephemeralUnreadLifetime: Int?
  /// In written order.
  public var users: [User]

  public init(
    entity: SIPURI, state: State, version: Int?, subject: String? = nil, freeText: String? = nil,
    ephemeralLifetime: Int? = nil, ephemeralUnreadLifetime: Int? = nil, users: [User] = []
  ) {
    self.entity = entity
    self.state = state
    self.version = version
    self.subject = subject
    self.freeText = freeText
    self.ephemeralLifetime = ephemeralLifetime
    self.ephemeralUnreadLifetime = ephemeralUnreadLifetime
    self.users = users
  }

  /// All documents of a NOTIFY body, lowest version first: a single one, or the parts of a multipart body, as sent
  /// after `Last-Notify-Version`. Parts that cannot be read are left out; ``ConferenceState`` then reports a gap.
  public static func all(inContentType contentType: String, body: Data) throws -> [ConferenceInfo] {
    let documents = try PartList.values(contentType, body, of: .conferenceInfo, format: format) {
      try ConferenceInfo(parsing: $0)
    }
    // The sort is stable, so documents without a number stay where they are: before the others.
    return documents.sorted { ($0.version ?? 0) < ($1.version ?? 0) }
  }
}
