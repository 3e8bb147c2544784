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
  static func text(_ text: String, id: String, from gruu: SIPURI, to room: SIPURI, time: Date) -> CPIMMessage {
    var cpim = CPIMMessage(from: gruu, to: room, dateTime: time, body: Data(text.utf8))
    cpim.messageID = id
    cpim.dispositionNotification = .usual
    return cpim
  }

  static func imdn(_ imdn: IMDNMessage, from gruu: SIPURI, to room: SIPURI, time: Date) -> CPIMMessage {
    CPIMMessage(
      from: gruu, to: room, dateTime: time, disposition: "notification", contentType: .imdn, body: imdn.serialized)
  }

  static func composing(_ isActive: Bool, from gruu: SIPURI, to room: SIPURI, time: Date) -> CPIMMessage {
    let body = IsComposing(isActive: isActive, refresh: isActive ? IsComposing.usualRefresh : nil).serialized
    return CPIMMessage(from: gruu, to: room, dateTime: time, contentType: .isComposing, body: body)
  }
}
