// FileTransferInfo.swift: where to fetch a file, application/vnd.gsma.rcs-ft-http+xml (GSMA RCC.07 §3.5.4.8)
import Foundation

/// The file server's answer to an upload, and the content of the message that hands the file on.
public struct FileTransferInfo: Hashable, Sendable {
  static let namespace = "urn:gsma:params:xml:ns:rcs:rcs:fthttp"
  static let mediaNamespace = "urn:gsma:params:xml:ns:rcs:rcs:rram"
  private static let format = "file transfer XML"
  /// More `file-info` elements than this are refused.
  public static let maximumFiles = 64
  /// Longest key and tag, in bytes; LIME files have 32 and 16.
  public static let maximumSecretLength = 256

  /// One `file-info` element.
  public struct File: Hashable, Sendable {
    /// Bytes, as the sender says; nil when it does not.
    public var size: Int?
    /// As the sender named it, without escapes (`FileNameEscapes`): may hold paths and control characters. Not for use as
    /// a path.
    public var name: String?
    /// Media type as written; nil when the document does not say.
    public var contentType: String?
    /// As written; to be checked before it is fetched.
    public var url: String
    /// When the server deletes the file.
    public var until: Date?
    /// 32 bytes in an encrypted room: 24 bytes AES-192 key, 8 bytes IV. Secret.
    public var key: Data?
    /// 16 bytes: the AES-GCM tag.
    public var authTag: Data?
    /// Length of a voice recording in milliseconds.
    public var playingLength: Int?

    public init(
      url: String, size: Int? = nil, name: String? = nil, contentType: String? = nil, until: Date? = nil,
      key: Data? = nil, authTag: Data? = nil, playingLength: Int? = nil
    ) {
      self.url = url
      self.size = size
      self.name = name
      self.contentType = contentType
      self.until = until
      self.key = key
      self.authTag = authTag
      self.playingLength = playingLength
    }
  }

  /// The file itself (`type="file"`).
  public var file: File
  /// A small picture of the file, fetched by itself.
  public var thumbnail: File?

  public init(_ file: File, thumbnail: File? = nil) {
    self.file = file
    self.thumbnail = thumbnail
  }

  /// Elements other than those of ``File`` are ignored. Faulty base64 of a key is an error: the file could not be read.
  public init(parsing data: Data) throws {
    let root = try XMLReader.parse(data, root: "file", namespace: Self.namespace, format: Self.format)
    let nodes = root.all("file-info")
    guard nodes.count <= Self.maximumFiles else {
      throw FormatError.tooLarge(format: Self.format, limit: "\(Self.maximumFiles) files")
    }
    guard let node = nodes.first(where: { $0.attributes["type"] ?? "file" == "file" }) else {
      throw FormatError.missing(format: Self.format, field: "file-info of type file")
    }
    file = try Self.file(node)
    // A file that can be fetched is worth more than the refusal of a bad picture.
    thumbnail = nodes.first { $0.attributes["type"] == "thumbnail" }.flatMap { try? Self.file($0) }
  }

  private static func file(_ node: XMLNode) throws -> File {
    guard let data = node.first("data"), let url = data.attributes["url"], !url.isEmpty else {
      throw FormatError.missing(format: format, field: "data url")
    }
    var file = File(url: url)
    file.size = node.first("file-size").flatMap { ASCII.decimal($0.text.utf8, maximum: .max) }
    file.name = (node.first("file-name")?.text).map(FileNameEscapes.read)
    file.contentType = node.first("content-type")?.text
    file.until = data.attributes["until"].flatMap(RFC3339.date(from:))
    file.key = try secret(node.first("file-key"), "file-key")
    file.authTag = try secret(node.first("file-authTag"), "file-authTag")
    file.playingLength = node.first("playing-length", in: mediaNamespace).flatMap { ASCII.decimal($0.text.utf8) }
    return file
  }

  private static func secret(_ node: XMLNode?, _ name: String) throws -> Data? {
    guard let text = node?.text else { return nil }
    guard let data = Data(base64Encoded: text), (1...maximumSecretLength).contains(data.count) else {
      throw FormatError.malformed(format: format, reason: "\(name) is not base64 of a key")
    }
    return data
  }

  /// An element a line, CRLF between them, as Linphone writes it.
  public var serialized: Data {
    var writer = XMLWriter(lineBreak: "\r\n", indent: "", declaration: #"<?xml version="1.0" encoding="UTF-8"?>"#)
    writer.element("file", [("xmlns", Self.namespace), ("xmlns:am", Self.mediaNamespace)]) { root in
      if let thumbnail { Self.write(thumbnail, type: "thumbnail", &root) }
      Self.write(file, type: "file", &root)
    }
    return writer.data
  }

  private static func write(_ file: File, type: String, _ writer: inout XMLWriter) {
    writer.element("file-info", [("type", type)]) { info in
      if let size = file.size { info.element("file-size", text: String(size)) }
      if let name = file.name { info.element("file-name", text: FileNameEscapes.write(name)) }
      if let contentType = file.contentType { info.element("content-type", text: contentType) }
      if let length = file.playingLength { info.element("am:playing-length", text: String(length)) }
      if let key = file.key { info.element("file-key", text: key.base64EncodedString()) }
      if let tag = file.authTag { info.element("file-authTag", text: tag.base64EncodedString()) }
      var attributes = [("url", file.url)]
      if let until = file.until { attributes.append(("until", RFC3339.string(from: until))) }
      info.element("data", attributes)
    }
  }
}
