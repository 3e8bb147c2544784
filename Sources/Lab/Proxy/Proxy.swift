// Proxy.swift: authenticates requests and routes them to devices, rooms and the registrar (RFC 3261 §16)
import Foundation
import MessageFormats
import SIPAgent

/// The lab's core: all requests come in here.
@SIPActor
final class Proxy {
  /// Connections whose users are remembered; beyond that UDP senders are forgotten first.
  static let maximumConnections = 10_000

  private let server: SIPServer
  private let configuration: LabConfiguration
  private let authenticator: Authenticator
  private let courier: DeviceCourier
  private let conferenceServer: ConferenceServer
  private let log: LabLog
  /// Users who have authenticated over a connection; requests in dialogs need one, and are not challenged.
  private var authenticated: [SIPConnection: Set<String>] = [:]

  init(
    server: SIPServer, configuration: LabConfiguration, authenticator: Authenticator, courier: DeviceCourier,
    conferenceServer: ConferenceServer, log: LabLog
  ) {
    self.server = server
    self.configuration = configuration
    self.authenticator = authenticator
    self.courier = courier
    self.conferenceServer = conferenceServer
    self.log = log
    server.onRequest = { [weak self] request, transaction in self?.receive(request, transaction) }
    server.onACK = { [weak self] request, connection in self?.receiveACK(request, over: connection) }
    server.onClosed = { [weak self] connection in self?.closed(connection) }
  }

  // MARK: Requests in

  private func receive(_ request: SIPRequest, _ transaction: ServerTransaction) {
    guard let from = request.from, request.to != nil, request.target != nil else {
      return request.target == nil
        ? transaction.respond(416, "Unsupported URI Scheme") : transaction.respond(400, "Bad Request")
    }
    if request.to?.tag != nil { return receiveInDialog(request, transaction) }
    if [.usersDown, .realmExpression].contains(configuration.fault) { return failToLookUp(request, transaction) }
    if request.method == "REGISTER" { return register(request, transaction) }
    // Flexisip from 2.6 on does not ask for a password before it says what it can do.
    if configuration.roomAddresses == .confID, request.method == "OPTIONS", let target = request.target,
      target.user == nil, isOurs(target)
    {
      return answerSelf(request, transaction)
    }
    switch authenticator.verdict(on: request, as: .proxy) {
    case .challenge(let headers, let cause):
      challenge(request, transaction, .proxy, headers, cause)
    case .refused(let cause): forbid(request, transaction, cause)
    case .accepted(let user):
      remember(user, transaction.connection)
      guard from.uri.user == user, isOurs(from.uri) else {
        log(.proxy, "\(request.method) refused: \(user) says it is \(from.uri)")
        return transaction.respond(403, "Forbidden")
      }
      route(request, transaction, user: user)
    }
  }

  /// Requests with a To tag are challenged no more, but come over a connection that someone has authenticated.
  private func receiveInDialog(_ request: SIPRequest, _ transaction: ServerTransaction) {
    guard authenticated[transaction.connection] != nil else {
      log(.proxy, "\(request.method) in a dialog refused: \(transaction.connection) is not registered")
      return transaction.respond(403, "Forbidden")
    }
    if conferenceServer.receiveInDialog(request, transaction) { return }
    guard let target = request.target else { return transaction.respond(400, "Bad Request") }
    if isOurs(target), conferenceServer.owns(target) {
      return transaction.respond(481, "Call/Transaction Does Not Exist")
    }
    forward(request, transaction, to: target)
  }

  private func receiveACK(_ request: SIPRequest, over connection: SIPConnection) {
    guard authenticated[connection] != nil, !conferenceServer.acknowledged(request), let target = request.target else {
      return
    }
    for binding in bindings(for: target) { courier.sendACK(hop(request, over: connection), to: binding) }
  }

  /// Flexisip finds the realm out, then looks at the credentials, and then the user up.
  private func failToLookUp(_ request: SIPRequest, _ transaction: ServerTransaction) {
    let isIncomplete = request[header: "Authorization"].map { !$0.contains("nonce=") } ?? false
    if configuration.fault == .usersDown, isIncomplete {
      return transaction.respond(400, "Authorization missing nonce")
    }
    transaction.respond(500, "Internal error")
  }

  private func challenge(
    _ request: SIPRequest, _ transaction: ServerTransaction, _ role: Authenticator.Role, _ headers: [SIPHeader],
    _ cause: String?
  ) {
    if let cause { log(role == .proxy ? .proxy : .registrar, "\(request.method) challenged again: \(cause)") }
    transaction.respond(role.status, role.reason, headers: headers)
  }

  private func forbid(_ request: SIPRequest, _ transaction: ServerTransaction, _ cause: String) {
    log(.registrar, "\(request.method) refused: \(cause)")
    transaction.respond(403, "Forbidden")
  }

