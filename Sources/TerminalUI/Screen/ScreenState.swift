// ScreenState.swift: everything the screen shows, as one value.
import Foundation

/// What is drawn. The program fills in rooms, header, messages, members and status; `UserInterface` owns the rest
/// (input line, scroll position, panes, switcher). Texts may come straight from the network: drawing cleans them.
public struct ScreenState: Equatable, Sendable {
  /// In the order of their numbers (Alt-1 is the first).
  public var rooms: [RoomRow] = []
  /// nil before a room is opened; the input line takes commands then.
  public var openRoom: RoomRow.ID?
  /// Of the open room.
  public var header = RoomHeader()
  /// Of the open room, oldest first.
  public var messages: [MessageRow] = []
  /// True while the newest messages are not among `messages`, as after a jump far back.
  public var hasNewer = false
  /// A message that was chosen or jumped to: /reply, /react and their like are about it, else about the newest they fit.
  public var selected: MessageRow.ID?
  /// The first message not yet read: a line is drawn above it.
  public var firstUnread: MessageRow.ID?
  /// Of the open room.
  public var members: [MemberRow] = []
  /// The row above the input line.
  public var status = StatusBar()

  /// What is typed, for the open room.
  public var input = InputLine()
  /// Which part of the messages is on the screen.
  public var scroll = Scroll.end
  /// Which lists stand beside the messages.
  public var panes = Panes()
  /// The first room of the list on the screen, once it was scrolled; nil follows the open room.
  public internal(set) var firstRoom: Int?
  /// Not nil while a room's number is typed: its digits so far.
  public internal(set) var roomNumber: String?
  /// Not nil while the room switcher is open.
  public var switcher: Switcher?
  /// Not nil while messages are searched; in place of the panes.
  public var search: SearchPanel?
  /// Not nil while devices are compared; in place of the panes.
  public var verification: VerificationPanel?
  /// Not nil while one of several is to be chosen; in place of the panes.
  public var picker: Picker?
  /// The messages are shown without anything else, for the terminal's own selection; any key ends it.
  public var isBare = false
  /// A text that is read at the moment; in place of the panes.
  public var page: TextPage?

  /// What lines and marks are drawn with.
  public var glyphs = Glyphs.standard
  /// Times of messages are drawn in it.
  public var timeZone = TimeZone.current

  /// Whether something stands in place of the panes.
  var hasPanel: Bool { search != nil || verification != nil || page != nil || picker != nil }

  public init() {}

  /// A room is open whose messages the server can read.
  var isPlain: Bool { openRoom != nil && header.security == .notEncrypted }

  /// Whether the newest messages are on the screen, unless it is too narrow for any.
  var showsNewest: Bool { scroll == .end && !hasNewer && !hasPanel && !isBare }

  /// The unread messages of a room that are worth telling: what comes while it is looked at is being read.
  func unread(in room: RoomRow) -> Int { room.id == openRoom && showsNewest ? 0 : room.unread }
}

/// Which message line is at the bottom of the screen.
public enum Scroll: Hashable, Sendable {
  /// The newest: new messages move the others up.
  case end
  /// The given line (0 is the first) of what is drawn for this message; stays put when messages arrive.
  case held(message: MessageRow.ID, line: Int)
}

/// Whether the lists of rooms and members are shown.
public struct Panes: Hashable, Sendable {
  /// When a list is drawn.
  public enum Visibility: Hashable, Sendable {
    /// Rooms are shown where the screen is wide enough, members are not.
    case automatic
    /// Beside the messages, or in their place on a narrow screen.
    case shown
    case hidden
  }

  /// The list at the left.
  public var rooms = Visibility.automatic
  /// The list at the right.
  public var members = Visibility.automatic
  /// Columns of the list at the left, half the screen at most; nil is by what stands in it.
  public var roomsWidth: Int?

  public init() {}
}
