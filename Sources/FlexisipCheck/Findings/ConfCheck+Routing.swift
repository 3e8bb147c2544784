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
    } else if let seconds = Int(conf.value(Self.router, "message-delivery-timeout")), seconds < Self.shortDelivery {
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
    for key in ["max-contacts-by-aor", "max-contacts-per-registration"] {
      guard let count = conf.setting(Self.registrar, key).flatMap({ Int($0.value) }), count < 3 else { continue }
      guard count > 0 else {
        report(Self.registrar, key, "nobody can register: REGISTER gets 500", correction: "\(key)=12")
        continue
      }
      warn(
        Self.registrar, key, "a user's device beyond \(count) throws out another, which leaves its rooms",
        correction: "\(key)=12")
    }
  }

  private func isOff(_ section: String, _ key: String) -> Bool { ["false", "0"].contains(conf.value(section, key)) }
}
