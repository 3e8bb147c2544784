// LimeEnvelope.swift: multipart/encrypted bodies that carry LIME messages through a conference
import Foundation

/// An encrypted message as it travels: who sent it, a ratchet message for each device, and the content encrypted once.
///
/// Parts in this order: a `message/cpim` part that holds only From and the Message-ID, a `message/sipfrag` part with
/// From, an `application/lime` part a device, an `application/octet-stream` part. Sender and Message-ID are written by
/// whoever sent the message and are not authenticated: only the encrypted CPIM message inside is.
public struct LimeEnvelope: Hashable, Sendable {
  /// Larger bodies are refused, in bytes.
  public static let maximumLength = 4 << 20

  private static let format = "LIME envelope"
  private static let keyDescription = "Cipher key"
  private static let messageDescription = "Encrypted message"

  /// The sending device's GRUU, as claimed outside the encryption.
  public var sender: SIPURI
  /// Absent in notifications and typing indications.
  public var messageID: String?
  /// Ratchet message by device: the Content-Id is the device's GRUU as LIME knows it, byte for byte. Current Flexisip
  /// leaves only the addressee's.
  public var deviceParts: [String: Data]
  /// The content encrypted once for all devices; nil when each ratchet message carries it.
  public var cipherMessage: Data?
  /// Content-Encoding of what is inside the cipher message: `deflate`, or nil.
  public var contentEncoding: String?

  public init(
    sender: SIPURI, messageID: String?, deviceParts: [String: Data], cipherMessage: Data?,
    contentEncoding: String? = nil
  ) {
    self.sender = sender
    self.messageID = messageID
    self.deviceParts = deviceParts
    self.cipherMessage = cipherMessage
    self.contentEncoding = contentEncoding
  }

  /// Whether a body of that Content-Type is one of these.
  public static func matches(contentType: String) -> Bool {
    guard let type = ContentType(contentType), type.matches("multipart/encrypted") else { return false }
    return type[parameter: "protocol"]?.equalsIgnoringCase("application/lime") == true
  }

  /// - Parameter reader: the device that wants to read it. Parts for others are passed over, of which a large room's
  ///   message has many; nil takes all.
  /// - Throws: ``FormatError``; also when two parts claim the same device.
  public init(parsing body: Data, contentType: String, for reader: String? = nil) throws {
    guard Self.matches(contentType: contentType) else {
      throw FormatError.malformed(
        format: Self.format, reason: "the Content-Type is not multipart/encrypted with protocol application/lime")
    }
    guard body.count <= Self.maximumLength else {
      throw FormatError.tooLarge(format: Self.format, limit: "\(Self.maximumLength) bytes")
    }
    guard let boundary = MultipartBody.boundary(inContentType: contentType) else {
      throw FormatError.missing(format: Self.format, field: "boundary parameter in the Content-Type")
    }
    var (sender, messageID): (SIPURI?, String?)
    var deviceParts: [String: Data] = [:]
    var (cipherMessage, contentEncoding): (Data?, String?)
    let others = reader.map { OtherDevices(reader: $0) }
    try MultipartBody.forEachPart(of: body, boundary: boundary) { bytes in
      if let others, others.own(bytes) { return }
      let part = try MultipartBody.part(bytes)
      switch part.contentType?.mediaType {
      case "message/cpim":
        guard let cpim = try? CPIMMessage(parsing: part.body) else { return }
        sender = sender ?? cpim.from?.uri
        messageID = messageID ?? cpim.messageID
      case "message/sipfrag":
        var index = 0
        let fields = try? HeaderFields.parse([UInt8](part.body)[...], at: &index, format: Self.format)
        sender = sender ?? fields?["From"].flatMap { NameAddress($0)?.uri }
      case "application/lime":
        guard let device = part.headers["Content-Id"].map(Self.device), !device.isEmpty else {
          throw FormatError.missing(format: Self.format, field: "Content-Id of a device's part")
        }
        guard deviceParts[device] == nil else {
          throw FormatError.malformed(format: Self.format, reason: "two parts for the same device")
        }
        deviceParts[device] = try Self.decoded(part.body)
      case "application/octet-stream":
        guard cipherMessage == nil else {
          throw FormatError.malformed(format: Self.format, reason: "two encrypted messages")
        }
        cipherMessage = try Self.decoded(part.body)
        contentEncoding = part.headers["Content-Encoding"]?.lowercased()
      default:
        return
      }
    }
    guard let sender else { throw FormatError.missing(format: Self.format, field: "sender") }
    self.init(
      sender: sender, messageID: messageID, deviceParts: deviceParts, cipherMessage: cipherMessage,
      contentEncoding: contentEncoding)
  }

