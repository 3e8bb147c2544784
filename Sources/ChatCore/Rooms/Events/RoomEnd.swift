// RoomEnd.swift: how this account came out of a room, and what is certain of it.
import Foundation
import GRDB
import MessageFormats

/// Why a room counts as left.
enum RoomEnd: Sendable {
  /// By this account's wish.
  case leaving
  /// The focus sent BYE.
  case dialogEnded
  /// It refuses us as no member.
  case refused
  case ended
  /// It does not know the room.
  case unknown

  /// - Parameter status: of a SUBSCRIBE that was refused; nil when it says nothing of the room.
  init?(refusal status: Int) {
    switch status {
    case 403, 603: self = .refused
    case 404, 410, 481: self = .unknown
    default: return nil
    }
  }

  /// Who goes by another device takes all of an account's devices out, so only an account that has none besides was
  /// removed for certain; by whom, where the room has one administrator as far as we have followed it.
  func event(_ db: Database, _ room: Room, account: SIPURI, now: Date = Date()) throws -> RoomEvent {
    func event(_ kind: RoomEvent.Kind, by: String? = nil) -> RoomEvent {
      RoomEvent(
        kind, room: room.address, account: account, time: now.wholeSeconds, receivedAt: now,
        address: account.description, by: by)
    }
    switch self {
    case .leaving: return event(.left)
    case .unknown: return event(.forgotten)
    case .ended: return event(.ended)
    case .dialogEnded where room.isOneToOne: return event(.ended)
    case .dialogEnded, .refused:
      let own = try RoomQueries.devices(db, room: room.address).count { $0.participant == account.description }
      guard own <= 1 else { return event(.gone) }
      let administrators = try RoomQueries.participants(db, room: room.address).filter(\.isAdmin).map(\.address)
      let isCertain = self == .dialogEnded && administrators.count == 1 && administrators != [account.description]
      return event(.removed, by: isCertain ? administrators[0] : nil)
    }
  }
}
