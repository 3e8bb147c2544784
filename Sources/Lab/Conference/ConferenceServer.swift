// ConferenceServer.swift: the conference focus: factory, rooms and what clients ask of them (RFC 4353, RFC 5366)
import Foundation
import MessageFormats
import SIPAgent

/// All rooms of the lab. What a room may do is decided by `ConferenceRoom`; this speaks SIP for it, as Flexisip does.
/// The factory answers with a redirection to a new room, the room's own INVITE fills it.
@SIPActor
final class ConferenceServer {
  /// More rooms than this are refused.
  static let maximumRooms = 10_000
  /// Rooms that one user has asked for and not filled; the oldest goes for another.
  nonisolated static let maximumUnfilled = 20
  /// Messages that wait for a device that has not joined yet.
  static let maximumQueued = 500
  /// Bytes of an inflated body, at most.
  static let maximumInflated = 4 << 20

  static let allow = SIPHeader(
    "Allow", "INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO, PRACK, UPDATE")
  static let supported = SIPHeader("Supported", "replaces, outbound, gruu")
  static let userAgent = SIPHeader("User-Agent", "limeade-lab")
  static let specs = "+org.linphone.specs=\"ephemeral/1.1,groupchat/1.1\""

  /// A room and the wire state around it.
  struct Entry {
    var room: ConferenceRoom
    /// Who may fill the room: set from the factory's redirection until the creator's INVITE.
    var creator: String?
    /// Rises from room to room.
    var number = 0
    /// INVITE dialogs, by device
    var sessions: [SIPURI: Dialog] = [:]
    /// Devices whose INVITE is under way
    var inviting: Set<SIPURI> = []
    var subscriptions: [SIPURI: Subscription] = [:]
    /// Messages for devices that have not joined yet
    var queued: [SIPURI: [SIPRequest]] = [:]
    /// What waits for the creator's ACK: others are invited only when the creator knows that the room exists.
    var heldSteps = ConferenceRoom.Steps()
  }

  /// A device that watches a room's state.
  struct Subscription {
    let watch: Watch
    /// The version that the device knows.
    var notified: UInt32
  }

  /// A SUBSCRIBE's dialog: of one room, or of several rooms (see `subscribeToList`), which then share it.
  @SIPActor
  final class Watch {
    let isList: Bool
    var dialog: Dialog
    private(set) var expires: Date

    /// The one that a device's SUBSCRIBE opens; nil when the request lacks what a dialog takes.
    /// - Parameter target: the room, or the factory for a list.
    init?(
      accepting request: SIPRequest, localTag: String, target: SIPURI, seconds: Int, isList: Bool
    ) {
      // Flexisip numbers its NOTIFYs from 111 on.
      guard let dialog = Dialog(accepting: request, localTag: localTag, local: target, localSequence: 110) else {
        return nil
      }
      (self.dialog, self.expires, self.isList) = (dialog, .now, isList)
      renew(for: seconds)
    }

    func renew(for seconds: Int) { expires = Date().addingTimeInterval(TimeInterval(seconds)) }
  }

  enum DialogKind { case session, subscription, list }

  struct DialogOwner {
    /// The factory for a list.
    let room: SIPURI
    let device: SIPURI
    let kind: DialogKind
  }

  let configuration: LabConfiguration
  let courier: DeviceCourier
  let log: LabLog
  let port: UInt16
  var entries: [SIPURI: Entry] = [:]
  var dialogs: [DialogID: DialogOwner] = [:]
  /// Subscriptions to several rooms, by device; each has one.
  var lists: [SIPURI: Watch] = [:]
  /// Dialogs to end with devices that are offline, by device.
  var farewells: [SIPURI: [Dialog]] = [:]
  /// The `gr` of all rooms: it names this focus.
  private let instance = UUID().uuidString.lowercased()
  /// Rooms made so far
  private var roomsMade = 0
  /// How often the focus has been restarted.
  private(set) var restarts = 0

