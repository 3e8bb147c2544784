// StatusBar.swift: the line between messages and input, up to three rows of it.

/// The account and its connection, an error, or who is typing.
public struct StatusBar: Hashable, Sendable {
  /// How the connection is; other than good changes the row's style.
  public enum Health: Hashable, Sendable { case good, pending, bad }

  /// The account's address.
  public var account: String
  /// The connection's state in words, as "registered (tls)".
  public var connection: String
  /// Of the connection.
  public var health: Health
  /// Takes the place of all but a troubled connection and the encryption until the next key press.
  public var error: String?
  /// What is worth knowing before the next key; nothing is wrong. In the place of an error, and as long.
  public var hint: String?
  /// What is being done and takes a while, until it is done.
  public var progress: [String] = []
  /// Names of the people typing in the open room.
  public var typing: [String]

  public init(
    account: String = "", connection: String = "", health: Health = .pending, error: String? = nil,
    typing: [String] = []
  ) {
    self.account = account
    self.connection = connection
    self.health = health
    self.error = error
    self.typing = typing
  }

  var typingWords: String? {
    switch typing.count {
    case 0: nil
    case 1: "\(typing[0]) is typing"
    case 2: "\(typing[0]) and \(typing[1]) are typing"
    default: "\(typing.count) people are typing"
    }
  }
}
