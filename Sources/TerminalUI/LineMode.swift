// LineMode.swift: messages as plain lines, for dumb terminals, screen readers and pipes.
import Foundation

/// Formats for `chat --plain`: every result is one line without control characters or escape sequences.
public struct LineMode: Sendable {
  public var timeZone: TimeZone

  public init(timeZone: TimeZone = .current) { self.timeZone = timeZone }

  /// As "2026-11-21 09:14 [Lab team] bob (verified): text"; line breaks in the text become " / ".
  public func line(for message: MessageRow, room: String) -> String {
    let head = "\(Clock(timeZone: timeZone).stamp(of: message.time)) [\(DisplayText.line(room))] "
    let text = DisplayText.joinedLines(message.text)
    switch message.kind {
    case .notice(let level):
      let mark =
        switch level {
        case .information: "-- "
        case .warning: "-- warning: "
        case .error: "-- error: "
        }
      return head + mark + text
    case .text:
      let sender = DisplayText.line(message.isOwn ? "me" : message.sender)
      let state = message.delivery.map { ", " + DisplayText.line($0.words) } ?? ""
      return head + "\(sender) (\(message.encryption.words)\(state)): " + text
    }
  }

  /// An own message that got further, as "2026-11-21 09:14 [Lab team] me: read by 2 of 3: text".
  public func deliveryLine(for message: MessageRow, room: String) -> String {
    let head = "\(Clock(timeZone: timeZone).stamp(of: message.time)) [\(DisplayText.line(room))] "
    return head + "me: \(DisplayText.line(message.delivery?.words ?? "sent")): " + DisplayText.joinedLines(message.text)
  }

  /// As "-- alice@sip.example.org registered (tls)", or "-- error: ...".
  public func line(for status: StatusBar) -> String {
    if let error = status.error { return "-- error: " + DisplayText.line(error) }
    return DisplayText.line("-- \(status.account) \(status.connection)")
  }
}
