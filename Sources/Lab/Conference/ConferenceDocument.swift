// ConferenceDocument.swift: a room's state and its changes as Flexisip writes them (RFC 4575)
import Foundation
import MessageFormats

/// Writes `application/conference-info+xml`. Separate from the client's documents on purpose: here stand Flexisip's
/// elements and their order, media of endpoints included, so that a client is tested against what it will meet.
struct ConferenceDocument {
  let room: ConferenceRoom
  let now: Date

  init(room: ConferenceRoom, now: Date = Date()) {
    self.room = room
    self.now = now
  }

  /// The whole state at the room's present version.
  var full: Data {
    document(state: "full", version: room.version) { writer in
      writer.element("conference-description") { writer in
        writer.element("subject", text: room.subject)
        writeTime(&writer)
        let keywords = (room.isOneToOne ? "one-to-one " : "") + (isEphemeral ? "ephemeral " : "")
        if !keywords.isEmpty { writer.element("keywords", text: keywords) }
        writer.element("available-media") { writer in
          write([("audio", "inactive"), ("video", "sendrecv"), ("text", "inactive")], as: ("entry", "label"), &writer)
        }
        if isEphemeral { writeLifetime(room.lifetime, room.unreadLifetime, &writer) }
      }
      writer.element("users", [("state", "full")]) { writer in
        for member in room.members { write(member, &writer) }
      }
    }
  }

  private var isEphemeral: Bool { room.lifetime.map { $0 > 0 || room.unreadLifetime > 0 } ?? false }

  /// One change, at its own version.
  func partial(_ change: ConferenceRoom.VersionedChange) -> Data {
    document(state: "partial", version: change.version) { writer in
      writer.element("conference-description") { writer in
        if case .subjectChanged(let text) = change.change { writer.element("subject", text: text) }
        writeTime(&writer)
        if case .lifetimeChanged(let seconds, let unread) = change.change {
          if seconds != 0 || unread != 0 { writer.element("keywords", text: "ephemeral") }
          writeLifetime(seconds, unread, &writer)
        }
      }
      switch change.change {
      case .subjectChanged, .lifetimeChanged: return
      default: break
      }
      writer.element("users", [("state", "full")]) { write(change.change, &$0) }
    }
  }

  // MARK: Pieces

  private func document(state: String, version: UInt32, _ content: (inout XMLWriter) -> Void) -> Data {
    var writer = XMLWriter(lineBreak: "\n")
    writer.element(
      "conference-info",
      [
        ("xmlns", "urn:ietf:params:xml:ns:conference-info"), ("entity", room.address.description), ("state", state),
        ("version", String(version)),
        ("xmlns:linphone-cie", "linphone:xml:ns:conference-info-linphone-extension"),
      ], children: content)
    return writer.data
  }

  /// Flexisip carries the time of the event here, in seconds.
  private func writeTime(_ writer: inout XMLWriter) {
    writer.element("free-text", text: String(Int(now.timeIntervalSince1970)))
  }

  /// Linphone's extension; nil where each device decides for itself.
  private func writeLifetime(_ seconds: Int?, _ unread: Int, _ writer: inout XMLWriter) {
    writer.element("linphone-cie:ephemeral") { writer in
      writer.element("linphone-cie:mode", text: seconds == nil ? "device-managed" : "admin-managed")
      writer.element("linphone-cie:lifetime", text: String(seconds ?? 0))
      // liblinphone 5.5 wants it, those before it do not know it.
      writer.element("linphone-cie:not-read-lifetime", text: String(seconds == nil ? 0 : unread))
    }
  }

  private func write(_ change: ConferenceRoom.Change, _ writer: inout XMLWriter) {
    switch change {
    case .memberAdded(let member): write(member, &writer)
    case .memberRemoved(let user): writer.element("user", Self.entity(user, "deleted"))
    case .roleChanged(let user, let isAdmin):
      writer.element("user", Self.entity(user, "partial")) { writeRoles(isAdmin: isAdmin, &$0) }
    case .deviceAdded(let user, let device), .devicePresent(let user, let device):
      writer.element("user", Self.entity(user, "partial")) { write(device, &$0) }
    case .deviceRemoved(let user, let gruu):
      writer.element("user", Self.entity(user, "partial")) { $0.element("endpoint", Self.entity(gruu, "deleted")) }
    case .subjectChanged, .lifetimeChanged: break
    }
  }

  private func write(_ member: ConferenceRoom.Member, _ writer: inout XMLWriter) {
    writer.element("user", Self.entity(member.user, "full")) { writer in
      writeRoles(isAdmin: member.isAdmin, &writer)
      for device in member.devices { write(device, &writer) }
    }
  }

  private func writeRoles(isAdmin: Bool, _ writer: inout XMLWriter) {
    writer.element("roles") { $0.element("entry", text: isAdmin ? "admin" : "participant") }
  }

  /// A device that has joined takes part in text.
  private func write(_ device: ConferenceRoom.Device, _ writer: inout XMLWriter) {
    let text = device.state == .present ? "sendrecv" : "inactive"
    writer.element("endpoint", Self.entity(device.gruu, "full")) { writer in
      write([("audio", "inactive"), ("video", "inactive"), ("text", text)], as: ("media", "id"), &writer)
    }
  }

  private func write(
    _ media: [(name: String, status: String)], as element: (name: String, number: String), _ writer: inout XMLWriter
  ) {
    for (index, one) in media.enumerated() {
      writer.element(element.name, [(element.number, String(index + 1))]) { writer in
        writer.element("display-text", text: one.name)
        writer.element("type", text: one.name)
        writer.element("status", text: one.status)
      }
    }
  }

  private static func entity(_ uri: SIPURI, _ state: String) -> [(String, String)] {
    [("entity", uri.description), ("state", state)]
  }
}