  init(configuration: LabConfiguration, port: UInt16, courier: DeviceCourier, log: LabLog) {
    self.configuration = configuration
    self.port = port
    self.courier = courier
    self.log = log
  }

  // MARK: What is ours

  private nonisolated static let roomPrefix = "chatroom-"
  /// What rooms differ in where they share one user part.
  private nonisolated static let roomParameter = "conf-id"

  /// Whether a URI of our domain names the factory or a room, existing or not.
  func owns(_ uri: SIPURI) -> Bool {
    guard let user = uri.user else { return false }
    if isFactory(uri) { return true }
    switch configuration.roomAddresses {
    case .chatroom: return user.hasPrefix(Self.roomPrefix)
    case .confID: return user == configuration.focusUser
    }
  }

  func isFactory(_ uri: SIPURI) -> Bool { uri.user == configuration.factoryUser }

  /// Whether a request with this From is the focus's own.
  nonisolated static func isRoom(_ uri: SIPURI?) -> Bool {
    uri?.user?.hasPrefix(roomPrefix) == true || uri?.has(parameter: roomParameter) == true
  }

  /// For Record-Route: requests in the dialog come back to the lab.
  func route(over connection: SIPConnection) -> String {
    let transport = if case .datagram = connection { "udp" } else { configuration.streamTransport }
    return "<sip:\(configuration.host):\(port);transport=\(transport);lr>"
  }

  private func newRoomAddress() -> SIPURI {
    let focus = Parameter("gr", "urn:uuid:\(instance)")
    return switch configuration.roomAddresses {
    case .chatroom:
      SIPURI(user: Self.roomPrefix + Token.make(), host: configuration.domain, parameters: [focus])
    case .confID:
      SIPURI(
        user: configuration.focusUser, host: configuration.domain,
        parameters: [focus, Parameter(Self.roomParameter, Token.make())])
    }
  }

  /// The room as the focus writes it into its Contact, and everywhere once it has read its rooms back: `conf-id` first.
  func contactAddress(of room: SIPURI) -> SIPURI {
    guard let parameter = room[parameter: Self.roomParameter] else { return room }
    var address = room.without(parameter: Self.roomParameter)
    address.parameters.insert(Parameter(Self.roomParameter, parameter), at: 0)
    return address
  }

  /// Begins again with what a conference server has in its database: rooms, members, their devices and all changes.
  /// Dialogs, subscriptions, what waited and rooms that nobody has filled are gone, and no device is told.
  func restart() {
    restarts += 1
    (dialogs, lists, farewells) = ([:], [:], [:])
    let kept = entries.values.filter { $0.creator == nil }
    entries = [:]
    for entry in kept {
      var room = entry.room
      room.address = contactAddress(of: room.address)
      entries[room.address] = Entry(room: room, number: entry.number)
    }
    log(.focus, "restarted with \(kept.count) room(s)")
    for binding in courier.registrar.all { deviceIsHere(binding) }
  }

  func address(of user: String) -> SIPURI { SIPURI(user: user, host: configuration.domain) }

  // MARK: Requests outside dialogs

  /// A request to the factory or a room from `user`, who has authenticated.
  func receive(_ request: SIPRequest, _ transaction: ServerTransaction, user: String) {
    guard let target = request.target else { return transaction.respond(400, "Bad Request") }
    if isFactory(target) {
      switch request.method {
      case "INVITE": createRoom(request, transaction, user: user)
      case "SUBSCRIBE": subscribeToList(request, transaction, user: user)
      case "OPTIONS": transaction.respond(200, "OK", headers: [Self.allow, Self.supported])
      // Flexisip's factory takes a MESSAGE and does nothing with it.
      case "MESSAGE": transaction.respond(200, "OK")
      default: transaction.respond(405, "Method Not Allowed", headers: [Self.allow])
      }
      return
    }
    // However the client writes the room, what goes out has the focus's spelling.
    guard let room = entries[target]?.room.address else {
      return transaction.respond(404, "Not Found", headers: [Self.userAgent])
    }
    switch request.method {
    case "INVITE": join(request, transaction, room: room, user: user)
    case "SUBSCRIBE": subscribe(request, transaction, room: room, user: user)
    case "MESSAGE": dispatch(request, transaction, room: room)
    case "REFER": refer(request, transaction, room: room, user: user)
    case "OPTIONS": transaction.respond(200, "OK", headers: [Self.allow, Self.supported])
    default: transaction.respond(405, "Method Not Allowed", headers: [Self.allow])
    }
  }

