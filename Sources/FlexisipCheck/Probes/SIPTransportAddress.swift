// SIPTransportAddress.swift: where a SIP URI of flexisip.conf listens or sends (transports, outbound-proxy)
import Foundation

/// `sip:host:port;transport=…;maddr=…`, where host may be `*`.
struct SIPTransportAddress: Equatable {
  var host: String
  var port: Int
  /// udp, tcp or tls; two when a `sip:` URI names none.
  var protocols: Set<String>
  var maddr: String?

  /// nil when the text is no SIP URI.
  init?(_ text: String) {
    let lower = text.lowercased()
    let isSecure = lower.hasPrefix("sips:")
    guard isSecure || lower.hasPrefix("sip:") else { return nil }
    let pieces = text.dropFirst(isSecure ? 5 : 4).split(separator: ";").map(String.init)
    guard let authority = pieces.first?.split(separator: "@").last.map(String.init), !authority.isEmpty,
      !authority.contains(where: { "<>\" ".contains($0) })
    else { return nil }
    var parameters: [String: String] = [:]
    for piece in pieces.dropFirst() {
      let pair = piece.split(separator: "=", maxSplits: 1).map(String.init)
      if let name = pair.first { parameters[name.lowercased()] = pair.count > 1 ? pair[1] : "" }
    }
    let portText: String?
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      host = String(authority[authority.index(after: authority.startIndex)..<end])
      let rest = authority[authority.index(after: end)...]
      portText = rest.hasPrefix(":") ? String(rest.dropFirst()) : nil
    } else {
      let parts = authority.split(separator: ":", maxSplits: 1).map(String.init)
      host = parts[0]
      portText = parts.count > 1 ? parts[1] : nil
    }
    if isSecure || parameters["transport"]?.lowercased() == "tls" {
      protocols = ["tls"]
    } else {
      protocols = parameters["transport"].map { [$0.lowercased()] } ?? ["udp", "tcp"]
    }
    if let portText {
      guard let number = Int(portText), (0...65_535).contains(number) else { return nil }
      port = number
    } else {
      port = protocols == ["tls"] ? 5061 : 5060
    }
    maddr = parameters["maddr"]
  }

  /// Whether what is sent to `target` arrives at this listener, as far as the text tells.
  func accepts(_ target: SIPTransportAddress) -> Bool {
    guard port == target.port, !protocols.isDisjoint(with: target.protocols) else { return false }
    return Self.isWildcard(host) || [host, maddr ?? host].contains { Self.isSame($0, target.host) }
      || maddr.map(Self.isWildcard) == true
  }

  /// Whether both would listen at the same socket.
  func collides(with other: SIPTransportAddress) -> Bool {
    guard port == other.port, port != 0, !protocols.isDisjoint(with: other.protocols) else { return false }
    let (one, two) = (maddr ?? host, other.maddr ?? other.host)
    return Self.isWildcard(one) || Self.isWildcard(two) || Self.isSame(one, two)
  }

  static func isWildcard(_ host: String) -> Bool { ["*", "0.0.0.0", "::", "::0"].contains(host) }

  static func isLoopback(_ host: String) -> Bool {
    host.hasPrefix("127.") || host == "::1" || host.lowercased() == "localhost"
  }

  static func isSame(_ one: String, _ other: String) -> Bool {
    one.caseInsensitiveCompare(other) == .orderedSame
      || (one.lowercased() == "localhost" && ["127.0.0.1", "::1"].contains(other))
      || (other.lowercased() == "localhost" && ["127.0.0.1", "::1"].contains(one))
  }
}
