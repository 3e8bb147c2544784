// NameAddress.swift: name-addr and addr-spec with parameters: From, To, Contact (RFC 3261 §20.10, §25.1)
import Foundation

/// `"Display" <sip:user@host>;tag=x`, or `sip:user@host;tag=x`, where the parameters belong to the header field.
public struct NameAddress: Hashable, Sendable, CustomStringConvertible, LosslessStringConvertible {
  /// Longer field values are refused, in bytes.
  public static let maximumLength = 65_536
  /// No more addresses than this are read from one field.
  public static let maximumAddresses = 256

  /// Without quotes and escapes; nil when there is none.
  public var displayName: String?
  /// The address itself, with its own parameters.
  public var uri: SIPURI
  /// Header parameters (`tag`, `expires`, feature tags such as `+sip.instance`), values without quotes.
  public var parameters: [Parameter]

  public init(_ uri: SIPURI, displayName: String? = nil, parameters: [Parameter] = []) {
    self.uri = uri
    self.displayName = displayName
    self.parameters = parameters
  }

  /// nil when the text is not one address with a SIP or SIPS URI.
  public init?(_ string: String) {
    let bytes = Array(string.utf8)
    guard bytes.count <= Self.maximumLength else { return nil }
    self.init(bytes: ASCII.trim(bytes[...]))
  }

  private init?(bytes: ArraySlice<UInt8>) {
    var index = bytes.startIndex
    var name = ""
    if index < bytes.endIndex, bytes[index] == ASCII.quote {
      guard let content = QuotedString.read(bytes, at: &index) else { return nil }
      name = String(decoding: content, as: UTF8.self)
    }
    if let open = bytes[index...].firstIndex(of: ASCII.less), !Self.isAddressSpec(bytes[index..<open]) {
      guard let close = bytes[open...].firstIndex(of: ASCII.greater) else { return nil }
      name += ASCII.text(bytes[index..<open])
      guard let uri = SIPURI(String(decoding: bytes[(open + 1)..<close], as: UTF8.self)),
        let parameters = HeaderParameters.parse(bytes[(close + 1)...])
      else { return nil }
      self.init(uri, displayName: name.isEmpty ? nil : name, parameters: parameters)
    } else {
      let end = bytes.firstIndex(of: ASCII.semicolon) ?? bytes.endIndex
      guard index == bytes.startIndex,
        let uri = SIPURI(String(decoding: ASCII.trim(bytes[..<end]), as: UTF8.self)),
        let parameters = HeaderParameters.parse(bytes[end...])
      else { return nil }
      self.init(uri, parameters: parameters)
    }
  }

  /// Whether a bracket belongs to a quoted parameter after a bare URI (`sip:a@b;+sip.instance="<…>"`).
  private static func isAddressSpec(_ before: ArraySlice<UInt8>) -> Bool {
    before.contains(ASCII.semicolon) && before.contains(ASCII.colon)
  }

  /// The addresses of a field with commas in it. Those that cannot be read are left out, such as the `*` of Contact.
  public static func list(_ headerValue: String) -> [NameAddress] {
    let bytes = Array(headerValue.utf8)
    guard bytes.count <= maximumLength else { return [] }
    var addresses: [NameAddress] = []
    var start = 0
    var isQuoted = false
    var isBracketed = false
    var index = 0
    while index <= bytes.count, addresses.count < maximumAddresses {
      if index == bytes.count || (bytes[index] == ASCII.comma && !isQuoted && !isBracketed) {
        if let address = NameAddress(bytes: ASCII.trim(bytes[start..<index])) { addresses.append(address) }
        start = index + 1
      } else if isQuoted, bytes[index] == ASCII.backslash {
        index += index + 1 < bytes.count ? 1 : 0
      } else if bytes[index] == ASCII.quote, !isBracketed {
        isQuoted.toggle()
      } else if !isQuoted {
        if bytes[index] == ASCII.less { isBracketed = true }
        if bytes[index] == ASCII.greater { isBracketed = false }
      }
      index += 1
    }
    return addresses
  }

  /// Always with angle brackets, so that URI parameters stay with the URI.
  public var description: String {
    let name = displayName.map { QuotedString.quote($0) + " " } ?? ""
    return "\(name)<\(uri)>\(parameters.headerText)"
  }

  /// The dialog's tag of From or To (RFC 3261 §19.3).
  public var tag: String? { parameters[parameter: "tag"] }

  /// Value of a header parameter: empty when it has none, nil when it is absent. Setting nil removes it.
  public subscript(parameter name: String) -> String? {
    get { parameters[parameter: name] }
    set { parameters[parameter: name] = newValue }
  }

  /// Whether the header parameter is there, with or without a value.
  public func has(parameter name: String) -> Bool { parameters.has(parameter: name) }
}

extension NameAddress {
  /// An address outside SIP header fields: without brackets, parameters are the URI's own.
  static func outsideSIP(_ text: String) -> NameAddress? {
    SIPURI(text).map { NameAddress($0) } ?? NameAddress(text)
  }
}
