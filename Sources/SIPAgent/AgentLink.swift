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

  /// Drops the connection to the server, which takes bytes but does not answer.
  func reset()

  /// Ends the connection and the thread.
  func close()
}