  // MARK: Factory

  private func createRoom(_ request: SIPRequest, _ transaction: ServerTransaction, user: String) {
    guard refuseUnknownExtensions(request, transaction) else { return }
    guard let contact = request[header: "Contact"].flatMap(NameAddress.init), contact.uri.gruu != nil else {
      log(.focus, "factory: INVITE of \(user) without a GRUU as Contact")
      return transaction.respond(403, "Forbidden", headers: [Self.userAgent])
    }
    guard contact.has(parameter: "text"), configuration.fault != .factoryForCalls else {
      log(.focus, "factory: INVITE of \(user) without ;text in Contact is taken for a call, and rings forever")
      return transaction.respond(180, "Ringing", headers: [Self.userAgent, Self.supported])
    }
    let isOneToOne = request[header: "One-To-One-Chat-Room"] == "true"
    let isEncrypted = request[header: "End-To-End-Encrypted"] == "true"
    let list = isOneToOne ? invited(by: request) ?? [] : []
    guard !isOneToOne || list.count == 1 else {
      log(.focus, "factory: INVITE of \(user) for a one-to-one room with \(list.count) participants")
      return transaction.respond(488, "Not acceptable here", headers: [Self.userAgent, Self.supported])
    }
    let address: SIPURI
    // Asked again, by either of the two, the factory changes nothing.
    if let other = list.first,
      let existing = oneToOneRoom(between: self.address(of: user), and: other, encrypted: isEncrypted)
    {
      address = existing
      log(.focus, "factory: \(user) is sent to the one-to-one room \(existing) that exists already")
    } else {
      dropUnfilledRooms(of: user)
      guard entries.count < Self.maximumRooms else { return transaction.respond(503, "Service Unavailable") }
      address = newRoomAddress()
      let room = ConferenceRoom(
        address: address, subject: request[header: "Subject"] ?? "", isEncrypted: isEncrypted, isOneToOne: isOneToOne,
        lifetime: request[header: "Ephemerable"] == "true" ? lifetime(in: request) : nil,
        unreadLifetime: unreadLifetime(in: request) ?? 0)
      roomsMade += 1
      entries[address] = Entry(room: room, creator: user, number: roomsMade)
      log(.focus, "factory: room \(address) for \(user)")
    }
    transaction.respond(
      302, "Moved temporarily",
      headers: [SIPHeader("Contact", "<\(address)>;isfocus"), Self.userAgent, Self.supported])
  }

  private func oneToOneRoom(between one: SIPURI, and other: SIPURI, encrypted: Bool) -> SIPURI? {
    entries.values.first { entry in
      entry.room.isOneToOne && entry.room.isEncrypted == encrypted && entry.room.member(one) != nil
        && entry.room.member(other.withoutParameters) != nil
    }?.room.address
  }

  /// Makes place for one redirection more: of those that a user did not follow the oldest are forgotten.
  private func dropUnfilledRooms(of user: String) {
    let unfilled = entries.values.filter { $0.creator == user }.sorted { $0.number < $1.number }
    for entry in unfilled.dropLast(Self.maximumUnfilled - 1) { entries[entry.room.address] = nil }
  }

  /// Seconds in `Ephemeral-Life-Time`; nil when it is absent or no number.
  func lifetime(in request: SIPRequest) -> Int? { seconds("Ephemeral-Life-Time", in: request) }

  /// The same of messages that are not read.
  func unreadLifetime(in request: SIPRequest) -> Int? { seconds("Ephemeral-Not-Read-Life-Time", in: request) }

