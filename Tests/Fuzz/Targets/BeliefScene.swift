// BeliefScene.swift: alice's account with its rooms, and everybody who writes to it, in one database
#if DEBUG
  import Foundation
  import GRDB
  import Lime
  import Logging
  import MessageFormats
  import TestSupport

  @testable import ChatCore
  @testable import SIPAgent

  /// Who sends something. Each has LIME keys of its own and a session with alice's device.
  enum Writer: Int, CaseIterable, Sendable {
    /// alice compared its key.
    case bob
    /// Another device of bob's, which alice did not compare.
    case bobsTablet
    case carol
    /// Another device of alice's, that messages were exchanged with.
    case alicesPhone
    /// An ordinary account that is in no room at first.
    case mallory
    /// Keys that the server made in the names of others.
    case falseBob, falseAlice

    var device: SIPURI {
      let (user, name) =
        switch self {
        case .bob: ("bob", "phone")
        case .bobsTablet: ("bob", "tablet")
        case .carol: ("carol", "phone")
        case .alicesPhone: ("alice", "phone")
        case .mallory: ("mallory", "phone")
        case .falseBob: ("bob", "EV1L")
        case .falseAlice: ("alice", "EV1L")
        }
      return SIPURI(user: user, host: BeliefScene.domain).with(parameter: "gr", "urn:uuid:\(name)")
    }

    var address: String { device.withoutParameters.description }
    var isTrusted: Bool { self == .bob }
    /// Whether a message was exchanged with it before.
    var isKnown: Bool { self != .falseBob && self != .falseAlice }
    var account: LimeAccount { LimeAccount(device: DeviceID(device.description), curve: .c25519) }
  }

  /// One of alice's rooms.
  enum Place: Int, CaseIterable, Sendable {
    case team, withBob, plain

    var address: SIPURI {
      SIPURI(user: "chatroom-\(rawValue)", host: BeliefScene.domain).with(parameter: "gr", "urn:uuid:focus")
    }
    var name: String { address.description }
    var isEncrypted: Bool { self != .plain }
    var isOneToOne: Bool { self == .withBob }
    /// Who is in it at first.
    var writers: Set<Writer> {
      switch self {
      case .team: [.bob, .bobsTablet, .carol, .alicesPhone]
      case .withBob: [.bob, .bobsTablet, .alicesPhone]
      case .plain: [.bob, .carol, .alicesPhone]
      }
    }
  }

  /// Made once; what is done in it is rolled back.
  final class BeliefScene: Sendable {
    static let domain = "sip.example.org"
    static let alice = SIPURI(user: "alice", host: domain)
    static let device = alice.with(parameter: "gr", "urn:uuid:terminal")
    private static let lime = LimeAccount(device: DeviceID(device.description), curve: .c25519)

    private let store: AccountStore
    private let incoming: IncomingMessageStore
    private let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
      let configuration = AccountConfiguration(name: "alice", address: Self.alice, password: Password(""))
      store = try AccountStore(directory: folder.url, exclusive: false)
      incoming = IncomingMessageStore(
        ChatContext(
          account: configuration, store: store, logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() },
          clock: ChatClock()))
      try store.database.write { db in
        try Setting.gruu.write(db, Self.device.description)
        try Self.makeSessions(db)
        for place in Place.allCases {
          _ = try RoomQueries.join(
            db, uri: place.address, subject: "\(place)", encrypted: place.isEncrypted, oneToOne: place.isOneToOne,
            now: Date())
          try Self.notify(db, place, place.writers, misplaced: false, version: 1)
        }
      }
      // Nothing is left of it when a fuzzer ends the process: the open connection keeps what it needs.
      try? FileManager.default.removeItem(at: folder.url)
    }

    private static func makeSessions(_ db: Database) throws {
      guard
        case .register(let identity, let signedPrekey, let oneTimeKeys) = try lime.makeRegistration(
          db, oneTimeKeys: Writer.allCases.count
        ).content
      else { throw FuzzTarget.Refused() }
      try lime.registrationAccepted(db)
      for (writer, key) in zip(Writer.allCases, oneTimeKeys) {
        _ = try writer.account.makeRegistration(db, oneTimeKeys: 1)
        let keys = KeyBundle.Keys(identity: identity, signedPrekey: signedPrekey, oneTimeKey: key)
        let results = try writer.account.startSessions(db, with: [KeyBundle(device: lime.device, keys: keys)])
        for result in results.values { try result.get() }
        guard writer.isKnown else { continue }
        try Admissions.admit(db, writer.device.description)
        let letter = try writer.account.encrypt(
          db, plaintext: Data("hello".utf8), recipientUser: "sip:hello@\(domain)", devices: [lime.device])
        guard let part = letter.ratchetMessages.first else { throw FuzzTarget.Refused() }
        _ = try lime.decrypt(
          db, ratchetMessage: part.data, cipherMessage: letter.cipherMessage, sender: writer.account.device,
          recipientUser: "sip:hello@\(domain)")
        if writer.isTrusted {
          try lime.setStatus(db, of: writer.account.device, to: .trusted)
          try Admissions.verify(db, writer.device.description)
        }
      }
    }

    /// Runs `body` and undoes what it did.
    func play(_ body: @escaping (Database) throws -> Bool) throws -> Bool {
      var outcome: Result<Bool, any Error> = .failure(FuzzTarget.Refused())
      try store.database.writeWithoutTransaction { db in
        try db.inTransaction {
          outcome = Result { try body(db) }
          return .rollback
        }
      }
      return try outcome.get()
    }

    /// The focus tells who is in a room.
    /// - Parameter misplaced: mallory's device is said to be bob's.
    static func notify(
      _ db: Database, _ place: Place, _ writers: Set<Writer>, misplaced: Bool, version: Int
    ) throws {
      var devices: [SIPURI: [SIPURI]] = [alice: [device]]
      for writer in writers.sorted(by: { $0.rawValue < $1.rawValue }) {
        devices[writer.device.withoutParameters, default: []].append(writer.device)
      }
      if misplaced { devices[Writer.bob.device.withoutParameters, default: []].append(Writer.mallory.device) }
      let users = devices.map { user, devices in
        ConferenceInfo.User(
          entity: user, roles: ["participant"], endpoints: devices.map { ConferenceInfo.Endpoint(entity: $0) })
      }
      var state = ConferenceState(entity: place.address)
      _ = state.apply(
        ConferenceInfo(
          entity: place.address, state: .full, version: version, subject: "\(place)", users: users))
      guard var room = try Room.find(db, place.name) else { throw FuzzTarget.Refused() }
      _ = try RoomQueries.store(db, state: state, room: &room)
    }

    /// - Parameter as: the sender that the envelope claims.
    func encrypted(_ cpim: CPIMMessage, by writer: Writer, in place: Place, _ db: Database) throws -> IncomingMessage {
      let user = place.address.without(parameter: "gr").description
      let letter = try writer.account.encrypt(
        db, plaintext: cpim.serialized, recipientUser: user, devices: [Self.lime.device], policy: .cipherMessage)
      let parts = Dictionary(letter.ratchetMessages.map { ($0.device.string, $0.data) }) { first, _ in first }
      let (type, body) = LimeEnvelope(
        sender: writer.device, messageID: cpim.messageID, deviceParts: parts, cipherMessage: letter.cipherMessage
      ).serialized
      return Self.message(type, body, from: place.address)
    }

    static func message(_ type: String, _ body: Data, from room: SIPURI) -> IncomingMessage {
      IncomingMessage(
        id: IncomingRequestID(value: 0), from: NameAddress(room), to: NameAddress(alice), headers: [],
        contentType: type,
        contentEncoding: nil, body: body)
    }

    enum End { case stored, waits, unreadable }

    /// What the client does with a message that came.
    func receive(_ message: IncomingMessage, _ arrival: Arrival, _ db: Database) throws -> (
      end: End, events: [ChatEvent]
    ) {
      switch try incoming.store(db, message, arrival, lime: Self.lime, gruu: Self.device) {
      case .stored(let received): return (.stored, received.events)
      case .waits: return (.waits, [])
      case .unreadable(let envelope, let room, let isMember, let error):
        let received = try incoming.recordUndecryptable(
          db, envelope, room: room, isMember: isMember, gruu: Self.device, reason: "\(error)")
        return (.unreadable, received.events)
      }
    }

    /// alice writes, and the focus takes it.
    func write(_ id: String, _ text: String, in place: Place, _ db: Database) throws -> Bool {
      let options = MessageOptions(messageID: id)
      // Nobody can know an id before it is used.
      let sql = "SELECT EXISTS (SELECT 1 FROM message WHERE room = ? AND messageID = ? AND sender = ?)"
      guard try Bool.fetchOne(db, sql: sql, arguments: [place.name, id, Self.alice.description]) == false else {
        return false
      }
      var message = try MessageWriter.write(
        db, text, files: [], to: place.name, options, account: Self.alice.description, device: Self.device,
        time: Date().wholeSeconds)
      message.state = .sent
      try message.update(db)
      return true
    }
  }
#endif
