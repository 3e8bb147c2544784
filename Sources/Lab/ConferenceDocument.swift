// ConferenceDocument.swift: a room's state and its changes as Flexisip writes them (RFC 4575)
import Foundation
import MessageFormats

/// Writes `application/conference-info+xml`. Separate from the client's parser on purpose: here stand Flexisip's
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
    let keywords = room.isOneToOne ? XMLText("keywords", "one-to-one ").line : ""
    let media = "    <available-media>\n\(availableMedia)    </available-media>\n"
    let description = XMLText("subject", room.subject).line + freeText + keywords + media
    let users = room.members.map(userText).joined()
    return document(
      state: "full", version: room.version,
      content: "  <conference-description>\n\(description)  </conference-description>\n"
        + "  <users state=\"full\">\n\(users)  </users>\n")
  }

  /// One change, at its own version.
  func partial(_ change: ConferenceRoom.VersionedChange) -> Data {
    var subject = ""
    var users = ""
    switch change.change {
    case .memberAdded(let member): users = userText(member)
    case .memberRemoved(let user):
      users = "    <user entity=\"\(escaped(user))\" state=\"deleted\"/>\n"
    case .roleChanged(let user, let isAdmin): users = partialUser(user, roles(isAdmin: isAdmin))
    case .deviceAdded(let user, let device), .devicePresent(let user, let device):
      users = partialUser(user, endpoint(device))
    case .deviceRemoved(let user, let gruu):
      users = partialUser(user, "      <endpoint entity=\"\(escaped(gruu))\" state=\"deleted\"/>\n")
    case .subjectChanged(let text): subject = XMLText("subject", text).line
    }
    let description = "  <conference-description>\n\(subject)\(freeText)  </conference-description>\n"
    let list = users.isEmpty ? "" : "  <users state=\"full\">\n\(users)  </users>\n"
    return document(state: "partial", version: change.version, content: description + list)
  }

  // MARK: Pieces

  private func document(state: String, version: UInt32, content: String) -> Data {
    let text = """
      <?xml version="1.0" encoding="UTF-8" standalone="no" ?>
      <conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="\(escaped(room.address))" \
      state="\(state)" version="\(version)" xmlns:linphone-cie="linphone:xml:ns:conference-info-linphone-extension">
      \(content)</conference-info>

      """
    return Data(text.utf8)
  }

  /// Flexisip carries the time of the event here, in seconds.
  private var freeText: String { "    <free-text>\(Int(now.timeIntervalSince1970))</free-text>\n" }

  private var availableMedia: String {
    [("audio", "inactive"), ("video", "sendrecv"), ("text", "inactive")].enumerated().map { index, media in
      """
            <entry label="\(index + 1)">
              <display-text>\(media.0)</display-text>
              <type>\(media.0)</type>
              <status>\(media.1)</status>
            </entry>

      """
    }.joined()
  }

  private func userText(_ member: ConferenceRoom.Member) -> String {
    let endpoints = member.devices.map(endpoint).joined()
    return "    <user entity=\"\(escaped(member.user))\" state=\"full\">\n\(roles(isAdmin: member.isAdmin))\(endpoints)"
      + "    </user>\n"
  }

  private func partialUser(_ user: SIPURI, _ content: String) -> String {
    "    <user entity=\"\(escaped(user))\" state=\"partial\">\n\(content)    </user>\n"
  }

  private func roles(isAdmin: Bool) -> String {
    "      <roles>\n        <entry>\(isAdmin ? "admin" : "participant")</entry>\n      </roles>\n"
  }

  /// A device that has joined takes part in text.
  private func endpoint(_ device: ConferenceRoom.Device) -> String {
    let text = device.state == .present ? "sendrecv" : "inactive"
    let media = [("audio", "inactive"), ("video", "inactive"), ("text", text)].enumerated().map { index, media in
      """
              <media id="\(index + 1)">
                <display-text>\(media.0)</display-text>
                <type>\(media.0)</type>
                <status>\(media.1)</status>
              </media>

      """
    }.joined()
    return "      <endpoint entity=\"\(escaped(device.gruu))\" state=\"full\">\n\(media)      </endpoint>\n"
  }

  private func escaped(_ uri: SIPURI) -> String { XMLText.escape(uri.description) }
}

/// A text element on a line of its own.
private struct XMLText {
  let line: String

  init(_ name: String, _ text: String) {
    line = "    <\(name)>\(Self.escape(text))</\(name)>\n"
  }

  /// Characters that XML 1.0 cannot carry are left out.
  static func escape(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: continue
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