  private func seconds(_ header: String, in request: SIPRequest) -> Int? {
    request[header: header].flatMap { UInt32($0) }.map(Int.init)
  }

  /// False when the request requires what the focus does not know; it is answered then.
  func refuseUnknownExtensions(_ request: SIPRequest, _ transaction: ServerTransaction) -> Bool {
    let known: Set = ["recipient-list-invite", "recipient-list-subscribe", "gruu", "replaces", "outbound"]
    let unknown = request.headers.all(named: "Require").flatMap { $0.split(separator: ",") }
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !known.contains($0) }
    if unknown.isEmpty { return true }
    transaction.respond(420, "Bad Extension", headers: [SIPHeader("Unsupported", unknown.joined(separator: ", "))])
    return false
  }

  /// The users in the resource list. nil when there is no list or it cannot be read.
  private func invited(by request: SIPRequest) -> [SIPURI]? {
    guard let body = inflatedBody(of: request), let list = try? ResourceList(parsing: body) else { return nil }
    var seen = Set<SIPURI>()
    return list.entries.filter { seen.insert($0).inserted }
  }

  /// The body without its Content-Encoding. nil when it has one that is unknown or broken.
  func inflatedBody(of request: SIPRequest) -> Data? {
    switch request[header: "Content-Encoding"]?.lowercased() {
    case nil, "identity": request.body
    case "deflate": try? Deflate.inflate(request.body, limit: Self.maximumInflated)
    default: nil
    }
  }

  // MARK: INVITE to a room

  private func join(_ request: SIPRequest, _ transaction: ServerTransaction, room: SIPURI, user: String) {
    guard refuseUnknownExtensions(request, transaction), let entry = entries[room] else { return }
    guard let contact = request[header: "Contact"].flatMap(NameAddress.init), contact.uri.gruu != nil else {
      log(.focus, "\(room): INVITE of \(user) without a GRUU as Contact")
      return transaction.respond(603, "Decline", headers: [Self.userAgent])
    }
    let device = contact.uri
    guard device.withoutParameters == address(of: user) else { return transaction.respond(403, "Forbidden") }
    if entry.creator == user { return fill(request, transaction, room: room, creator: device) }
    guard entry.creator == nil, entry.room.member(address(of: user)) != nil else {
      log(.focus, "\(room): INVITE of \(user), who is no member")
      return transaction.respond(603, "Decline", headers: [Self.userAgent])
    }
    // Only a one-to-one room may be created again.
    let hasList = request[header: "Content-Type"]?.lowercased().hasPrefix("application/resource-lists+xml") == true
    guard entry.room.isOneToOne || !hasList else {
      return transaction.respond(488, "Not acceptable here", headers: [Self.userAgent])
    }
    accept(request, transaction, room: room, device: device)
    entries[room]?.room.join(device)
    log(.focus, "\(room): \(device) is back")
    settled(room)
  }

  /// The creator's INVITE: brings in everyone on its list who has a device that can join.
  private func fill(_ request: SIPRequest, _ transaction: ServerTransaction, room: SIPURI, creator: SIPURI) {
    guard let entry = entries[room], let creatorUser = creator.user else { return }
    let isEncrypted = entry.room.isEncrypted
    func refuse(_ status: Int, _ reason: String, _ cause: String) {
      log(.focus, "\(room): \(cause)")
      entries[room] = nil
      transaction.respond(status, reason, headers: [Self.userAgent, Self.supported])
    }
    guard let list = invited(by: request), !list.isEmpty, !entry.room.isOneToOne || list.count == 1 else {
      return refuse(488, "Not acceptable here", "the INVITE has no list of participants, or not one for this room")
    }
    let own = usableDevices(of: creatorUser, encrypted: isEncrypted)
    guard own.contains(creator) || configuration.fault == .nobodyRegistered else {
      return refuse(403, "Forbidden", "\(creator) is not registered with the specs that the room needs")
    }
    let others = list.map(\.withoutParameters).filter { $0 != address(of: creatorUser) && $0.user != nil }
      .map { user in
        (user, user == address(of: user.user ?? "") ? usableDevices(of: user.user ?? "", encrypted: isEncrypted) : [])
      }
    for (user, devices) in others where devices.isEmpty {
      log(.focus, "\(room): \(user) is left out: no registered device with the specs that the room needs")
    }
    let reachable = others.filter { !$0.1.isEmpty }
    guard !reachable.isEmpty || configuration.fault == .oneMissing else {
      return refuse(488, "Not acceptable here", "no one invited has a registered device")
    }
    accept(request, transaction, room: room, device: creator)
    let steps = entries[room]?.room.begin(
      creator: address(of: creatorUser), device: creator, otherDevices: own, invited: reachable)
    entries[room]?.creator = nil
    entries[room]?.heldSteps = steps ?? .init()
    log(.focus, "\(room): \"\(entry.room.subject)\" made by \(creator) with \(reachable.map { $0.0.user ?? "" })")
  }

  /// GRUUs of a user's devices that may be in a room.
  func usableDevices(of user: String, encrypted: Bool) -> [SIPURI] {
    if configuration.fault == .nobodyRegistered { return [] }
    // Of two in a room of the check the second is the one that is missing.
    if configuration.fault == .oneMissing, user != configuration.users.first?.name { return [] }
    return courier.registrar.bindings(of: user).filter { $0.canJoin(encrypted: encrypted) }.compactMap(\.gruu)
  }

  /// 200 for a device's INVITE, which opens its dialog.
  private func accept(_ request: SIPRequest, _ transaction: ServerTransaction, room: SIPURI, device: SIPURI) {
    guard let dialog = Dialog(accepting: request, localTag: transaction.localTag, local: room, localSequence: 20) else {
      return transaction.respond(400, "Bad Request")
    }
    open(dialog, room: room, device: device)
    transaction.respond(
      200, "Ok",
      headers: [SIPHeader("Record-Route", route(over: transaction.connection))] + sessionHeaders(of: room))
  }

  /// What the focus says of itself in a 2xx for INVITE.
  func sessionHeaders(of room: SIPURI) -> [SIPHeader] {
    let contact = "<\(contactAddress(of: room))>;isfocus;\(Self.specs)"
    return [SIPHeader("Contact", contact), Self.userAgent, Self.allow, Self.supported]
  }

  // MARK: REFER

  /// Adds, removes or promotes a member (RFC 4579 §5.5, §5.11).
  private func refer(_ request: SIPRequest, _ transaction: ServerTransaction, room: SIPURI, user: String) {
    guard let target = request[header: "Refer-To"].flatMap(NameAddress.init), var state = entries[room]?.room else {
      return transaction.respond(400, "Bad Request")
    }
    let admin = address(of: user)
    let member = target.uri.withoutParameters
    let isRemoval = target.uri[parameter: "method"]?.uppercased() == "BYE"
    var steps = ConferenceRoom.Steps()
    do throws(ConferenceRoom.Refusal) {
      if isRemoval {
        steps = try state.remove(member, by: admin)
        log(.focus, "\(room): \(user) removes \(member)")
      } else if let value = target[parameter: "admin"] {
        try state.setAdmin(member, value.lowercased() != "false", by: admin)
        log(.focus, "\(room): \(user) makes \(member) \(value.lowercased() != "false" ? "admin" : "participant")")
      } else {
        let devices = member.user.map { usableDevices(of: $0, encrypted: state.isEncrypted) } ?? []
        steps = try state.add(member, devices: member == address(of: member.user ?? "") ? devices : [], by: admin)
        log(.focus, "\(room): \(user) adds \(member)" + (devices.isEmpty ? ", who has no usable device" : ""))
      }
    } catch {
      log(.focus, "\(room): REFER of \(user) refused: \(error)")
      return isRemoval ? transaction.respond(603, "Decline") : transaction.respond(403, "Forbidden")
    }
    entries[room]?.room = state
    transaction.respond(200, "Ok")
    perform(steps, room: room)
    settled(room)
  }
}
