// ChatRows.swift: rooms, members and messages of the domain as rows of the screen.
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

extension ChatNames {
  /// A device as one line can bear it: "bob's device …5f60718a". Its whole address is on /info.
  func device(_ gruu: String) -> String {
    let owner = short(gruu)
    return "\(owner == short(account.description) ? "your" : "\(owner)'s") device …\(gruu.suffix(8))"
  }

  /// The text with names in place of the addresses of users and devices.
  func shortened(_ text: String) -> String {
    guard text.contains("sip") else { return text }
    return text.replacing(#/\bsips?:[^\s<>"'(),]+/#) { match in
      var address = match.output
      while let last = address.last, ".:;".contains(last) { address.removeLast() }
      guard let uri = SIPURI(String(address)), uri.user != nil else { return String(match.output) }
      let isDevice = uri.parameters.contains { $0.name == "gr" }
      return (isDevice ? device(String(address)) : short(String(address))) + match.output[address.endIndex...]
    }
  }
}

extension RoomRow {
  init(_ summary: RoomSummary, names: ChatNames, isConnected: Bool, isTyping: Bool) {
    let presence: Presence =
      switch summary.room.state {
      case .joining: .joining
      case .left: .offline
      case .active: isConnected ? .active : .offline
      }
    self.init(
      id: summary.room.address, name: names.room(summary), kind: summary.room.isOneToOne ? .direct : .group,
      isEncrypted: summary.room.isEncrypted, unread: summary.unread + (summary.isNew ? 1 : 0), presence: presence,
      activity: Int64(summary.room.lastActivity.timeIntervalSince1970 * 1000), isTyping: isTyping)
  }
}

extension MessageRow {
  init(
    _ entry: MessageWithDeliveries, names: ChatNames, mention: Mention, transfers: RunningTransfers = RunningTransfers()
  ) {
    let message = entry.message
    let encryption: Encryption =
      switch (message.state, message.isEncrypted, message.trust) {
      case (.undecryptable, _, _): .undecryptable
      case _ where message.isStranger: .stranger
      case (_, false, _): .notEncrypted
      // Our own device needs no verifying, and says nothing about those that the message went to.
      case _ where message.isOutgoing: .encrypted
      case (_, true, "trusted"): .trusted
      case (_, true, "unsafe"): .unsafe
      default: .encrypted
      }
    var text =
      switch message.state {
      case .undecryptable: "cannot be read: \(names.shortened(message.failure ?? "unknown reason"))"
      default: message.isRetracted ? "(retracted)" : message.text
      }
    if !message.isRetracted {
      for line in transfers.lines(of: message) { text += "\(text.isEmpty ? "" : "\n")\(line)" }
    }
    self.init(
      id: Self.id(of: message), time: message.time, sender: message.isOutgoing ? "me" : names.short(message.sender),
      senderID: message.sender, isOwn: message.isOutgoing, text: text, encryption: encryption,
      delivery: message.isOutgoing ? Self.delivery(of: entry, names: names) : nil)
    isMention = !message.isOutgoing && mention.isIn(message.text)
    messageID = message.messageID
    isRetracted = message.isRetracted
    let isEditable = message.isOutgoing && message.forwardedFrom == nil && !isRetracted && message.state != .failed
    if isEditable, !message.text.isEmpty { editableText = message.text }
    hasPicture = message.files.contains { $0.contentType.hasPrefix("image/") }
    files = message.files.filter(\.isOffered).map(\.name)
    quote = entry.quote.map { "\(names.short($0.sender)): \($0.text ?? "(not here)")" }
    reactions = entry.reactions.map { "\($0.text) \(names.short($0.sender))" }
    remarks = Self.remarks(message, names: names)
  }

