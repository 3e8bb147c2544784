// HTTPLimits.swift: how much of a listener one client may have, and for how long (RFC 9110 §15.5.9, RFC 6585 §4)
import Foundation

/// Without changes good for a server of small requests.
public struct HTTPLimits: Sendable, Hashable {
  /// Connections at a time. Beyond it the one that does nothing, or next to nothing, goes for the new one.
  public var connections = 256
  /// The same for those of one address. The network of an IPv6 address (/64) counts as one.
  public var connectionsPerAddress = 128
  /// Requests at a time in the name of one user; more are refused with 429.
  public var requestsPerUser = 32
  /// For the head of a request, idle time before it included.
  public var headTime = Duration.seconds(15)
  /// For a body that is read as a whole.
  public var bodyTime = Duration.seconds(15)
  /// A transfer of any length goes on while in every such time of waiting for the client…
  public var windowTime = Duration.seconds(15)
  /// …so many bytes a second move.
  public var bytesPerSecond = 256

  public init() {}

  /// Bytes that have to move within `windowTime`.
  var bytesPerWindow: Int { max(1, bytesPerSecond * Int(max(1, windowTime.components.seconds))) }
}
