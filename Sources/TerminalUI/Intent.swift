// Intent.swift: what the user wants of the program, beyond the screen itself.

public enum Intent: Hashable, Sendable {
  /// To the open room.
  case sendMessage(String, room: RoomRow.ID)
  case command(CommandCall)
  /// Answer with `UserInterface.open`.
  case openRoom(RoomRow.ID)
  /// The oldest message known is on the screen: put older ones in front, if there are.
  case loadOlder(room: RoomRow.ID)
  /// The text of a message to the open room has changed; false when it became empty without being sent. For
  /// is-composing notifications (RFC 3994), whose timers are the program's.
  case composing(Bool, room: RoomRow.ID)
  /// Call `Terminal.repaint`.
  case redraw
  /// Call `Terminal.suspend`.
  case suspend
  case quit
}
