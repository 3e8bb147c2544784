// ConfCheck+Routing.swift: modules that must be on, registrations that must be told apart, messages that must be kept
import Foundation

extension ConfCheck {
  private static let registrar = "module::Registrar"
  private static let router = "module::Router"
  /// Messages that are kept for less are lost over a night, in seconds.
  private static let shortDelivery = 86_400

  mutating func checkRouting() {
    for (module, loss) in [
      (Self.registrar, "nobody can register"), (Self.router, "nobody can be reached"),
      ("module::Forward", "nothing is sent on"),
    ] where isOff(module, "enabled") {
      report(module, "enabled", "\(module) is off: \(loss)", correction: "enabled=true")
    }
    if isOff("module::NatHelper", "enabled") {
      warn(
        "module::NatHelper", "enabled", "clients behind NAT are not reached: the addresses they give are not corrected",
        correction: "enabled=true")
    }
    checkContacts()
    if isOff(Self.router, "message-fork-late") {
      report(
        Self.router, "message-fork-late", "messages for devices that are out of reach are lost",
        correction: "message-fork-late=true")
    } else if let seconds = deliveryTimeout, seconds < Self.shortDelivery {
      warn(
        Self.router, "message-delivery-timeout",
        "messages for devices that are out of reach are kept for \(seconds) s only",
        correction: "message-delivery-timeout=604800")
    }
  }

  private mutating func checkContacts() {
    let key = "unique-id-parameters"
    let parameters = conf.words(Self.registrar, key)
    let others = parameters.filter { $0.lowercased() != "+sip.instance" }
    if parameters.first?.lowercased() != "+sip.instance" {
      report(
        Self.registrar, key, "devices are not told apart by +sip.instance: each new address adds one",
        correction: "\(key)=\((["+sip.instance"] + others).joined(separator: " "))")
    }
    // How many devices a user can have, and how many Contact headers one REGISTER.
    let contacts = "max-contacts-by-aor"
    if let count = conf.setting(Self.registrar, contacts).flatMap({ Int($0.value) }), count < 3 {
      if count > 0 {
        warn(
          Self.registrar, contacts, "a user's device beyond \(count) throws out another, which leaves its rooms",
          correction: "\(contacts)=12")
      } else {
        report(Self.registrar, contacts, "nobody can register: REGISTER gets 500", correction: "\(contacts)=12")
      }
    }
    let headers = "max-contacts-per-registration"
    if let count = conf.setting(Self.registrar, headers).flatMap({ Int($0.value) }), count < 1 {
      report(
        Self.registrar, headers, "it must be positive: the server does not start", correction: "\(headers)=12",
        preventsStart: true)
    }
  }

  /// In seconds.
  private var deliveryTimeout: Int? {
    let key = "message-delivery-timeout"
    return FlexisipKeys.key(key, in: Self.router, by: conf.program)?.number(conf.value(Self.router, key))
  }

  private func isOff(_ section: String, _ key: String) -> Bool { ["false", "0"].contains(conf.value(section, key)) }
}