  // MARK: Registration

  private func register(_ request: SIPRequest, _ transaction: ServerTransaction) {
    if configuration.fault == .authDomainMissing { return transaction.respond(403, "Domain forbidden") }
    switch authenticator.verdict(on: request, as: .registrar) {
    case .challenge(let headers, let cause):
      challenge(request, transaction, .registrar, headers, cause)
    case .refused(let cause): forbid(request, transaction, cause)
    case .accepted(let user):
      switch configuration.fault {
      case .regDomainMissing, .registrarOff: return
      case .storeDown, .noContactsTaken: return transaction.respond(500, "Internal Server Error")
      case .redirected: return transaction.respond(302, "Moved Temporarily")
      case .otherRealm: return transaction.respond(403, "Forbidden")
      default: break
      }
      remember(user, transaction.connection)
      let answer = courier.registrar.register(request, user: user, over: transaction.connection)
      log(.registrar, "REGISTER of \(user) over \(transaction.connection): \(answer.status) \(answer.reason)")
      let date = configuration.fault == .clockAhead ? [LabFault.skewedDate] : []
      transaction.respond(answer.status, answer.reason, headers: answer.headers + date)
      apply(answer.changes)
    }
  }

  /// Takes registrations that have expired out of the rooms. To be called from time to time.
  func expireRegistrations() { apply(courier.registrar.removeExpired()) }

  func restartConferenceServer() { conferenceServer.restart() }

  var contents: (rooms: Int, devices: Int) { (conferenceServer.entries.count, courier.registrar.all.count) }

  private func apply(_ changes: [Registrar.Change]) {
    for change in changes {
      switch change {
      case .added(let binding), .renewed(let binding):
        courier.resume(binding)
        conferenceServer.deviceIsHere(binding)
      case .removed(let binding):
        log(.registrar, "\(binding.name) is gone")
        courier.forget(binding)
        conferenceServer.deviceIsGone(binding)
      }
    }
  }

  private func remember(_ user: String, _ connection: SIPConnection) {
    if authenticated[connection] == nil, authenticated.count >= Self.maximumConnections {
      authenticated = authenticated.filter { entry in
        if case .stream = entry.key { true } else { false }
      }
    }
    authenticated[connection, default: []].insert(user)
  }

  private func closed(_ connection: SIPConnection) {
    authenticated[connection] = nil
    for binding in courier.registrar.closed(connection) { log(.registrar, "\(binding.name) is offline") }
  }

  // MARK: Routing

  private func isOurs(_ uri: SIPURI) -> Bool {
    uri.host.equalsIgnoringCase(configuration.domain)
      || (uri.host == configuration.address && uri.port == Int(server.port))
  }

  private func route(_ request: SIPRequest, _ transaction: ServerTransaction, user: String) {
    guard let target = request.target, isOurs(target) else {
      return transaction.respond(404, "Not Found")
    }
    switch (configuration.fault, request.method) {
    case (.routerOff, _), (.regDomainMissing, _), (.storeDown, _), (.invitesFiltered, "INVITE"),
      (.subscribesFiltered, "SUBSCRIBE"):
      return
    case (.invitesCaught, "INVITE"): return transaction.respond(503, "Service Unavailable")
    case (.serverEnds, "INVITE"):
      // Not from within the server's own call.
      Task { [server] in server.stop() }
      return
    default: break
    }
    if conferenceServer.owns(target) {
      if configuration.fault == .focusPortTaken { return }
      guard configuration.fault?.hidesFromProxy(isFactory: conferenceServer.isFactory(target)) != true else {
        return transaction.respond(404, "Not Found")
      }
      if request.method != "OPTIONS" { transaction.respond(100, "Trying") }
      return conferenceServer.receive(request, transaction, user: user)
    }
    guard let name = target.user else { return answerSelf(request, transaction) }
    guard authenticator.isAccount(name) else {
      log(.proxy, "\(request.method) from \(user): \(name) is unknown")
      return transaction.respond(404, "Not Found")
    }
    forward(request, transaction, to: target)
  }

  private func answerSelf(_ request: SIPRequest, _ transaction: ServerTransaction) {
    guard request.method == "OPTIONS" else {
      return transaction.respond(405, "Method Not Allowed", headers: [ConferenceServer.allow])
    }
    transaction.respond(200, "OK", headers: [ConferenceServer.allow])
  }

  /// One device for a GRUU or a registered Contact, all devices of the user for an address-of-record.
  private func bindings(for target: SIPURI) -> [Binding] {
    if let binding = courier.registrar.binding(contact: target) { return [binding] }
    guard isOurs(target), let user = target.user else { return [] }
    if target.has(parameter: "gr") { return courier.registrar.binding(gruu: target).map { [$0] } ?? [] }
    return courier.registrar.bindings(of: user)
  }

