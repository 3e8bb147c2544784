// ConfCheck+Filters.swift: which requests the filters of flexisip.conf keep out of the modules that chat rooms need
import Foundation

extension ConfCheck {
  /// What must enter these modules.
  private static let needed = [
    (section: "module::Registrar", methods: ["REGISTER"], loss: "they are never answered"),
    (section: "module::Router", methods: ["INVITE", "SUBSCRIBE", "MESSAGE"], loss: "they reach nobody"),
    (
      section: "module::Forward", methods: ["INVITE", "SUBSCRIBE", "NOTIFY", "MESSAGE"],
      loss: "Flexisip 2.2 ends at the first one"
    ),
  ]
  private static let authentication = "module::Authentication"

  /// nil when the filter cannot be read, or names what is not known here.
  func filter(of section: String) -> FlexisipFilter? { try? FlexisipFilter(conf.value(section, "filter")) }

  mutating func checkFilters() {
    for setting in conf.settings where setting.key.lowercased() == "filter" {
      do throws(FlexisipFilter.Failure) { _ = try FlexisipFilter(setting.value) } catch {
        switch error {
        case .unknownName(let name):
          warn(
            setting.section, setting.key, "\(name) is no name for a filter: Flexisip 2.2 does not start with it",
            correction: "filter=",
            remedy: "names are \(FlexisipFilter.variables.sorted().joined(separator: ", "))")
        case .malformed(let fault):
          report(
            setting.section, setting.key, "the filter cannot be read (\(fault)): the server does not start",
            correction: "filter=", preventsStart: true)
        }
      }
    }
    for (section, methods, loss) in Self.needed {
      guard let filter = filter(of: section) else { continue }
      let lost = methods.filter { !filter.accepts(clientsRequest($0)) }
      guard !lost.isEmpty else { continue }
      report(
        section, "filter", "the filter keeps \(lost.joined(separator: ", ")) out of the module: \(loss)",
        correction: "filter=", preventsStart: section == "module::Forward")
    }
    checkAuthenticationFilter()
  }

  private mutating func checkAuthenticationFilter() {
    guard conf.isOn(Self.authentication, "enabled"), let filter = filter(of: Self.authentication) else { return }
    let free = ["REGISTER", "INVITE", "MESSAGE"].filter { !filter.accepts(clientsRequest($0)) }
    guard !free.isEmpty else { return }
    let isReversed = !exemptsFocus(Self.authentication)
    report(
      Self.authentication, "filter",
      "the filter keeps clients' \(free.joined(separator: ", ")) out of the module: nobody is asked for a password"
        + (isReversed ? ", but the conference server is; is it the wrong way round?" : ""),
      correction: isReversed ? "filter=!(\(conf.value(Self.authentication, "filter")))" : "filter=")
  }

  /// Whether what the conference server sends by itself does not enter the module. Its rooms have names of their own
  /// until 2.2, later those of the focus.
  func exemptsFocus(_ section: String) -> Bool {
    guard let filter = filter(of: section) else { return false }
    let names = ["conference-factory-uris", "conference-focus-uris"].flatMap { conf.words(Self.conference, $0) }
      .compactMap { $0.split(separator: "@").first.map { String($0.dropFirst("sip:".count)) } }
    return (["chatroom-abc"] + names).contains { name in
      ["NOTIFY", "INVITE", "MESSAGE"].allSatisfy { method in
        var request = clientsRequest(method)
        request["from.uri.user"] = name
        request["from.uri.params"] = name.hasPrefix("chatroom") ? "gr=abc" : "conf-id=abc"
        request["contact.uri.user"] = name
        request["user-agent"] = "Flexisip-conference/\(version.map { "\($0)" } ?? "2.2.0")"
        return !filter.accepts(request)
      }
    }
  }

  /// As Flexisip's filters see it.
  private func clientsRequest(_ method: String) -> FlexisipFilter.Request {
    let user = client?.address.user ?? "alice"
    let host = client?.address.host ?? domain
    return [
      "direction": "request", "request.method": method, "request.method-name": method, "request.uri.domain": host,
      "request.uri.user": method == "REGISTER" ? "" : "bob", "from.uri.user": user, "from.uri.domain": host,
      "from.uri.params": method == "REGISTER" ? "" : "gr=urn:uuid:abc",
      "to.uri.user": method == "REGISTER" ? user : "bob", "to.uri.domain": host, "contact.uri.user": user,
      "contact.uri.domain": host, "user-agent": "limeade", "call-id": "abc",
    ]
  }
}
