// CPIMMessage.swift: Common Presence and Instant Messaging message format, message/cpim (RFC 3862)
import Foundation

/// Message headers, content headers and one content. Its layout on the wire:
/// ```
/// From: <sip:…>                     message headers
/// NS: imdn <urn:ietf:params:imdn>
/// imdn.Message-ID: 8uL4SHuszakw
///
/// Content-Type: text/plain          content headers
/// Content-Length: 4
///
/// text                              content
/// ```
public struct CPIMMessage: Hashable, Sendable {
  /// Larger messages are refused, in bytes.
  public static let maximumLength = 4 << 20

  private static let format = "CPIM message"

  /// The author. In an encrypted room it must be the device that LIME authenticated.
  public var from: NameAddress?
  /// The room, or the person.
  public var to: NameAddress?
  /// Written to the second.
  public var dateTime: Date?
  /// All other message headers in written order.
  public var headers: [CPIMHeader]
  /// Headers that a reader must understand to show the message (RFC 3862 §4.6), in written order.
  public var required: [CPIMHeader.Name] = []
  /// Namespaces that are declared although no header uses them: liblinphone does so outside the encryption.
  public var unusedNamespaces: [String] = []
  /// Headers of the content, without Content-Length: that is written from the body. Content-Transfer-Encoding is among
  /// them only when the body could not be decoded.
  public var contentHeaders: HeaderFields
  /// Without its Content-Transfer-Encoding.
  public var body: Data

  /// - Parameter disposition: Content-Disposition, such as `notification` or `Reaction`.
  public init(
    from: SIPURI?, to: SIPURI? = nil, dateTime: Date? = nil, headers: [CPIMHeader] = [],
    disposition: String? = nil, contentType: ContentType = .plainText, body: Data
  ) {
    self.from = from.map { NameAddress($0) }
    self.to = to.map { NameAddress($0) }
    self.dateTime = dateTime
    self.headers = headers
    self.body = body
    contentHeaders = []
    contentHeaders["Content-Disposition"] = disposition
    contentHeaders["Content-Type"] = contentType.description
  }

  /// nil when absent or unreadable.
  public var contentType: ContentType? {
    get { contentHeaders["Content-Type"].flatMap(ContentType.init) }
    set { contentHeaders["Content-Type"] = newValue?.description }
  }

  /// The token of Content-Disposition, without parameters.
  public var contentDisposition: String? {
    get {
      contentHeaders["Content-Disposition"].map {
        String($0.prefix { $0 != ";" }).trimmingCharacters(in: .whitespaces)
      }
    }
    set { contentHeaders["Content-Disposition"] = newValue }
  }

  /// The body as text: UTF-8, unless the Content-Type names another character set. Faulty bytes become U+FFFD, and what
  /// nobody here can read is named.
  public var text: String { content.text }

  /// The content by itself.
  public var content: MIMEPart { MIMEPart(headers: contentHeaders, body: body) }

  /// What chat demands of a message that it shows: From, To and Content-Type (others are answered with 488).
  /// - Throws: ``FormatError/missing(format:field:)``.
  public func requireAddressesAndType() throws {
    guard from != nil else { throw FormatError.missing(format: Self.format, field: "From") }
    guard to != nil else { throw FormatError.missing(format: Self.format, field: "To") }
    guard contentType != nil else { throw FormatError.missing(format: Self.format, field: "Content-Type") }
  }

  // MARK: Extension headers

  /// Value of the first header of that name. Prefixes `imdn.` and `linphone.` stand for their namespaces, whatever
  /// prefix the message itself uses; a name without them is one of RFC 3862's own. Names compare without case.
  /// Setting changes the header where it stands, or appends it; setting nil removes all of that name.
  public subscript(header name: String) -> String? {
    get {
      let (namespace, name) = Self.resolve(name, Self.declaredPrefixes)
      return headers.first { $0.namespace == namespace && $0.name.equalsIgnoringCase(name) }?.value
    }
    set {
      let (namespace, name) = Self.resolve(name, Self.declaredPrefixes)
      let index = headers.firstIndex { $0.namespace == namespace && $0.name.equalsIgnoringCase(name) }
      guard let newValue else {
        return headers.removeAll { $0.namespace == namespace && $0.name.equalsIgnoringCase(name) }
      }
      if let index {
        headers[index].value = newValue
      } else {
        headers.append(CPIMHeader(namespace: namespace, name: name, value: newValue))
      }
    }
  }

  private static let declaredPrefixes = CPIMNamespace.usualPrefixes

  /// Splits `prefix.Name`; a prefix that is not known stays part of the name.
  private static func resolve(_ name: String, _ prefixes: [String: String]) -> (namespace: String?, name: String) {
    guard let dot = name.firstIndex(of: ".") else { return (prefixes[""], name) }
    guard let namespace = prefixes[String(name[..<dot])] else { return (nil, name) }
    return (namespace, String(name[name.index(after: dot)...]))
  }
}

// MARK: - Reading

