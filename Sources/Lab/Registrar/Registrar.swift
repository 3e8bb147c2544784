// Registrar.swift: REGISTER and the bindings of all accounts (RFC 3261 §10.3; GRUU: RFC 5627 §5)
import Foundation
import MessageFormats
import SIPAgent

/// The location service. A pure value: requests are authenticated before they come here, answers go out by the caller.
struct Registrar: Sendable {
  /// More contacts of one account are refused.
  static let maximumBindings = 20
  /// Seconds that a Contact gets when the request names none.
  static let defaultExpires = 3600
  /// Longer ones are cut to this, in seconds.
  static let maximumExpires = 7 * 24 * 3600

  struct Answer: Sendable {
    var status: Int
    var reason: String
    var headers: [SIPHeader] = []
    var changes: [Change] = []

    func refused(_ status: Int, _ reason: String, headers: [SIPHeader] = []) -> Answer {
      Answer(status: status, reason: reason, headers: headers, changes: changes)
    }
  }

  enum Change: Sendable, Equatable {
    case added(Binding)
    /// Registered again: refreshed, or back over a new connection.
    case renewed(Binding)
    /// Unregistered or expired
    case removed(Binding)
  }

  let domain: String
  /// Shorter registrations are refused with 423, in seconds.
  let minimumExpires: Int
  private let fault: LabFault?
  private var bindings: [String: [Binding]] = [:]

  /// Who makes the rooms; faults of those who are invited spare this one.
  private let creator: String?

  init(domain: String, minimumExpires: Int, fault: LabFault? = nil, creator: String? = nil) {
    self.fault = fault
    self.creator = creator
    self.domain = domain
    self.minimumExpires = minimumExpires
  }

  // MARK: Looking up

  func bindings(of user: String) -> [Binding] { bindings[user] ?? [] }

  var all: [Binding] { bindings.values.flatMap { $0 } }

  func binding(gruu: SIPURI) -> Binding? {
    bindings(of: gruu.user ?? "").first { $0.gruu == gruu }
  }

  /// The device whose registered Contact this is; in-dialog requests of clients name it.
  func binding(contact uri: SIPURI) -> Binding? {
    bindings.values.lazy.joined().first { $0.contact.uri == uri }
  }

  // MARK: Changing

  /// Answers a REGISTER of `user`, who has authenticated.
  mutating func register(
    _ request: SIPRequest, user: String, over connection: SIPConnection, now: Date = Date()
  ) -> Answer {
    guard let target = request.target, target.host.equalsIgnoringCase(domain),
      let account = request.to?.uri, account.host.equalsIgnoringCase(domain)
    else { return Answer(status: 404, reason: "Not Found") }
    guard account.user == user else { return Answer(status: 403, reason: "Forbidden") }
    guard let callID = request.callID, let sequence = request.sequence else {
      return Answer(status: 400, reason: "Bad Request")
    }
    var answer = Answer(status: 200, reason: "Registration successful")
    answer.changes = removeExpired(of: user, now: now)

    let values = request.headers.all(named: "Contact")
    let expiresField = request[header: "Expires"].flatMap { Int($0) }
    if values.contains("*") {
      guard values.count == 1, expiresField == 0 else { return answer.refused(400, "Bad Contact Header") }
      answer.changes += (bindings.removeValue(forKey: user) ?? []).map(Change.removed)
      return answer
    }
    let contacts = values.flatMap(NameAddress.list)
    guard contacts.count == values.count else { return answer.refused(400, "Bad Contact Header") }
    let supportsGRUU = request.headers.all(named: "Supported").contains { value in
      value.split(separator: ",").contains { $0.trimmingCharacters(in: .whitespaces) == "gruu" }
    }

    // A question for the bindings of a user without any gets an error from Flexisip.
    if contacts.isEmpty, bindings(of: user).isEmpty { return answer.refused(500, "Internal Server Error") }

    // All or nothing (RFC 3261 §10.3 step 8): the new list replaces the old one only at the end.
    var list = bindings(of: user)
    var changes: [Change] = []
    var granted = expiresField ?? Self.defaultExpires
    for contact in contacts {
      let seconds = contact[parameter: "expires"].flatMap { Int($0) } ?? expiresField ?? Self.defaultExpires
      if seconds > 0, seconds < minimumExpires {
        return answer.refused(
          423, "Interval Too Brief", headers: [SIPHeader("Min-Expires", String(minimumExpires))])
      }
      granted = min(max(seconds, 0), Self.maximumExpires)
      let binding = makeBinding(
        contact, user: user, supportsGRUU: supportsGRUU, expires: now.addingTimeInterval(TimeInterval(granted)),
        connection: connection, callID: callID, sequence: sequence)
      let place = fault == .doubledBindings ? nil : list.firstIndex { $0.key == binding.key }
      if let place, list[place].callID == callID, list[place].sequence >= sequence {
        return answer.refused(500, "CSeq Out Of Order", headers: [SIPHeader("Retry-After", "1")])
      }
      switch (place, granted > 0) {
      case (let place?, true):
        list[place] = binding
        changes.append(.renewed(binding))
      case (let place?, false):
        changes.append(.removed(list.remove(at: place)))
      case (nil, true):
        list.append(binding)
        changes.append(.added(binding))
      case (nil, false): break
      }
    }
    guard list.count <= Self.maximumBindings else { return answer.refused(403, "Too Many Contacts") }
    answer.changes += changes
    bindings[user] = list.isEmpty ? nil : list

    let current = Set(contacts.compactMap { Self.instance(of: $0) ?? $0.uri.description })
    answer.headers = list.map { SIPHeader("Contact", text(of: $0, isCurrent: current.contains($0.key), now: now)) }
    if !list.isEmpty { answer.headers.append(SIPHeader("Expires", String(granted))) }
    return answer
  }

