// BeliefModel.swift: what may be believed of who wrote, changed, got and read what (SECURITY.md: who may say what)
#if DEBUG
  import Foundation
  import GRDB
  import Lime
  import MessageFormats

  @testable import ChatCore

  /// Keeps what was really said by whom, and says of each row whether that may follow from it.
  struct BeliefModel {
    enum Standing {
      case member
      case former(until: Date)
      case stranger
    }

    /// A message as its author made it.
    struct Saying {
      enum Kind: Equatable { case text, edit, retraction, reaction }

      var kind: Kind
      var place: Place
      /// Of the message; of a change, that of the message which it is about.
      var id: String
      var writer: Writer
      var text: String
      var isEncrypted: Bool
      /// Whether the author was a member when it wrote it, as far as can be known.
      var isMember: Bool
    }

    struct Notice: Hashable {
      var place: Place
      var id: String
      var address: String
      var state: Delivery.State
    }

    private(set) var members = Dictionary(uniqueKeysWithValues: Place.allCases.map { ($0, $0.writers) })
    private var left: [Place: [Writer: Date]] = [:]
    private var sayings: [Saying] = []
    /// What alice wrote: text by room and id.
    private var own: [String: String] = [:]
    private var notices: Set<Notice> = []

    // MARK: What happens

    mutating func setMembers(_ writers: Set<Writer>, of place: Place) {
      for writer in members[place, default: []].subtracting(writers) { left[place, default: [:]][writer] = Date() }
      for writer in writers { left[place]?[writer] = nil }
      members[place] = writers
    }

    func standing(_ writer: Writer, in place: Place) -> Standing {
      if members[place, default: []].contains(writer) { return .member }
      return left[place]?[writer].map(Standing.former) ?? .stranger
    }

    /// Without encryption a member's address is all that there is, and anybody can write it.
    func isUsersPlace(_ writer: Writer, _ place: Place) -> Bool {
      writer.address == BeliefScene.alice.description
        || members[place, default: []].contains { $0.address == writer.address }
    }

    /// - Parameter time: when the author says that it wrote it.
    func isMember(_ writer: Writer, in place: Place, isEncrypted: Bool, writing time: Date) -> Bool {
      if !isEncrypted, isUsersPlace(writer, place) { return true }
      let ends =
        isEncrypted
        ? [left[place]?[writer]].compactMap(\.self)
        : (left[place] ?? [:]).filter { $0.key.address == writer.address }.map(\.value)
      if isEncrypted, case .member = standing(writer, in: place) { return true }
      return ends.contains { time < $0 }
    }

    mutating func said(_ saying: Saying) { sayings.append(saying) }

    mutating func wrote(_ id: String, _ text: String, in place: Place) { own[place.name + id] = text }

    /// A notice that was not refused already by who sent it and how.
    mutating func noticed(_ notice: Notice) { notices.insert(notice) }

    /// Whether a message of a room got so far with somebody. Newer Linphones send notices of large rooms through the
    /// one-to-one room.
    private func isNoticed(_ id: String, in room: String, by address: String, _ state: Delivery.State) -> Bool {
      notices.contains { notice in
        notice.id == id && notice.address == address && notice.state >= state
          && (notice.place.name == room || notice.place.isOneToOne)
      }
    }

    // MARK: What may be

    /// nil when everything in the database may be believed, else what may not.
    func objection(_ db: Database) throws -> String? {
      let rooms = try Room.fetchAll(db, sql: "SELECT * FROM room")
      guard Set(rooms.map(\.address)) == Set(Place.allCases.map(\.name)) else {
        return "rooms: \(rooms.map(\.address))"
      }
      for place in Place.allCases where place.isEncrypted {
        guard rooms.contains(where: { $0.address == place.name && $0.isEncrypted }) else { return "\(place) is plain" }
      }
      for message in try Message.fetchAll(db, sql: "SELECT * FROM message") {
        if let objection = objection(to: message) { return "\(objection): \(message)" }
      }
      for row in try Row.fetchAll(
        db,
        sql: """
          SELECT messageID, participant, delivery.state, room FROM delivery JOIN message ON message.id = delivery.message
          WHERE delivery.state <> 'pending'
          """)
      {
        guard let state = Delivery.State(rawValue: row[2]) else { return "a delivery's state" }
        let (id, address): (String, String) = (row[0], row[1])
        guard isNoticed(id, in: row[3], by: address, state) else {
          return "\(id) is \(state) by \(address)"
        }
      }
      for reaction in try Reaction.fetchAll(db, sql: "SELECT * FROM reaction") {
        let isSaid = sayings.contains { saying in
          saying.kind == .reaction && saying.place.name == reaction.room && saying.id == reaction.messageID
            && saying.writer.address == reaction.sender && saying.text == reaction.text && counts(saying)
        }
        guard isSaid else { return "reaction \(reaction)" }
      }
      return nil
    }

    /// Whether a saying may change something in its room.
    private func counts(_ saying: Saying) -> Bool {
      saying.isMember && (saying.isEncrypted || !saying.place.isEncrypted)
    }

    private func objection(to message: Message) -> String? {
      guard let place = Place.allCases.first(where: { $0.name == message.room }) else { return "room" }
      let alice = BeliefScene.alice.description
      // Of what was retracted there is nothing left to read.
      if message.isRead, !message.isOutgoing, !message.isRetracted,
        !isNoticed(message.messageID, in: place.name, by: alice, .displayed)
      {
        return "read"
      }
      if message.state == .undecryptable { return message.text.isEmpty ? nil : "text of what cannot be read" }
      let about = sayings.filter {
        $0.place == place && $0.id == message.messageID && $0.writer.address == message.sender && $0.kind != .reaction
      }
      if message.senderDevice == BeliefScene.device.description {
        guard message.isOutgoing, let text = own[message.room + message.messageID] else { return "own" }
        // Without encryption there is nothing to tell devices by.
        let changes = message.isEncrypted ? [] : about.filter { $0.kind != .text && counts($0) }
        if message.isRetracted { return changes.contains { $0.kind == .retraction } ? nil : "retraction of our own" }
        return message.text == text || changes.contains { $0.kind == .edit && $0.text == message.text } ? nil : "own"
      }
      // The device that it is from wrote it, or a change of it when that is all there is.
      let sources = about.filter { saying in
        (saying.writer.device.description == message.senderDevice || !message.isEncrypted && !message.isStranger)
          && saying.isMember != message.isStranger
          && (saying.isEncrypted || !message.isEncrypted)
          && (saying.kind == .text || message.isOriginalMissing && counts(saying))
      }
      guard !sources.isEmpty else { return "author" }
      if message.isOutgoing, message.isStranger || message.sender != BeliefScene.alice.description { return "own" }
      if message.sender == BeliefScene.alice.description, !message.isOutgoing, !message.isStranger { return "not own" }
      if message.trust == PeerStatus.trusted.rawValue, !sources.contains(where: \.writer.isTrusted) { return "trust" }

      func mayChange(_ saying: Saying) -> Bool {
        guard saying.kind != .text, counts(saying), !message.isStranger else { return false }
        // Without encryption there is nothing to tell devices by.
        return saying.writer.isTrusted || saying.writer.device.description == message.senderDevice
          || !saying.isEncrypted
      }
      let changes = about.filter(mayChange)
      if message.isRetracted { return changes.contains { $0.kind == .retraction } ? nil : "retraction" }
      if message.editedAt == nil { return sources.contains { $0.text == message.text } ? nil : "text" }
      // The mark is the lower of both.
      let edits = changes.filter { edit in
        edit.kind == .edit && edit.text == message.text && (edit.isEncrypted || !message.isEncrypted)
          && (edit.writer.isTrusted || message.trust != PeerStatus.trusted.rawValue)
      }
      if edits.isEmpty { return "edit" }
      if let original = message.original, !sources.contains(where: { $0.kind == .text && $0.text == original }),
        !about.contains(where: { $0.kind == .text && $0.text == original && $0.isMember })
      {
        return "original"
      }
      return nil
    }
  }
#endif
