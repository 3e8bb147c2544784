// AddressKey.swift: the one spelling of an address, by which it is looked up (RFC 3261 §10.3 step 5, §19.1.4).
import Foundation

extension SIPURI {
  /// The account that the URI belongs to, as it is compared and stored: `sip:` also for `sips:`, no parameters, headers
  /// or port, the host in lower case, and no escape that is not needed, so that all spellings are one text.
  ///
  /// It says who, not how to get there: requests go to the URI as it came, and a device's LIME identifier keeps its
  /// bytes.
  public var addressOfRecord: SIPURI {
    var canonical = SIPURI(user: nil, host: Self.canonicalHost(host))
    canonical.copyUser(of: self)
    return canonical
  }

  /// A conference as it is looked up: the same for all spellings and whichever `gr` its server has at the time
  /// (a restart of Flexisip's conference server writes the parameters in another order, a new server has another `gr`).
  public var conferenceKey: String {
    let identifying = parameters.filter { !Self.routingParameters.contains($0.name.lowercased()) }
      .map { parameter -> String in
        let name = PercentEncoding.canonical(parameter.name, where: ASCII.isURIParameter).lowercased()
        guard let value = parameter.value else { return name }
        return name + "=" + PercentEncoding.canonical(value, where: ASCII.isURIParameter)
      }
    return ([addressOfRecord.description] + identifying.sorted()).joined(separator: ";")
  }

  /// Parameters that say how to get there, or which of a server's instances answers, and not what is there.
  private static let routingParameters: Set<String> = ["gr", "transport", "lr", "maddr", "ttl", "ob"]

  /// A device as it is looked up: the address of record and the `gr` (a URN, in which case does not count: RFC 8141).
  public var deviceKey: String {
    guard let gruu else { return addressOfRecord.description }
    let name = PercentEncoding.canonical(gruu, where: ASCII.isURIParameter)
    let isURN = name.utf8.prefix(4).elementsEqual("urn:".utf8) { ASCII.lowercase($0) == $1 }
    return addressOfRecord.description + ";gr=" + (isURN ? name.lowercased() : name)
  }

  private static func canonicalHost(_ host: String) -> String {
    let host = host.lowercased()
    return host.hasSuffix(".") && host.count > 1 ? String(host.dropLast()) : host
  }
}
