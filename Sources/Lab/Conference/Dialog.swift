// Dialog.swift: one dialog of the focus with a device (RFC 3261 §12)
import Foundation
import MessageFormats
import SIPAgent

/// What identifies a dialog at the focus.
struct DialogID: Hashable, Sendable {
  let callID: String
  let localTag: String
  let remoteTag: String
}

/// The focus's side of a dialog: an INVITE session or a subscription. Requests in it go over the device's connection,
/// to its registered Contact, so there is no route set.
struct Dialog: Sendable {
  let id: DialogID
  /// The room
  let local: SIPURI
  /// The device's address in From or To
  let remote: SIPURI
  /// Of our last request
  private(set) var localSequence: UInt32
  /// Of the device's last request; older ones are refused.
  private(set) var remoteSequence: UInt32?

  init(
    callID: String, localTag: String, remoteTag: String, local: SIPURI, remote: SIPURI, localSequence: UInt32,
    remoteSequence: UInt32? = nil
  ) {
    id = DialogID(callID: callID, localTag: localTag, remoteTag: remoteTag)
    self.local = local
    self.remote = remote
    self.localSequence = localSequence
    self.remoteSequence = remoteSequence
  }

  /// The dialog that a device's request opens; nil when the request lacks Call-ID or From with a tag.
  /// - Parameter localTag: what the answer puts into To.
  init?(accepting request: SIPRequest, localTag: String, local: SIPURI, localSequence: UInt32) {
    guard let callID = request.callID, let from = request.from, let tag = from.tag else { return nil }
    self.init(
      callID: callID, localTag: localTag, remoteTag: tag, local: local, remote: from.uri,
      localSequence: localSequence, remoteSequence: request.sequence)
  }

  /// The next request of ours.
  mutating func request(_ method: String, headers: [SIPHeader] = [], body: Data = Data()) -> SIPRequest {
    if method != "ACK" { localSequence += 1 }
    let fields = [
      SIPHeader("Max-Forwards", "70"),
      SIPHeader("From", "<\(local)>;tag=\(id.localTag)"),
      SIPHeader("To", "<\(remote)>;tag=\(id.remoteTag)"),
      SIPHeader("Call-ID", id.callID),
      SIPHeader("CSeq", "\(localSequence) \(method)"),
    ]
    return SIPRequest(method: method, uri: remote.description, headers: fields + headers, body: body)
  }

  /// Whether a request of the device's is newer than its last (RFC 3261 §12.2.2).
  mutating func accepts(_ request: SIPRequest) -> Bool {
    guard let sequence = request.sequence else { return false }
    if let remoteSequence, sequence <= remoteSequence { return false }
    remoteSequence = sequence
    return true
  }
}

extension SIPRequest {
  /// The dialog at the receiver that a request with tags belongs to.
  var dialogID: DialogID? {
    guard let callID, let local = to?.tag, let remote = from?.tag else { return nil }
    return DialogID(callID: callID, localTag: local, remoteTag: remote)
  }

  /// A first request of the focus to a device.
  static func fromRoom(
    _ room: SIPURI, to device: SIPURI, method: String, headers: [SIPHeader], body: Data
  ) -> SIPRequest {
    let fields = [
      SIPHeader("Max-Forwards", "70"),
      SIPHeader("From", "<\(room)>;tag=\(Token.make())"),
      SIPHeader("To", "<\(device)>"),
      SIPHeader("Call-ID", Token.make()),
      SIPHeader("CSeq", "20 \(method)"),
    ]
    return SIPRequest(method: method, uri: device.description, headers: fields + headers, body: body)
  }
}

/// Random names: tags, Call-IDs, room addresses.
enum Token {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

  /// 16 characters carry some 94 bits.
  static func make(length: Int = 16) -> String {
    var bytes: [UInt8] = []
    var generator = SystemRandomNumberGenerator()
    var word: UInt64 = 0
    for index in 0..<length {
      // One call to the system for eight characters, at 7 bits each.
      if index % 8 == 0 { word = generator.next() }
      bytes.append(alphabet[Int(word & 0x7F) % alphabet.count])
      word >>= 7
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
