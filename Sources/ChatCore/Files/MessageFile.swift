// MessageFile.swift: a file that a message offers, and what became of it here
import FileTransfer
import Foundation
import MessageFormats

/// Stored with its message.
public struct MessageFile: Codable, Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  /// Where the file is on its way.
  public enum State: String, Codable, Sendable {
    /// Ours: waits for the file server.
    case waiting
    case uploaded
    /// Somebody's: on a file server.
    case offered
    /// In a folder of the user's, as `path` says.
    case saved
    /// Ours: will not be uploaded.
    case failed
  }

  /// Good for a file name.
  public var name: String
  /// Bytes; nil when the sender did not say.
  public var size: Int?
  /// Media type, as the sender says.
  public var contentType: String
  /// When the file server deletes it.
  public var until: Date?
  /// Changes as the transfer goes on.
  public var state: State
  /// Where it was sent from, or saved.
  public var path: String?
  /// Why it was not uploaded, or not saved the last time.
  public var failure: String?
  var url: String?
  var key: Data?
  var tag: Data?
  /// Name in the folder of transfers of what is uploaded.
  var copy: String?

  /// Whether the file server cannot read it.
  public var isEncrypted: Bool { key != nil }
  /// Whether there is something to fetch.
  public var isOffered: Bool { url != nil }
  /// Whether the file server has deleted it by now.
  public var isExpired: Bool { until.map { $0 < Date() } ?? false }

  init(_ offer: FileTransferInfo.File) {
    name = SafeFileName.make(from: offer.name)
    size = offer.size
    contentType = offer.contentType.flatMap { ContentType($0)?.mediaType } ?? MediaType.unknown
    until = offer.until
    url = offer.url
    key = offer.key
    tag = offer.authTag
    state = .offered
  }

  init(_ file: OutgoingFile, path: String, copy: String) {
    name = file.name
    size = file.size
    contentType = file.contentType
    key = file.key?.data
    tag = file.tag
    state = .waiting
    self.path = path
    self.copy = copy
  }

  /// Without the key.
  public var description: String { "\(name), \(size.map { "\($0) bytes" } ?? "size unknown"), \(state.rawValue)" }
  public var customMirror: Mirror { Mirror(self, children: []) }

  /// For uploading; nil for a file that is not ours.
  var outgoing: OutgoingFile? {
    guard let size else { return nil }
    let fileKey = key.flatMap { FileKey($0) }
    guard (key == nil) == (fileKey == nil) else { return nil }
    return OutgoingFile(name: name, contentType: contentType, size: size, key: fileKey, tag: tag)
  }

  /// As it stands in a message; nil while it has no address.
  var offer: FileTransferInfo.File? {
    url.map {
      FileTransferInfo.File(
        url: $0, size: size, name: name, contentType: contentType, until: until, key: key, authTag: tag)
    }
  }

  /// The file as an object of JSON, without its key.
  public var jsonFields: [String: Any] {
    var object: [String: Any] = [
      "name": name, "type": contentType, "state": state.rawValue, "encrypted": isEncrypted,
    ]
    object["size"] = size
    object["path"] = path
    object["until"] = until.map(JSONLine.time)
    object["reason"] = failure
    return object
  }
}

extension Message {
  /// In the order in which they were sent.
  public var files: [MessageFile] { attachments ?? [] }

  /// The text, or the names of the files when there is none.
  public var preview: String { text.isEmpty ? files.map { "[file] \($0.name)" }.joined(separator: " ") : text }

  /// What a person calls the file by: the Message-ID, with `/2` and so on for all but the first.
  public func fileID(_ index: Int) -> String { index == 0 ? messageID : "\(messageID)/\(index + 1)" }
}

/// How far a file is.
public struct FileProgress: Sendable, Equatable, Codable {
  /// What has happened to the file.
  public enum Step: String, Sendable, Codable {
    case offered, uploading, uploaded, downloading, saved, failed, cancelled
  }

  /// The address of the message's room.
  public var room: String
  /// The imdn Message-ID of its message.
  public var messageID: String
  /// Place in the message, from 0.
  public var index: Int
  /// As `Message.fileID`.
  public var id: String
  /// As it is stored now.
  public var file: MessageFile
  /// What has just happened.
  public var step: Step
  /// Bytes that were moved, of `file.size`.
  public var done: Int?

  init(_ message: Message, _ index: Int, _ file: MessageFile, _ step: Step, done: Int? = nil) {
    room = message.room
    messageID = message.messageID
    self.index = index
    id = message.fileID(index)
    self.file = file
    self.step = step
    self.done = done
  }

  /// The file's own fields, with how far it is.
  public var jsonFields: [String: Any] {
    var object = file.jsonFields
    object["room"] = room
    object["message"] = messageID
    object["id"] = id
    object["state"] = step.rawValue
    object["bytes"] = done
    return object
  }
}
