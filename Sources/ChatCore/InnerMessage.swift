// InnerMessage.swift: the CPIM messages this client writes (RFC 3862, RFC 5438; layout of protocol/chat.md).
import Foundation
import MessageFormats

/// Message-IDs as Linphone makes them: 12 characters, 72 random bits (RFC 5438 §6.3).
enum MessageID {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~")

  static func make() -> String {
    var generator = SystemRandomNumberGenerator()
    return String((0..<12).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
  }
}

enum InnerMessage {
  static let imdnNamespace = "urn:ietf:params:imdn"

  static func text(_ text: String, id: String, from gruu: SIPURI, to room: String, time: Date) -> CPIMMessage {
    var cpim = CPIMMessage(from: gruu, to: room, dateTime: time)
    cpim.add(namespace: imdnNamespace, prefix: "imdn")
    cpim["imdn.Message-ID"] = id
    cpim["imdn.Disposition-Notification"] = "positive-delivery, negative-delivery, display"
    cpim.contentType = "text/plain"
    cpim.body = Data(text.utf8)
    return cpim
  }

  static func notification(
    contentType: String, body: Data, from gruu: SIPURI, to room: String, time: Date, disposition: String?
  ) -> CPIMMessage {
    var cpim = CPIMMessage(from: gruu, to: room, dateTime: time)
    cpim.contentDisposition = disposition
    cpim.contentType = contentType
    cpim.body = body
    return cpim
  }

  static func imdn(_ imdn: IMDNMessage, from gruu: SIPURI, to room: String, time: Date) -> CPIMMessage {
    notification(
      contentType: "message/imdn+xml", body: imdn.serialized, from: gruu, to: room, time: time,
      disposition: "notification")
  }
}
