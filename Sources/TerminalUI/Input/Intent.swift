// Intent.swift: what the user wants of the program, beyond the screen itself.

/// What the program is to do after a key press; the screen itself has changed already.
public enum Intent: Hashable, Sendable {
  /// To the open room.
  case sendMessage(String, room: RoomRow.ID)
  case command(CommandCall)
  /// Answer with `UserInterface.open`.
  case openRoom(RoomRow.ID)
  /// The oldest message known is on the screen: put older ones in front, if there are.
  case loadOlder(room: RoomRow.ID)
  /// The newest message known is on the screen, and `hasNewer`: put newer ones behind.
  case loadNewer(room: RoomRow.ID)
  /// The newest message is wanted, and `hasNewer`.
  case loadNewest(room: RoomRow.ID)
  /// The user went to the end of the room: nothing in it is new any more.
  case readAll(room: RoomRow.ID)
  /// What is typed in the search panel has changed, or more is wanted. Answer with `UserInterface.showResults`.
  case search(SearchRequest)
  /// Open its room with the message and those around it, marked.
  case openMessage(MessageRow.ID, room: RoomRow.ID)
  /// Compare devices with this member; answer with `UserInterface.show(_: VerificationPanel)`.
  case verify(MemberRow.ID)
  /// The user's decision on a device; answer with a new panel.
  case setTrust(VerificationPanel.Decision, device: String)
  /// The text of a message to the open room has changed; false when it became empty without being sent. For
  /// is-composing notifications (RFC 3994), whose timers are the program's.
  case composing(Bool, room: RoomRow.ID)
  /// Show the page of a link, by the user's command.
  case openLink(String)
  /// Show a file of the user's, by its absolute path.
  case openFile(String)
  /// Let the user's editor have the text of the line; answer with `UserInterface.write`.
  case openEditor
  /// Call `Terminal.repaint`.
  case redraw
  /// Call `Terminal.suspend`.
  case suspend
  case quit
}
