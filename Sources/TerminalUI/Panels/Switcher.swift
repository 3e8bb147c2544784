// Switcher.swift: finds a room by a part of its name.

/// The open switcher: what was typed, and which match is chosen.
public struct Switcher: Hashable, Sendable {
  /// What was typed so far: words of a room's name.
  public internal(set) var query = ""
  /// May be out of range after rooms have changed; `selection(among:)` wraps it.
  var position = 0
  /// What it is about, where that is not the rooms of the list.
  var others: [RoomRow]?

  /// - Parameter others: rooms to choose from that the list does not show.
  public init(others: [RoomRow]? = nil) { self.others = others }

  /// Rooms whose names hold all words typed, in any order; beginnings of a name first, then the most recent.
  public func matches(in rooms: [RoomRow]) -> [RoomRow] {
    let words = query.lowercased().split(separator: " ")
    return (others ?? rooms).compactMap { room -> (room: RoomRow, isBeginning: Bool)? in
      let name = room.name.lowercased()
      guard words.allSatisfy({ name.contains($0) }) else { return nil }
      return (room, words.first.map { name.hasPrefix($0) } ?? false)
    }
    .sorted { ($0.isBeginning ? 1 : 0, $0.room.activity) > ($1.isBeginning ? 1 : 0, $1.room.activity) }
    .map(\.room)
  }

  func selection(among count: Int) -> Int {
    count == 0 ? 0 : ((position % count) + count) % count
  }
}