  private func forward(_ request: SIPRequest, _ transaction: ServerTransaction, to target: SIPURI) {
    let hops = request[header: "Max-Forwards"].flatMap { Int($0) } ?? 70
    guard hops > 0 else { return transaction.respond(483, "Too Many Hops") }
    // A request that carries our own Via has been here before.
    guard !request.headers.all(named: "Via").contains(where: isOwnVia) else {
      return transaction.respond(482, "Loop Detected")
    }
    let devices = bindings(for: target)
    let isMessage = request.method == "MESSAGE"
    // A message that its device cannot take at once waits for it.
    let busy = isMessage ? devices.filter(courier.isBusy) : []
    let online = devices.filter { device in
      device.connection != nil && !busy.contains { $0.key == device.key && $0.user == device.user }
    }
    guard !devices.isEmpty, !online.isEmpty || isMessage else {
      return transaction.respond(480, "Temporarily Unavailable")
    }
    transaction.respond(100, "Trying")
    let copy = hop(request, over: transaction.connection)
    for binding in busy { courier.deliver(copy, to: binding) }
    guard !online.isEmpty else { return transaction.respond(202, "Accepted") }
    fork(copy, to: online, transaction)
  }

  private func isOwnVia(_ via: String) -> Bool {
    via.split(separator: ";").first?.split(separator: " ").last.map(String.init)
      == "\(configuration.address):\(server.port)"
  }

  /// The request as it goes on: one hop less, our credentials and route taken out, our Record-Route put in where a
  /// dialog begins.
  private func hop(_ request: SIPRequest, over connection: SIPConnection) -> SIPRequest {
    var copy = request
    let hops = request[header: "Max-Forwards"].flatMap { Int($0) } ?? 70
    copy.headers.removeAll { header in
      let name = header.name.lowercased()
      return name == "max-forwards" || name == "proxy-authorization" || (name == "route" && isOwnRoute(header.value))
    }
    copy.headers.append(SIPHeader("Max-Forwards", String(hops - 1)))
    if ["INVITE", "SUBSCRIBE", "REFER"].contains(request.method), request.to?.tag == nil {
      let place = copy.headers.firstIndex { $0.name.lowercased() == "record-route" } ?? copy.headers.endIndex
      copy.headers.insert(SIPHeader("Record-Route", conferenceServer.route(over: connection)), at: place)
    }
    return copy
  }

  private func isOwnRoute(_ value: String) -> Bool {
    NameAddress(value).map { $0.uri.host == configuration.address && $0.uri.port == Int(server.port) } ?? false
  }

  /// Sends to several devices at once. The first success takes an INVITE back from the others; without a success the
  /// lowest class of answers wins.
  private func fork(_ request: SIPRequest, to devices: [Binding], _ transaction: ServerTransaction) {
    let attempts = devices.map { binding in
      Task { [courier] in
        await courier.send(request, to: binding) { provisional in
          if provisional.status > 100 { transaction.forward(provisional.withoutTopVia) }
        }
      }
    }
    transaction.onCancel = { for attempt in attempts { attempt.cancel() } }
    let isMessage = request.method == "MESSAGE"
    for (attempt, binding) in zip(attempts, devices) {
      Task { [weak self] in
        let response = await attempt.value
        if isMessage, response.isUnanswered { self?.courier.deliver(request, unansweredBy: binding) }
        if response.isSuccess, request.method == "INVITE" { for other in attempts { other.cancel() } }
      }
    }
    Task {
      var best: SIPResponse?
      for attempt in attempts {
        var response = await attempt.value
        if isMessage, response.isUnanswered { response = SIPResponse(status: 202, reason: "Accepted") }
        if best.map({ response.isBetter(than: $0) }) ?? true { best = response }
      }
      answer(transaction, with: best ?? SIPResponse(status: 480))
    }
  }

  /// Passes a device's answer on. One without Via was made here.
  private func answer(_ transaction: ServerTransaction, with best: SIPResponse) {
    if best[header: "Via"] != nil { return transaction.forward(best.withoutTopVia) }
    if best.isSuccess { return transaction.respond(best.status, best.reason) }
    transaction.respond(480, "Temporarily Unavailable")
  }
}

extension SIPResponse {
  /// Without the field that our own sending put on top.
  fileprivate var withoutTopVia: SIPResponse {
    var copy = self
    if let place = copy.headers.firstIndex(where: { $0.name.equalsIgnoringCase("Via") }) {
      copy.headers.remove(at: place)
    }
    return copy
  }

  /// RFC 3261 §16.7 step 6: a success, then a global failure, then the lowest class.
  fileprivate func isBetter(than other: SIPResponse) -> Bool {
    func rank(_ response: SIPResponse) -> Int {
      switch response.status {
      case 200..<300: 0
      case 600...: 1
      default: response.status
      }
    }
    return rank(self) < rank(other)
  }
}