  private static func remarks(_ message: Message, names: ChatNames) -> [String] {
    var remarks: [String] = []
    if let source = message.forwardedFrom { remarks.append("forwarded from \(names.short(source))") }
    if message.editedAt != nil, !message.isRetracted {
      remarks.append(message.isOriginalMissing ? "edited, what it was before is not here" : "edited")
    }
    if let claimed = message.claimedTime { remarks.append("\(Clock().stamp(of: claimed)) by its sender's clock") }
    if let lifetime = message.lifetimeText { remarks.append(lifetime) }
    return remarks
  }

  private static func delivery(of entry: MessageWithDeliveries, names: ChatNames) -> Delivery {
    switch entry.message.state {
    case .queued: return .queued
    case .failed: return .failed(reason: ChatWords.sentence(entry.message.failure ?? "unknown reason", names))
    case .sent, .received, .undecryptable: break
    }
    if let failed = entry.deliveries.first(where: { $0.state == .failed }) {
      return .failed(reason: ChatWords.sentence(failed.reason ?? "not delivered to \(failed.participant)", names))
    }
    let displayed = entry.count(atLeast: .displayed)
    if displayed.done > 0 { return .displayed(displayed.done, of: displayed.of) }
    let delivered = entry.count(atLeast: .delivered)
    return delivered.done > 0 ? .delivered(delivered.done, of: delivered.of) : .sent
  }
}

extension MessageRow {
  /// Nothing is left but that there is a message.
  mutating func hide() {
    (text, quote, reactions, remarks, isMention) = ("(blocked)", nil, [], [], false)
  }

  /// Something that happened in the room.
  init(_ event: RoomEvent, names: ChatNames) {
    let isEnd = event.isOwn && [.removed, .gone, .forgotten, .ended].contains(event.kind)
    self = .notice(
      id: "e\(event.id ?? 0)", time: event.time, text: event.words(name: names.short),
      level: isEnd ? .warning : .information)
  }
}

extension MemberRow {
  static func rows(
    _ summary: RoomSummary, devices: [Device], trust: RoomTrust, account: AccountConfiguration, names: ChatNames
  ) -> [MemberRow] {
    summary.participants.map { member in
      let rows = devices.filter { $0.participant == member.address }.map { device in
        // This device is not among those to be trusted.
        let known = trust.devices.first { $0.device == device.gruu }
        return DeviceRow(
          id: device.gruu,
          trust: trust.isEncrypted ? known.map { Trust($0, account.newDevices) } ?? .trusted : .notEncrypted)
      }
      let isTrusted = !rows.isEmpty && rows.allSatisfy { $0.trust == .trusted }
      return MemberRow(
        id: member.address, name: names.short(member.address), isSelf: member.address == account.address.description,
        isAdmin: member.isAdmin, trust: isTrusted ? .trusted : Trust(trust.level(of: member.address)), devices: rows)
    }
  }
}

extension MemberRow.Trust {
  init(_ device: DeviceTrust, _ policy: NewDevicePolicy) {
    self =
      if device.isUnsafe {
        .unsafe
      } else if device.status == .trusted {
        .trusted
      } else if device.admission == .excluded {
        .excluded
      } else if device.isHeld(by: policy) {
        .held
      } else { device.status == .unknown ? .unknown : .untrusted }
  }

  init(_ level: SecurityLevel) {
    self =
      switch level {
      case .notEncrypted: .notEncrypted
      case .encrypted: .untrusted
      case .trusted: .trusted
      case .unsafe: .unsafe
      }
  }
}

extension RoomHeader {
  init(_ summary: RoomSummary, trust: RoomTrust, names: ChatNames) {
    let security: RoomSecurity =
      switch trust.level {
      case .notEncrypted: .notEncrypted
      case .encrypted: .encrypted(trustedDevices: trust.trustedCount, devices: trust.devices.count)
      case .trusted: .trusted
      case .unsafe: .unsafe
      }
    let name = names.room(summary) + (summary.room.state == .left ? " (left)" : "")
    self.init(name: name, security: security, deviceCount: summary.deviceCount)
    lifetime = summary.room.lifetimeText
  }
}