  /// Devices whose connection is gone are offline but stay registered. Returns them.
  mutating func closed(_ connection: SIPConnection) -> [Binding] {
    var offline: [Binding] = []
    for (user, list) in bindings {
      for (place, binding) in list.enumerated() where binding.connection == connection {
        bindings[user]?[place].connection = nil
        offline.append(binding)
      }
    }
    return offline
  }

  /// Drops what has expired.
  mutating func removeExpired(now: Date = Date()) -> [Change] {
    bindings.keys.flatMap { removeExpired(of: $0, now: now) }
  }

  private mutating func removeExpired(of user: String, now: Date) -> [Change] {
    let (kept, gone) = bindings(of: user).reduce(into: ([Binding](), [Binding]())) { lists, binding in
      if binding.expires > now { lists.0.append(binding) } else { lists.1.append(binding) }
    }
    guard !gone.isEmpty else { return [] }
    bindings[user] = kept.isEmpty ? nil : kept
    return gone.map(Change.removed)
  }

  // MARK: Contacts

  private func makeBinding(
    _ contact: NameAddress, user: String, supportsGRUU: Bool, expires: Date, connection: SIPConnection, callID: String,
    sequence: UInt32
  ) -> Binding {
    var contact = contact
    contact[parameter: "expires"] = nil
    spoil(&contact, of: user)
    let instance = Self.instance(of: contact)
    let gruu = instance.map { SIPURI(user: user, host: domain, parameters: [Parameter("gr", $0)]) }
    return Binding(
      user: user, contact: contact, instance: instance, gruu: supportsGRUU && fault != .gruuOff ? gruu : nil,
      expires: expires,
      connection: connection, callID: callID, sequence: sequence)
  }

  /// What a fault does to a Contact.
  private func spoil(_ contact: inout NameAddress, of user: String) {
    let name = "+org.linphone.specs"
    func drop(_ spec: String) {
      let kept = (contact[parameter: name] ?? "").split(separator: ",").filter { !$0.hasPrefix(spec) }
      contact[parameter: name] = kept.joined(separator: ",")
    }
    switch fault {
    case .specsLost: contact[parameter: name] = nil
    case .groupchatSpecMissing where user != creator: drop("groupchat")
    case .limeSpecMissing where user != creator: drop("lime")
    default: break
    }
  }

  /// The URN in `+sip.instance="<urn:uuid:…>"`.
  private static func instance(of contact: NameAddress) -> String? {
    guard let value = contact[parameter: "+sip.instance"], value.hasPrefix("<"), value.hasSuffix(">"), value.count > 2
    else { return nil }
    return String(value.dropFirst().dropLast())
  }

  /// As Flexisip echoes it: the request's own contacts have the time of the Expires field, others one of their own.
  private func text(of binding: Binding, isCurrent: Bool, now: Date) -> String {
    var contact = binding.contact
    if let gruu = binding.gruu { contact[parameter: "pub-gruu"] = gruu.description }
    if !isCurrent { contact[parameter: "expires"] = String(max(0, Int(binding.expires.timeIntervalSince(now)))) }
    return contact.description
  }
}
