// AgentLink.swift: what an agent knows of the link that carries its SIP to the server
import ServerConnection

protocol AgentLink: AnyObject, Sendable {
  /// Why there is no connection; nil while there is one, and before the first.
  var lastFailure: ConnectionFailure? { get }

  /// How many connections were made so far. A server that was restarted between two of them has forgotten dialogs and
  /// subscriptions.
  var connections: Int { get }

  /// Whether requests arrive in the order in which they are sent.
  var keepsOrder: Bool { get }

  /// Whether a message that Sofia received came from the link, by the port on loopback that sent it.
  func isSource(port: Int) -> Bool

  /// Whether the link itself made up a response, because the request reaches no server.
  func isMadeUp(port: Int) -> Bool

  /// Calls this, on any thread, when a connection was lost of which Sofia does not know.
  func whenLost(_ action: @escaping @Sendable () -> Void)

  /// Whether the server has more than one address.
  var hasAlternatives: Bool { get }

  /// Leaves the server, which refuses requests or does not answer them, for another address of it (RFC 3263 §4.3).
  /// Returns when nothing more goes to the old one.
  /// - Parameters:
  ///   - seconds: for how long it is not to be asked again, 0 when it did not say.
  ///   - start: when the present attempt began; in it each address is asked once.
  /// - Returns: false when there is no other one; then everything stays as it is.
  func leave(for seconds: Double, since start: ContinuousClock.Instant) async -> Bool

  /// Whether it has left an address and not tried another one yet: Sofia may not have seen yet that its connection was
  /// closed, and what it then sends over it fails.
  var isBetweenServers: Bool { get }

  /// Drops the connection to the server, which takes bytes but does not answer.
  func reset()

  /// Ends the connection and the thread.
  func close()
}