extension CPIMMessage {
  /// Unknown headers are kept as they are. From and To that are no SIP address count as absent; so does a broken
  /// DateTime. Lines may end with CRLF or LF.
  public init(parsing data: Data) throws {
    guard data.count <= Self.maximumLength else {
      throw FormatError.tooLarge(format: Self.format, limit: "\(Self.maximumLength) bytes")
    }
    let bytes = [UInt8](data)
    var index = 0
    let messageHeaders = try HeaderFields.parse(bytes[...], at: &index, format: Self.format)
    guard !messageHeaders.fields.isEmpty else {
      throw FormatError.malformed(format: Self.format, reason: "no message headers")
    }
    contentHeaders = try HeaderFields.parse(bytes[...], at: &index, format: Self.format)
    // The content is all that is left (RFC 3862 §3): some count its length in characters.
    contentHeaders["Content-Length"] = nil
    body = Data(bytes[index...])
    if let decoded = TransferEncoding.decode(body, contentHeaders["Content-Transfer-Encoding"]) {
      body = decoded
      contentHeaders["Content-Transfer-Encoding"] = nil
    }
    headers = []

    // An NS header governs the headers after it.
    var prefixes = CPIMNamespace.usualPrefixes
    var declared: [String] = []
    for field in messageHeaders.fields {
      if field.name.equalsIgnoringCase("NS") {
        guard let (prefix, uri) = Self.namespace(field.value) else { continue }
        prefixes[prefix] = uri
        declared.append(uri)
      } else if field.name.equalsIgnoringCase("From") {
        from = from ?? NameAddress.outsideSIP(field.value)
      } else if field.name.equalsIgnoringCase("To") {
        to = to ?? NameAddress.outsideSIP(field.value)
      } else if field.name.equalsIgnoringCase("DateTime") {
        dateTime = dateTime ?? RFC3339.date(from: field.value)
      } else if field.name.equalsIgnoringCase("Require") {
        for name in field.value.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) })
        where !name.isEmpty {
          let (namespace, name) = Self.resolve(name, prefixes)
          required.append(CPIMHeader.Name(namespace: namespace, name: name))
        }
      } else {
        headers.append(Self.header(field, prefixes))
      }
    }
    let used = Set(headers.map(\.namespace) + required.map(\.namespace))
    for uri in declared where !unusedNamespaces.contains(uri) && !used.contains(uri) {
      unusedNamespaces.append(uri)
    }
  }

  /// `prefix <uri>` or `<uri>`.
  private static func namespace(_ value: String) -> (prefix: String, uri: String)? {
    guard let open = value.firstIndex(of: "<"), value.last == ">" else { return nil }
    let prefix = value[..<open].trimmingCharacters(in: .whitespaces)
    return (prefix, String(value[value.index(after: open)...].dropLast()))
  }

  private static func header(_ field: HeaderFields.Field, _ prefixes: [String: String]) -> CPIMHeader {
    let (namespace, name) = resolve(field.name, prefixes)
    var value = Array(field.value.utf8)[...]
    var parameters: [Parameter] = []
    if value.first == ASCII.semicolon {
      var index = value.startIndex
      while index < value.endIndex, !ASCII.isBlank(value[index]) {
        if value[index] == ASCII.quote, QuotedString.read(value, at: &index) != nil { continue }
        index += 1
      }
      if let parsed = HeaderParameters.parse(value[..<index]) {
        parameters = parsed
        value = ASCII.trim(value[index...])
      }
    }
    let text = CPIMEscape.unescape(String(decoding: value, as: UTF8.self))
    return CPIMHeader(namespace: namespace, name: name, value: text, parameters: parameters)
  }
}

// MARK: - Writing

extension CPIMMessage {
  /// From, To, DateTime, then the other headers, each namespace declared before its first header; CRLF line ends.
  /// Content-Length is written for every body that is not empty.
  public var serialized: Data {
    var text = ""
    if let from { text += HeaderFields.line("From", from.description) }
    if let to { text += HeaderFields.line("To", to.description) }
    if let dateTime { text += HeaderFields.line("DateTime", RFC3339.string(from: dateTime)) }

    var prefixes: [String: String] = [:]
    func declare(_ namespace: String) {
      guard prefixes[namespace] == nil else { return }
      let usual = CPIMNamespace.usualPrefixes.first { $0.value == namespace }?.key
      let prefix = usual ?? "ns\(prefixes.count + 1)"
      prefixes[namespace] = prefix
      text += HeaderFields.line("NS", "\(prefix) <\(namespace)>")
    }
    for namespace in unusedNamespaces { declare(namespace) }
    func prefix(of namespace: String?) -> String { namespace.flatMap { prefixes[$0] }.map { $0 + "." } ?? "" }
    for namespace in required.compactMap(\.namespace) { declare(namespace) }
    if !required.isEmpty {
      let names = required.map { prefix(of: $0.namespace) + $0.name }
      text += HeaderFields.line("Require", names.joined(separator: ", "))
    }
    for header in headers {
      if let namespace = header.namespace { declare(namespace) }
      let value = CPIMEscape.escape(header.value)
      let parameters = header.parameters.headerText
      text += HeaderFields.line(
        prefix(of: header.namespace) + header.name, parameters.isEmpty ? value : "\(parameters) \(value)")
    }
    text += "\r\n"

    var content = contentHeaders
    content["Content-Length"] = body.isEmpty ? nil : String(body.count)
    return Data(text.utf8) + content.serialized + Data("\r\n".utf8) + body
  }
}
