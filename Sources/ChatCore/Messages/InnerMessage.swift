// InnerMessage.swift: the CPIM messages this client writes (RFC 3862, RFC 5438; layout of protocol/chat.md).
import Foundation
import MessageFormats

/// Message-IDs as Linphone makes them: 12 characters, about 72 random bits (RFC 5438 §6.3).
public enum MessageID {
  private static let longest = 64
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~")
  /// Letters: an id that begins with '-' would be an option on a command line.
  private static let beginnings = alphabet.prefix(52)

  /// Twelve random characters, the first a letter.
  public static func make() -> String {
    var generator = SystemRandomNumberGenerator()
    return String(
      (0..<12).map { index in
        let choice = index == 0 ? beginnings : alphabet[...]
        return choice[Int.random(in: 0..<choice.count, using: &generator)]
      })
  }

  /// Whether it may be the id of a message of ours.
  static func isUsable(_ id: String) -> Bool {
    (1...longest).contains(id.count) && id.allSatisfy(alphabet.contains) && id.first.map(beginnings.contains) == true
  }
}

enum InnerMessage {
  /// What Linphone before 5.5 shows in place of a retraction; who knows `linphone.Retracts` does not show it.
  private static let retractionFallback = "(deleted an earlier message)"

  static func text(_ message: Message, from gruu: SIPURI, to room: SIPURI) -> CPIMMessage {
    var cpim = CPIMMessage(from: gruu, to: room, dateTime: message.time, body: Data(message.text.utf8))
    cpim.ephemeralLifetime = message.lifetime
    cpim.ephemeralUnreadLifetime = message.unreadLifetime
    cpim.messageID = message.messageID
    cpim.forwardInfo = message.forwardedFrom
    cpim.isAutomatic = message.isAutomatic
    cpim.reply = message.replyTo.map {
      CPIMMessage.Reply(messageID: $0, sender: message.replySender.flatMap { SIPURI($0) })
    }
    cpim.dispositionNotification = .usual
    return cpim
  }

  /// Changes are not acknowledged, as Linphone's reactions are not.
  /// - Parameter message: whose time an edit keeps.
  static func change(
    _ change: MessageChange, of message: Message? = nil, id: String, from gruu: SIPURI, to room: SIPURI
  ) -> CPIMMessage {
    var cpim = CPIMMessage(from: gruu, to: room, dateTime: change.time, body: Data(change.text.utf8))
    cpim.messageID = id
    switch change.kind {
    case .reaction:
      cpim.inReplyTo = change.messageID
      cpim.contentDisposition = "Reaction"
    case .edited:
      cpim.replaces = change.messageID
      cpim.ephemeralLifetime = message?.lifetime
      cpim.ephemeralUnreadLifetime = message?.unreadLifetime
    case .retracted:
      cpim.retracts = change.messageID
      cpim.body = Data(retractionFallback.utf8)
    case .expired: break
    }
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
