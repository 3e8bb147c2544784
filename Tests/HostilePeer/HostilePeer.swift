// HostilePeer.swift: an account that speaks SIP by hand, and says what it likes (RFC 3261, RFC 4575, RFC 6665)
import DigestAuth
import Foundation
import MessageFormats
import TestSupport

/// A dialog as its one end knows it.
public struct WireDialog: Sendable {
  public var callID: String
  /// name-addr fields with their tags.
  public var local: String
  public var remote: String
  /// The peer's Contact.
  public var target: String
  public var routes: [String]
}

/// A device of an ordinary account at a registrar, by default the lab's. Answers all requests, keeps them, joins rooms
/// that invite it, and sends what a test wants: as user, as a focus, or in others' names.
public actor HostilePeer {
  public nonisolated let user: String
  /// Address of record.
  public nonisolated let address: String
  /// The GRUU.
  public nonisolated let device: String
  private nonisolated let wire: WireClient
  private let domain: String
  private let password: String
  private let instance: String
  private var waiting: [String: CheckedContinuation<WireMessage, any Error>] = [:]
  private var sequence = 100
  private var reader: Task<Void, Never>?
  /// All requests that came, in order.
  public private(set) var requests: [WireMessage] = []
  /// What a method is answered with, else 200.
  private var answers: [String: String] = [:]

  /// Seconds that an answer or request may take.
  public static let patience = 20.0

  /// - Parameters:
  ///   - sip: the server, such as `LabAddresses.sip`.
  ///   - instance: the UUID of its `+sip.instance`.
  public init(
    _ user: String, sip: String, domain: String = WireClient.domain, password: String? = nil,
    instance: String = UUID().uuidString.lowercased()
  ) throws {
    (self.user, self.domain, self.password, self.instance) = (user, domain, password ?? user, instance)
    address = "sip:\(user)@\(domain)"
    device = "\(address);gr=urn:uuid:\(instance)"
    wire = try WireClient(sipAddress: sip)
  }

  /// Registers the device, and answers what comes from then on.
  public func start() async throws {
    reader = Task { [weak self, wire] in
      while let message = try? await wire.next() { await self?.received(message) }
      await self?.closed()
    }
    let answer = try await request(
      "REGISTER", "sip:\(domain)", to: address,
      headers: """
        Contact: <sip:\(user)@127.0.0.1:9;transport=tcp>;+sip.instance="<urn:uuid:\(instance)>"\
        ;+org.linphone.specs="groupchat/1.1,lime,ephemeral/1.1"\r
        Expires: 600\r
        Supported: gruu\r

        """)
    guard answer.status == 200 else { throw TestFailure("REGISTER of \(user): \(answer.startLine)") }
  }

  public func stop() {
    reader?.cancel()
    wire.disconnect()
  }

  /// Answers a method so, as with "480 Temporarily Unavailable", from now on.
  public func answer(_ method: String, with status: String?) { answers[method] = status }

  // MARK: What comes

  private func received(_ message: WireMessage) {
    guard message.isRequest else {
      guard message.status >= 200 else { return }
      waiting.removeValue(forKey: Self.key(message["Call-ID"] ?? "", message.sequence))?.resume(returning: message)
      return
    }
    requests.append(message)
    guard message.method != "ACK" else { return }
    let headers =
      switch message.method {
      case "SUBSCRIBE": "Contact: <\(device)>;isfocus\r\nExpires: 600\r\n"
      case "INVITE": "Contact: <\(device)>;text\r\n"
      default: ""
      }
    wire.send(message.answer(answers[message.method] ?? "200 OK", tag: Self.tag(message), headers: headers))
    if message.method == "INVITE", answers["INVITE"] == nil, message["Contact"]?.contains("isfocus") == true,
      let room = message.uri("From")
    {
      Task { try? await self.subscribe(to: room) }
    }
  }

  private func closed() {
    for waiter in waiting.values { waiter.resume(throwing: WireError.closed) }
    waiting = [:]
  }

  private static func tag(_ request: WireMessage) -> String { "hostile-" + (request["Call-ID"] ?? "").prefix(8) }
  private static func key(_ callID: String, _ sequence: Int) -> String { "\(callID) \(sequence)" }

  /// The first request that came or comes of that method and that `matches`.
  public func received(
    _ method: String, within seconds: Double = patience, where matches: @Sendable (WireMessage) -> Bool = { _ in true }
  ) async throws -> WireMessage {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
      if let found = requests.first(where: { $0.method == method && matches($0) }) { return found }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw TestFailure("\(device): no \(method) within \(seconds) s; came: \(requests.map(\.startLine))")
  }

  /// The dialog of a SUBSCRIBE or INVITE that came: of ours as focus.
  public nonisolated func dialog(of request: WireMessage) -> WireDialog {
    let to = request["To"] ?? ""
    return WireDialog(
      callID: request["Call-ID"] ?? "", local: to.contains("tag=") ? to : to + ";tag=\(Self.tag(request))",
      remote: request["From"] ?? "", target: request.uri("Contact") ?? "", routes: request.all("Record-Route"))
  }

  /// The dialog in which somebody subscribed to `resource`, an address of ours.
  public func subscription(to resource: String, within seconds: Double = patience) async throws -> WireDialog {
    dialog(of: try await received("SUBSCRIBE", within: seconds) { $0.uri("To") == resource })
  }

  // MARK: What goes

  /// Sends a request outside dialogs, answers one challenge, and returns the final response.
  /// - Parameters:
  ///   - from: in From, by default our address.
  ///   - toTag: makes it look as one in a dialog.
  ///   - headers: further lines, each ended by CRLF.
  @discardableResult
  public func request(
    _ method: String, _ uri: String, from: String? = nil, to: String? = nil, toTag: String? = nil,
    headers: String = "", contentType: String? = nil, body: Data = Data()
  ) async throws -> WireMessage {
    var message = make(
      method, uri, local: "<\(from ?? address)>;tag=\(UUID().uuidString)",
      remote: "<\(to ?? uri)>" + (toTag.map { ";tag=\($0)" } ?? ""), callID: UUID().uuidString, headers, contentType,
      body)
    let first = try await transact(message)
    guard [401, 407].contains(first.status) else { return first }
    let isRegistrar = first.status == 401
    let offered = DigestChallenge.list(first.all(isRegistrar ? "WWW-Authenticate" : "Proxy-Authenticate"))
    guard let challenge = offered.first(where: { $0.algorithm == .sha256 }) ?? offered.first else { return first }
    var responder = DigestResponder(username: user, password: password, challenge: challenge)
    let credentials = responder.credentials(method: method, uri: uri, body: body)
    message[isRegistrar ? "Authorization" : "Proxy-Authorization"] = credentials.headerValue
    renumber(&message)
    return try await transact(message)
  }

  /// Sends a request in a dialog.
  @discardableResult
  public func request(
    _ method: String, in dialog: WireDialog, headers: String = "", contentType: String? = nil, body: Data = Data()
  ) async throws -> WireMessage {
    let routes = dialog.routes.map { "Route: \($0)\r\n" }.joined()
    return try await transact(
      make(
        method, dialog.target, local: dialog.local, remote: dialog.remote, callID: dialog.callID, routes + headers,
        contentType, body))
  }

  /// A MESSAGE to `uri`; the focus of a room wants our GRUU in From.
  @discardableResult
  public func message(
    _ uri: String, from: String? = nil, to: String? = nil, toTag: String? = nil, contentType: String = "message/cpim",
    headers: String = "", _ body: Data
  ) async throws -> WireMessage {
    try await request(
      "MESSAGE", uri, from: from ?? device, to: to, toTag: toTag, headers: headers, contentType: contentType,
      body: body)
  }

  /// INVITEs, and ACKs an answer of 200.
  /// - Parameter contact: the Contact field; by default that of a focus at our GRUU.
  public func invite(
    _ uri: String, from: String? = nil, contact: String? = nil, headers: String = "", contentType: String? = nil,
    body: Data = Data()
  ) async throws -> (answer: WireMessage, dialog: WireDialog) {
    let contact = contact ?? "<\(device)>;isfocus;text"
    let answer = try await request(
      "INVITE", uri, from: from ?? device, headers: "Contact: \(contact)\r\n" + headers, contentType: contentType,
      body: body)
    let dialog = WireDialog(
      callID: answer["Call-ID"] ?? "", local: answer["From"] ?? "", remote: answer["To"] ?? "",
      target: answer.uri("Contact") ?? uri, routes: answer.all("Record-Route").reversed())
    if answer.status == 200 {
      var ack = make(
        "ACK", dialog.target, local: dialog.local, remote: dialog.remote, callID: dialog.callID,
        dialog.routes.map { "Route: \($0)\r\n" }.joined(), nil, Data())
      ack["CSeq"] = "\(answer.sequence) ACK"
      wire.send("", body: ack.serialized)
    }
    return (answer, dialog)
  }

  /// Tells a subscriber of a room of ours any state.
  @discardableResult
  public func notify(_ dialog: WireDialog, _ info: ConferenceInfo) async throws -> WireMessage {
    try await notify(dialog, contentType: "application/conference-info+xml", info.serialized)
  }

  @discardableResult
  public func notify(_ dialog: WireDialog, contentType: String, _ body: Data) async throws -> WireMessage {
    try await request(
      "NOTIFY", in: dialog,
      headers: "Contact: <\(device)>\r\nEvent: conference\r\nSubscription-State: active;expires=600\r\n",
      contentType: contentType, body: body)
  }

  @discardableResult
  public func subscribe(to room: String) async throws -> WireMessage {
    try await request(
      "SUBSCRIBE", room, from: device,
      headers: """
        Contact: <\(device)>\r
        Event: conference\r
        Expires: 600\r
        Last-Notify-Version: 0\r
        Accept: application/conference-info+xml\r

        """)
  }

  /// Makes a room through the factory, as a client does, and returns its address.
  /// - Parameter headers: further lines, each ended by CRLF.
  public func createRoom(
    _ subject: String, at factory: String, members: [String], encrypted: Bool, oneToOne: Bool = false,
    headers further: String = ""
  ) async throws -> String {
    let list = ResourceList(members.compactMap { SIPURI($0) }).serialized
    let headers = """
      Subject: \(subject)\r
      Require: recipient-list-invite\r
      Content-Disposition: recipient-list\r
      End-To-End-Encrypted: \(encrypted)\r
      One-To-One-Chat-Room: \(oneToOne)\r
      \(further)
      """
    func invite(_ uri: String) async throws -> WireMessage {
      try await self.invite(
        uri, contact: "<\(device)>;text", headers: headers, contentType: "application/resource-lists+xml", body: list
      ).answer
    }
    guard let room = try await invite(factory).uri("Contact") else { throw TestFailure("no room from \(factory)") }
    let answer = try await invite(room)
    guard answer.status == 200 else { throw TestFailure("INVITE \(room): \(answer.startLine)") }
    try await subscribe(to: room)
    return room
  }

  /// The address of the first room that invites us, or has.
  public func invitation(within seconds: Double = patience) async throws -> String {
    let invitation = try await received("INVITE", within: seconds) { $0["Contact"]?.contains("isfocus") == true }
    return invitation.uri("From") ?? ""
  }

  /// Writes bytes as they are.
  public nonisolated func write(_ bytes: Data) { wire.send("", body: bytes) }

  // MARK: Insides

  private func make(
    _ method: String, _ uri: String, local: String, remote: String, callID: String, _ headers: String,
    _ contentType: String?, _ body: Data
  ) -> WireMessage {
    sequence += 1
    var message = WireMessage(
      startLine: "\(method) \(uri) SIP/2.0",
      headers: [
        ("Via", "SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK\(UUID().uuidString);rport"), ("From", local), ("To", remote),
        ("Call-ID", callID), ("CSeq", "\(sequence) \(method)"), ("Max-Forwards", "70"),
      ], body: body)
    for line in headers.components(separatedBy: "\r\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      message.headers.append((String(line[..<colon]), value))
    }
    if let contentType { message.headers.append(("Content-Type", contentType)) }
    return message
  }

  private func renumber(_ message: inout WireMessage) {
    sequence += 1
    message["CSeq"] = "\(sequence) \(message.method)"
    message["Via"] = "SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK\(UUID().uuidString);rport"
  }

  private func transact(_ message: WireMessage) async throws -> WireMessage {
    let key = Self.key(message["Call-ID"] ?? "", message.sequence)
    let limit = Task { [weak self] in
      try await Task.sleep(for: .seconds(Self.patience))
      await self?.giveUp(key, message.startLine)
    }
    defer { limit.cancel() }
    return try await withCheckedThrowingContinuation { continuation in
      waiting[key] = continuation
      wire.send("", body: message.serialized)
    }
  }

  private func giveUp(_ key: String, _ what: String) {
    waiting.removeValue(forKey: key)?.resume(throwing: TestFailure("\(device): no answer to \(what)"))
  }
}
