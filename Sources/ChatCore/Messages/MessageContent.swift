// MessageContent.swift: text and files of a message, in the forms that Linphone writes and reads (RFC 2046 §5.1.3)
import FileTransfer
import Foundation
import MessageFormats

/// What a message says and offers.
struct MessageContent {
  /// More files in one message are not shown.
  static let maximumFiles = 16

  var text = ""
  var files: [MessageFile] = []

  init(text: String, files: [MessageFile]) {
    self.text = text
    self.files = files
  }

  /// Contents that this client does not show are named.
  init(_ cpim: CPIMMessage) {
    let type = cpim.contentType ?? .plainText
    if type.isMultipart,
      let parts = try? MultipartBody(parsing: cpim.body, contentType: type.description).parts
    {
      var texts: [String] = []
      for part in parts {
        let content = Self.part(part)
        if !content.text.isEmpty { texts.append(MessageText.received(content.text)) }
        files += content.files.prefix(Self.maximumFiles - files.count)
      }
      text = texts.joined(separator: "\n")
    } else {
      self = Self.part(cpim.content)
      text = MessageText.received(text)
    }
  }

  private static func part(_ part: MIMEPart) -> MessageContent {
    let type = part.contentType ?? .plainText
    if type.matches(ContentType.plainText.mediaType) { return MessageContent(text: part.text, files: []) }
    if type.matches(ContentType.fileTransfer.mediaType), let body = part.decodedBody,
      let file = try? FileTransferInfo(parsing: body).file
    {
      return MessageContent(text: "", files: [MessageFile(file)])
    }
    return MessageContent(text: "[\(type.mediaType), \(part.body.count) bytes]", files: [])
  }

  /// Puts the files, and the text before them, into a message that had the text only.
  /// - Precondition: every file has an address.
  func write(to cpim: inout CPIMMessage) {
    let files = files.compactMap(\.offer).map { FileTransferInfo($0).serialized }
    if text.isEmpty, files.count == 1 {
      cpim.contentType = .fileTransfer
      cpim.body = files[0]
      return
    }
    var parts = files.map { MIMEPart(headers: [.init("Content-Type", ContentType.fileTransfer.description)], body: $0) }
    if !text.isEmpty {
      // Without the charset Linphone takes the text for that of its machine's locale.
      let type = "text/plain;charset=UTF-8"
      parts.insert(MIMEPart(headers: [.init("Content-Type", type)], body: Data(text.utf8)), at: 0)
    }
    let boundary = MultipartBody.boundary(avoidedBy: parts)
    cpim.contentType = ContentType("multipart/mixed;boundary=\(boundary)")
    cpim.body = MultipartBody(parts).serialized(boundary: boundary)
  }
}
