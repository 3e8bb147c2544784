// IsComposing.swift: typing indications, application/im-iscomposing+xml (RFC 3994)
import Foundation

/// One indication: a sender began to type, goes on, or has stopped.
public struct IsComposing: Hashable, Sendable {
  static let namespace = "urn:ietf:params:xml:ns:im-iscomposing"
  private static let format = "is-composing indication"
  /// Longest refresh that is believed, in seconds.
  public static let maximumRefresh = 3600
  /// The refresh that Linphone announces, in seconds.
  public static let usualRefresh = 60

  /// Whether the sender is typing. Unknown states count as idle (RFC 3994 §3.2).
  public var isActive: Bool
  /// Seconds after which the sender repeats `active`; nil when it does not say. At most ``maximumRefresh``.
  public var refresh: Int?

  public init(isActive: Bool, refresh: Int? = nil) {
    self.isActive = isActive
    self.refresh = refresh
  }

  /// - Throws: ``FormatError`` when it is no such document or has no state.
  public init(parsing data: Data) throws {
    let root = try XMLReader.parse(data, root: "isComposing", namespace: Self.namespace, format: Self.format)
    guard let state = root.first("state") else {
      throw FormatError.missing(format: Self.format, field: "state")
    }
    isActive = state.text == "active"
    refresh = root.first("refresh").flatMap { ASCII.decimal($0.text.utf8) }.map { min($0, Self.maximumRefresh) }
  }

  /// One line of XML, as Linphone writes it.
  public var serialized: Data {
    var writer = XMLWriter()
    writer.element("isComposing", [("xmlns", Self.namespace)]) { root in
      root.element("state", text: isActive ? "active" : "idle")
      if let refresh { root.element("refresh", text: String(refresh)) }
    }
    return writer.data
  }
}