  /// Some senders write Content-Id in angle brackets (RFC 2045 §7).
  private static func device(_ contentID: String) -> String {
    contentID.hasPrefix("<") && contentID.hasSuffix(">") ? String(contentID.dropFirst().dropLast()) : contentID
  }

  private static func decoded(_ base64: Data) throws -> Data {
    if let data = Data(base64Encoded: base64) { return data }
    // In lines.
    guard let data = Data(base64Encoded: Data([UInt8](base64).filter { !ASCII.isWhitespace($0) })) else {
      throw FormatError.malformed(format: format, reason: "a part is not base64")
    }
    return data
  }

  /// Tells the parts of other devices by the bytes of their header, without reading its fields.
  private struct OtherDevices {
    private static let headerEnd = Array("\r\n\r\n".utf8)
    private static let type = Array("Content-Type: application/lime".utf8)
    private let reader: [UInt8]

    init(reader: String) { self.reader = Array(reader.utf8) }

    /// Whether a part is another device's. False in doubt.
    func own(_ part: ArraySlice<UInt8>) -> Bool {
      part.withUnsafeBytes { bytes in
        guard let end = ByteSearch.position(of: Self.headerEnd, in: bytes) else { return false }
        let header = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        return ByteSearch.position(of: Self.type, in: header) != nil
          && ByteSearch.position(of: reader, in: header) == nil
      }
    }
  }

  /// The body and its Content-Type, laid out as liblinphone 5.1 does; the devices' parts in the order of their names.
  /// In the Content-Type `boundary` comes last: older clients read it wrongly otherwise.
  public var serialized: (contentType: String, body: Data) {
    var cpim = CPIMMessage(from: sender, body: Data())
    cpim.messageID = messageID
    if messageID == nil { cpim.unusedNamespaces = [CPIMNamespace.imdn] }
    let fragment = Data("From: <\(sender)>".utf8)
    var parts = [Self.part("message/cpim", cpim.serialized), Self.part("message/sipfrag", fragment)]
    for (device, message) in deviceParts.sorted(by: { $0.key < $1.key }) {
      parts.append(
        Self.part(
          "application/lime", message.base64EncodedData(),
          [.init("Content-Id", device), .init("Content-Description", Self.keyDescription)]))
    }
    if let cipherMessage {
      var headers = [HeaderFields.Field("Content-Description", Self.messageDescription)]
      if let contentEncoding { headers.append(.init("Content-Encoding", contentEncoding)) }
      parts.append(Self.part("application/octet-stream", cipherMessage.base64EncodedData(), headers))
    }
    let boundary = MultipartBody.boundary(avoidedBy: parts)
    let contentType = #"multipart/encrypted;protocol="application/lime";boundary="# + boundary
    return (contentType, MultipartBody(parts).serialized(boundary: boundary))
  }

  private static func part(_ type: String, _ body: Data, _ headers: [HeaderFields.Field] = []) -> MIMEPart {
    let content: [HeaderFields.Field] = [.init("Content-Type", type), .init("Content-Length", String(body.count))]
    return MIMEPart(headers: HeaderFields(headers + content), body: body)
  }
}
