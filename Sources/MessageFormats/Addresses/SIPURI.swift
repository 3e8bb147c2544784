// SIPURI.swift: SIP and SIPS URIs (RFC 3261 §19.1, GRUU: RFC 5627)
import Foundation

/// A SIP or SIPS URI: `sip:user@host:port;name=value`.
///
/// Text and order of all parts are kept, so that a GRUU is written as it was read: it is a device's name in LIME.
/// Two URIs are equal when scheme, user (unescaped, case-sensitive), host (case-insensitive), port and all parameters
/// (in any order) are equal. This is stricter than RFC 3261 §19.1.4, which ignores unknown parameters that only one
/// side has: the parameters of a GRUU or of a room tell one from another.
public struct SIPURI: Hashable, Sendable, Codable, CustomStringConvertible, LosslessStringConvertible {
  /// Longer texts are refused, in bytes, and what would be longer with the escapes that it needs.
  public static let maximumLength = 4096
  /// More URI parameters than this are refused.
  public static let maximumParameters = 64

  /// Whether the scheme is `sips`.
  public var isSecure: Bool
  /// A host name, an IPv4 address, or an IPv6 address in brackets. Characters that no host can have are left out.
  public var host: String { didSet { host = Self.cleanHost(host) } }
  /// 0 to 65535, nil when not written.
  public var port: Int?
  /// URI parameters in written order. Values are as in the URI, escapes included; what needs an escape gets one.
  public var parameters: [Parameter] { didSet { parameters = parameters.map(Self.escaped) } }
  /// What follows "?", as written (RFC 3261 §19.1.1, `headers`). Not part of the comparison.
  public private(set) var headers: String?

  /// The user part with its escapes.
  private var escapedUser: String?

  /// The user part, unescaped. A password ("user:password") is not kept.
  public var user: String? {
    get { escapedUser.map(PercentEncoding.decode) }
    set { escapedUser = newValue.map { PercentEncoding.encode($0.utf8, where: ASCII.isURIUser) } }
  }

  /// Takes over the user of another URI in the spelling that needs the fewest escapes.
  mutating func copyUser(of other: SIPURI) {
    escapedUser = other.escapedUser.map { PercentEncoding.canonical($0, where: ASCII.isURIUser) }
  }

  /// Makes a URI from parts that the program knows. A port out of range is left out.
  public init(user: String?, host: String, port: Int? = nil, parameters: [Parameter] = []) {
    isSecure = false
    self.host = Self.cleanHost(host)
    self.port = port.flatMap { (0...65535).contains($0) ? $0 : nil }
    self.parameters = parameters.map(Self.escaped)
    self.user = user
  }

  /// Reads `sip:…` or `sips:…` without angle brackets or header parameters. nil when it is no such URI.
  public init?(_ string: String) {
    let bytes = Array(string.utf8)
    guard bytes.count <= Self.maximumLength, let colon = bytes.firstIndex(of: ASCII.colon) else { return nil }
    let scheme = String(decoding: bytes[..<colon], as: UTF8.self)
    guard scheme.equalsIgnoringCase("sip") || scheme.equalsIgnoringCase("sips") else { return nil }
    isSecure = scheme.equalsIgnoringCase("sips")

    var rest = bytes[(colon + 1)...]
    // White space, quotes, brackets and control bytes would let a URI break out of a header field.
    let forbidden: (UInt8) -> Bool = {
      ASCII.isControl($0) || $0 == ASCII.space || $0 == ASCII.quote || $0 == ASCII.less || $0 == ASCII.greater
        || $0 == ASCII.backslash
    }
    guard !rest.contains(where: forbidden) else { return nil }
    // ";" and "?" may be part of the user, so the "@" decides first.
    if let at = rest.firstIndex(of: UInt8(ascii: "@")) {
      let account = rest[..<at].prefix { $0 != ASCII.colon }
      guard !account.isEmpty, let user = PercentEncoding.normalize(account, where: ASCII.isURIUser) else { return nil }
      escapedUser = user
      rest = rest[(at + 1)...]
    }
    if let question = rest.firstIndex(of: UInt8(ascii: "?")) {
      let isHeader: (UInt8) -> Bool = { ASCII.isURIParameter($0) || $0 == UInt8(ascii: "?") || $0 == ASCII.equals }
      headers = PercentEncoding.normalize(rest[(question + 1)...], where: isHeader)
      guard headers != nil else { return nil }
      rest = rest[..<question]
    }
    let pieces = rest.split(separator: ASCII.semicolon, omittingEmptySubsequences: false)
    guard let authority = pieces.first, let (host, port) = Self.hostAndPort(authority) else { return nil }
    self.host = host
    self.port = port
    parameters = []
    for piece in pieces.dropFirst() where !piece.isEmpty {
      guard parameters.count < Self.maximumParameters, let parameter = Self.parameter(piece) else { return nil }
      parameters.append(parameter)
    }
    // An escape takes three bytes for one.
    guard bytes.count <= Self.maximumLength / 3 || description.utf8.count <= Self.maximumLength else { return nil }
  }

  public var description: String {
    var text = isSecure ? "sips:" : "sip:"
    if let escapedUser { text += escapedUser + "@" }
    text += host
    if let port { text += ":\(port)" }
    for parameter in parameters {
      text += ";" + parameter.name
      if let value = parameter.value { text += "=" + value }
    }
    if let headers { text += "?" + headers }
    return text
  }

  // MARK: Parameters

