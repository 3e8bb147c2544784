// RoomStep.swift: what one notification of a room's state says happened, and who did it as far as that is certain.
import Foundation
import MessageFormats

/// What this account is doing in a room: it comes back as a change of the room's state.
enum OwnAction: Hashable, Sendable {
  case adding(String)
  case removing(String)
  case changingRole(String)
  case renaming(String)
  case changingLifetime
  case leaving
}

/// One notification and the state before and after it.
///
/// Flexisip says what changed and not who did it (traces/plain-room.txt). Certain are: what this account does itself;
/// what the document says (`disconnection-method` and `by`, RFC 4575 §5.7); and, between two notifications that follow
/// one another, that the only administrator did what only administrators can do.
struct RoomStep {
  let before: ConferenceState
  let after: ConferenceState
  let info: ConferenceInfo
  /// Of the notification before it, which may have told how the devices of a member went.
  var partings: [SIPURI: ConferenceInfo.Parting] = [:]
  /// This account.
  let account: SIPURI
  var ownActions: Set<OwnAction> = []

  /// How devices went, by their user.
  var ownPartings: [SIPURI: ConferenceInfo.Parting] {
    Dictionary(
      info.users.compactMap { user in
        user.endpoints.lazy.compactMap(\.parting).first.map { (user.entity.addressOfRecord, $0) }
      }
    ) { first, _ in first }
  }

  /// Nothing may lie between the two states.
  private var isNext: Bool { info.state == .partial && info.version == before.version + 1 }

  private var onlyAdministrator: SIPURI? {
    isNext ? before.onlyAdministrator : nil
  }

  private func actor(_ action: OwnAction, else known: SIPURI?) -> String? {
    (ownActions.contains(action) ? account : known)?.description
  }

  /// - Parameter time: when it happened.
  func events(in room: String, at time: Date, receivedAt: Date, changes: [ConferenceChange]) -> [RoomEvent] {
    // Who is there when we come is no news.
    guard before.version > 0 else { return [] }
    func event(_ kind: RoomEvent.Kind, _ address: SIPURI? = nil, by: String? = nil, text: String? = nil) -> RoomEvent {
      RoomEvent(
        kind, room: room, account: account, time: time, receivedAt: receivedAt, address: address?.description, by: by,
        text: text)
    }
    var events: [RoomEvent] = []
    for change in changes {
      switch change {
      case .participantAdded(let member) where member != account:
        events.append(
          event(.added, member, by: actor(.adding(member.description), else: onlyAdministrator)))
      case .participantRemoved(let member) where member != account: events.append(parting(of: member, event))
      case .adminChanged(let member, let isAdmin)
      where before.participant(member) != nil && after.participant(member) != nil:
        // Taking a role away may be the beginning of leaving.
        let known = isAdmin && onlyAdministrator != member ? onlyAdministrator : nil
        events.append(
          event(isAdmin ? .admin : .unadmin, member, by: actor(.changingRole(member.description), else: known)))
      case .subjectChanged(let name) where !before.subject.isEmpty:
        events.append(event(.renamed, by: actor(.renaming(name), else: onlyAdministrator), text: name))
      default: break
      }
    }
    let (old, new) = (lifetime(before), lifetime(after))
    if old != new {
      var change = event(.ephemeral, by: actor(.changingLifetime, else: onlyAdministrator))
      (change.seconds, change.unread) = (new[0] ?? 0, new[1])
      events.append(change)
    }
    return events
  }

  private func lifetime(_ state: ConferenceState) -> [Int?] {
    [Ephemeral.sensible(state.ephemeralLifetime), Ephemeral.sensible(state.ephemeralUnreadLifetime)]
  }

  private func parting(
    of member: SIPURI, _ event: (RoomEvent.Kind, SIPURI?, String?, String?) -> RoomEvent
  ) -> RoomEvent {
    if ownActions.contains(.removing(member.description)) { return event(.removed, member, account.description, nil) }
    let parting = ownPartings[member] ?? partings[member]
    switch parting?.method {
    case .booted: return event(.removed, member, parting?.by?.description, nil)
    case .departed: return event(.left, member, nil, nil)
    case nil: return event(.gone, member, nil, nil)
    }
  }
}

extension ConferenceState {
  /// Where there is but one.
  var onlyAdministrator: SIPURI? {
    let administrators = participants.filter(\.isAdmin)
    return administrators.count == 1 ? administrators[0].address : nil
  }

  /// Whether no more has happened in the room than that its members came: so its only administrator made it. A focus
  /// counts a change for a member and two for a device, and Flexisip two more for the room.
  var isNew: Bool { version <= participants.count + 2 * devices.count + 2 }
}
