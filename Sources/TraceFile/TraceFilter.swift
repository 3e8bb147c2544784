// TraceFilter.swift: which messages of a trace concern a room or a call
import Foundation
import MessageFormats

/// Learns in a first reading what belongs together, and tells in a second one.
public struct TraceFilter: Sendable {
  /// More calls and rooms than these are not remembered.
  public static let maximumCalls = 100_000
  /// See `maximumCalls`.
  public static let maximumRooms = 10_000

  private let callID: String?
  private let room: String?
  private var rooms: Set<RoomKey> = []
  private var calls: Set<String> = []
  /// Calls that make or change a room of the name that is looked for.
  private var named: Set<String> = []
  /// Rooms of the trace, to be told when none fits.
  public private(set) var seenRooms: Set<String> = []

  /// - Parameters:
  ///   - room: an address, or the beginning of a name.
  ///   - callID: a Call-ID, or its beginning.
  public init(room: String? = nil, callID: String? = nil) {
    (self.room, self.callID) = (room, callID)
    if let key = room.flatMap(Self.address).map(RoomKey.init) { rooms = [key] }
  }

  /// Whether it shows everything.
  public var isEmpty: Bool { room == nil && callID == nil }

  /// Rooms on one server may share all but `conf-id`.
  private struct RoomKey: Hashable, Sendable {
    var user: String
    var host: String
    var number: String?

    init(_ uri: SIPURI) {
      (user, host, number) = (uri.user ?? "", uri.host.lowercased(), uri[parameter: "conf-id"])
    }
  }

  private static func address(_ text: String) -> SIPURI? {
    SIPURI(text) ?? (text.contains("@") ? SIPURI("sip:" + text) : nil)
  }

  /// To be called for each message in order.
  public mutating func learn(_ message: TracedMessage) {
    guard message.isSIP else { return }
    let focuses = message.headers.all("Contact").flatMap(NameAddress.list).filter { $0.has(parameter: "isfocus") }
    for focus in focuses where seenRooms.count < 100 { seenRooms.insert(focus.uri.description) }
    guard let room, let call = message.callID else { return }
    if Self.address(room) == nil {
      let subject = message.headers["Subject"] ?? ""
      if subject.lowercased().hasPrefix(room.lowercased()), !subject.isEmpty, named.count < Self.maximumCalls {
        named.insert(call)
      }
      if named.contains(call) {
        for focus in focuses where rooms.count < Self.maximumRooms { rooms.insert(RoomKey(focus.uri)) }
      }
    }
    if concerns(message), calls.count < Self.maximumCalls { calls.insert(call) }
  }

  private func concerns(_ message: TracedMessage) -> Bool {
    if let call = message.callID, named.contains(call) { return true }
    if message.addresses.contains(where: { rooms.contains(RoomKey($0)) }) { return true }
    guard let content = TracedContent(message) else { return false }
    return [content.from, content.to].contains { $0.map { rooms.contains(RoomKey($0)) } ?? false }
  }

  /// Whether the message belongs to what is looked for; before the first reading has ended that is not known.
  public func shows(_ message: TracedMessage) -> Bool {
    if isEmpty { return true }
    guard message.isSIP, let call = message.callID else { return false }
    if let callID, !call.hasPrefix(callID) { return false }
    return room == nil || calls.contains(call)
  }
}
