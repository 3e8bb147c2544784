// ConferenceInfo+XML.swift: the XML form of conference-info (RFC 4575 §5, §7)
import Foundation

extension ConferenceInfo {
  static let namespace = "urn:ietf:params:xml:ns:conference-info"
  static let linphoneNamespace = "linphone:xml:ns:conference-info-linphone-extension"
  static let format = "conference-info"

  /// Users and devices whose entity is no SIP address are left out, and so is everything unknown.
  public init(parsing data: Data) throws {
    let root = try XMLReader.parse(data, root: "conference-info", namespace: Self.namespace, format: Self.format)
    guard let entity = root.attributes["entity"].flatMap(SIPURI.init) else {
      throw FormatError.missing(format: Self.format, field: "entity")
    }
    self.entity = entity
    state = Self.state(of: root)
    version = root.attributes["version"].flatMap { ASCII.decimal($0.utf8) }
    let description = root.first("conference-description")
    subject = description?.first("subject")?.text
    freeText = description?.first("free-text")?.text
    ephemeralLifetime = Self.lifetime("lifetime", description)
    ephemeralUnreadLifetime = Self.lifetime("not-read-lifetime", description)

    users = []
    for node in root.first("users")?.all("user") ?? [] {
      guard let user = try Self.user(node) else { continue }
      users.append(user)
      guard users.count <= Self.maximumUsers else {
        throw FormatError.tooLarge(format: Self.format, limit: "\(Self.maximumUsers) users")
      }
    }
  }

  /// `full` when the attribute is absent (RFC 4575 §4.5).
  private static func state(of node: XMLNode) -> State {
    node.attributes["state"].flatMap(State.init) ?? .full
  }

  private static func user(_ node: XMLNode) throws -> User? {
    guard let entity = node.attributes["entity"].flatMap(SIPURI.init) else { return nil }
    let endpoints = node.all("endpoint").compactMap { endpoint in
      endpoint.attributes["entity"].flatMap(SIPURI.init).map { entity in
        Endpoint(
          entity: entity, state: state(of: endpoint), displayText: endpoint.first("display-text")?.text,
          parting: parting(endpoint))
      }
    }
    guard endpoints.count <= maximumEndpoints else {
      throw FormatError.tooLarge(format: format, limit: "\(maximumEndpoints) devices of one user")
    }
    let roles = node.first("roles").map { $0.all("entry").map { $0.text.lowercased() } }
    return User(
      entity: entity, state: state(of: node), displayText: node.first("display-text")?.text, roles: roles,
      endpoints: endpoints)
  }

  private static func parting(_ endpoint: XMLNode) -> Parting? {
    guard let method = endpoint.first("disconnection-method").flatMap({ Parting.Method(rawValue: $0.text) }) else {
      return nil
    }
    let by = endpoint.first("disconnection-info")?.first("by").flatMap { NameAddress.outsideSIP($0.text)?.uri }
    return Parting(method: method, by: by?.addressOfRecord)
  }

  /// `<linphone-cie:ephemeral><mode/><lifetime/><not-read-lifetime/></…>`. Where each device decides for itself the room
  /// says nothing.
  private static func lifetime(_ name: String, _ description: XMLNode?) -> Int? {
    guard let node = description?.first("ephemeral", in: linphoneNamespace) else { return nil }
    if node.first("mode")?.text == "device-managed" { return 0 }
    return node.first(name).flatMap { ASCII.decimal($0.text.utf8) }
  }

  /// Laid out as Flexisip does, without the lists of media: a chat room has one, text.
  public var serialized: Data {
    var writer = XMLWriter(lineBreak: "\n")
    var attributes = [("xmlns", Self.namespace), ("entity", entity.description), ("state", state.rawValue)]
    if let version { attributes.append(("version", String(version))) }
    attributes.append(("xmlns:linphone-cie", Self.linphoneNamespace))
    writer.element("conference-info", attributes) { root in
      if subject != nil || freeText != nil || ephemeralLifetime != nil {
        root.element("conference-description") { writeDescription(&$0) }
      }
      if state == .full || !users.isEmpty {
        // Flexisip says full here in partial documents too: each user's own state counts.
        root.element("users", [("state", "full")]) { list in
          for user in users { Self.write(user, &list) }
        }
      }
    }
    return writer.data
  }

  private func writeDescription(_ writer: inout XMLWriter) {
    if let subject { writer.element("subject", text: subject) }
    if let freeText { writer.element("free-text", text: freeText) }
    if let ephemeralLifetime {
      writer.element("linphone-cie:ephemeral") { ephemeral in
        ephemeral.element("linphone-cie:mode", text: "admin-managed")
        ephemeral.element("linphone-cie:lifetime", text: String(ephemeralLifetime))
        if let unread = ephemeralUnreadLifetime {
          ephemeral.element("linphone-cie:not-read-lifetime", text: String(unread))
        }
      }
    }
  }

  private static func write(_ user: User, _ writer: inout XMLWriter) {
    writer.element("user", [("entity", user.entity.description), ("state", user.state.rawValue)]) { element in
      if let text = user.displayText { element.element("display-text", text: text) }
      if let roles = user.roles {
        element.element("roles") { list in
          for role in roles { list.element("entry", text: role) }
        }
      }
      for endpoint in user.endpoints {
        let attributes = [("entity", endpoint.entity.description), ("state", endpoint.state.rawValue)]
        element.element("endpoint", attributes) { device in
          if let text = endpoint.displayText { device.element("display-text", text: text) }
          if let parting = endpoint.parting {
            device.element("disconnection-method", text: parting.method.rawValue)
            if let by = parting.by {
              device.element("disconnection-info") { $0.element("by", text: by.description) }
            }
          }
          if endpoint.state != .deleted { writeTextMedia(&device) }
        }
      }
    }
  }

  private static func writeTextMedia(_ writer: inout XMLWriter) {
    writer.element("media", [("id", "1")]) { media in
      media.element("display-text", text: "text")
      media.element("type", text: "text")
      media.element("status", text: "sendrecv")
    }
  }
}