  /// Value of a URI parameter: empty when it has none, nil when it is absent. Setting nil removes it.
  public subscript(parameter name: String) -> String? {
    get { parameters[parameter: name] }
    set { parameters[parameter: name] = newValue }
  }

  /// Whether the URI parameter is there, with or without a value.
  public func has(parameter name: String) -> Bool { parameters.has(parameter: name) }

  /// The same without one parameter, all of that name.
  public func without(parameter name: String) -> SIPURI {
    var copy = self
    copy.parameters.removeAll { $0.name.equalsIgnoringCase(name) }
    return copy
  }

  /// The same with one parameter added or changed; a nil value writes the name alone.
  public func with(parameter name: String, _ value: String? = nil) -> SIPURI {
    var copy = without(parameter: name)
    copy.parameters.append(Parameter(name, value))
    return copy
  }

  /// Scheme, user, host and port alone: the address-of-record when `self` is a GRUU of an account.
  public var withoutParameters: SIPURI {
    var copy = self
    copy.parameters = []
    copy.headers = nil
    return copy
  }

  /// The `gr` parameter (RFC 5627 §6.1): nil when absent or empty, which makes it no GRUU of a device.
  public var gruu: String? { self[parameter: "gr"].flatMap { $0.isEmpty ? nil : $0 } }
}

// MARK: - Comparison

extension SIPURI {
  /// Values that name a protocol or a host, and so have no case. All others are compared exactly.
  private static let caseInsensitiveValues: Set<String> = ["transport", "maddr", "user", "ttl"]

  /// In one order and one case, where case does not count.
  private var comparedParameters: [Parameter] {
    let normalized = parameters.map { parameter in
      let name = parameter.name.lowercased()
      let hasCase = !Self.caseInsensitiveValues.contains(name)
      return Parameter(name, hasCase ? parameter.value : parameter.value?.lowercased())
    }
    return normalized.sorted { ($0.name, $0.value ?? "") < ($1.name, $1.value ?? "") }
  }

  public static func == (left: SIPURI, right: SIPURI) -> Bool {
    guard left.isSecure == right.isSecure, left.port == right.port, left.host.equalsIgnoringCase(right.host),
      left.escapedUser == right.escapedUser || left.user == right.user
    else { return false }
    return left.parameters == right.parameters || left.comparedParameters == right.comparedParameters
  }

  /// Coarser than the comparison: case and order of the parameters never count.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(isSecure)
    hasher.combine(user)
    hasher.combine(port)
    Self.feed(host, into: &hasher)
    var sum = 0
    for parameter in parameters {
      var own = Hasher()
      Self.feed(parameter.name, into: &own)
      Self.feed(parameter.value ?? "", into: &own)
      sum &+= own.finalize()
    }
    hasher.combine(sum)
  }

  private static func feed(_ text: String, into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(ASCII.lowercase(byte)) }
    hasher.combine(UInt8(0))
  }

  /// From a string.
  /// - Throws: `DecodingError.dataCorrupted` when it is no SIP URI.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let uri = SIPURI(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a SIP URI")
    }
    self = uri
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

// MARK: - Parts of the grammar

extension SIPURI {
  private static func cleanHost(_ text: String) -> String {
    String(decoding: text.utf8.filter { ASCII.isAlphanumeric($0) || "-._[]:".utf8.contains($0) }, as: UTF8.self)
  }

  private static func hostAndPort(_ bytes: ArraySlice<UInt8>) -> (host: String, port: Int?)? {
    var rest = bytes
    let host: ArraySlice<UInt8>
    if rest.first == UInt8(ascii: "[") {
      guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
      host = rest[...end]
      let address = host.dropFirst().dropLast()
      guard address.contains(ASCII.colon),
        address.allSatisfy({ ASCII.hexValue($0) != nil || $0 == ASCII.colon || $0 == UInt8(ascii: ".") })
      else { return nil }
      rest = rest[(end + 1)...]
    } else {
      host = rest.prefix { $0 != ASCII.colon }
      guard !host.isEmpty, host.allSatisfy({ ASCII.isAlphanumeric($0) || "-._".utf8.contains($0) }) else { return nil }
      rest = rest.dropFirst(host.count)
    }
    let name = String(decoding: host, as: UTF8.self)
    guard let separator = rest.first else { return (name, nil) }
    guard separator == ASCII.colon, let port = ASCII.decimal(rest.dropFirst(), maximum: 65535) else { return nil }
    return (name, port)
  }

  private static func parameter(_ bytes: ArraySlice<UInt8>) -> Parameter? {
    let nameBytes = bytes.prefix { $0 != ASCII.equals }
    guard !nameBytes.isEmpty, let name = PercentEncoding.normalize(nameBytes, where: ASCII.isURIParameter) else {
      return nil
    }
    guard nameBytes.count < bytes.count else { return Parameter(name) }
    let valueBytes = bytes.dropFirst(nameBytes.count + 1)
    guard let value = PercentEncoding.normalize(valueBytes, where: ASCII.isURIParameter) else { return nil }
    return Parameter(name, value)
  }

  private static func escaped(_ parameter: Parameter) -> Parameter {
    func escape(_ text: String) -> String {
      let bytes = Array(text.utf8)
      return PercentEncoding.normalize(bytes[...], where: ASCII.isURIParameter)
        ?? PercentEncoding.encode(bytes, where: ASCII.isURIParameter)
    }
    return Parameter(escape(parameter.name), parameter.value.map(escape))
  }
}
