// AccountOperation.swift: what one program may ask of an account, here or in the program that holds it.
import ChatCore
import Foundation

/// One thing that can be asked of an account: its parameters are its properties, its JSON-RPC method is `method`.
///
/// To add an operation: make a struct with the parameters as properties (optional ones as optionals) that conforms to
/// `StoreOperation` when the database is enough, or to `ClientOperation` when the network is needed; add it to
/// `AccountOperations.all`; describe it in Resources/man/limeade-rpc.7 (a test compares the two). A command then calls
/// `perform` of an `AccountSession`, and works with and without another program that holds the account.
public protocol AccountOperation: Codable, Sendable {
  associatedtype Output: Codable & Sendable
  /// The name of the JSON-RPC method, such as `room.list`.
  static var method: String { get }
  /// Whether the account has to be connected.
  static var needsConnection: Bool { get }
  /// Whether it may be done a second time when it is not known whether it was done.
  static var isRepeatable: Bool { get }
  /// Carries the operation out, in the program that holds the account.
  func perform(on client: ChatClient) async throws -> Output
}

/// Only reads or changes the account's database, so it also works without a connection.
public protocol StoreOperation: AccountOperation {
  // Again, so that the compiler finds it by the function below.
  associatedtype Output
  /// Carries the operation out with the database alone.
  func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> Output
}

extension StoreOperation {
  /// False: the database answers.
  public static var needsConnection: Bool { false }
  /// True: a second time it finds the same, or has nothing more to change.
  public static var isRepeatable: Bool { true }

  /// On the client's own database, whether it is connected or not.
  public func perform(on client: ChatClient) async throws -> Output {
    try await perform(on: client.store, of: client.account)
  }
}

/// Needs the connected account.
public protocol ClientOperation: AccountOperation {
  /// Whether the outbox takes it while there is no connection. It is not waited for then, but for an account that was
  /// never connected.
  static var isQueued: Bool { get }
  /// false: it is not to wait in the outbox for a server that is away, but to fail.
  var queue: Bool? { get }
}

extension ClientOperation {
  /// True.
  public static var needsConnection: Bool { true }
  /// False, unless the operation says otherwise.
  public static var isRepeatable: Bool { false }
  /// False, unless the operation says otherwise.
  public static var isQueued: Bool { false }
  /// nil, unless the operation has a parameter for it.
  public var queue: Bool? { nil }
}

extension ChatClient {
  /// Waits for what the operation needs of the connection.
  /// - Throws: why there is none.
  func waitUntilReady(for operation: some AccountOperation) async throws {
    guard type(of: operation).needsConnection else { return }
    guard let operation = operation as? any ClientOperation, type(of: operation).isQueued else {
      return try await waitUntilStarted()
    }
    if operation.queue == false { return try await waitUntilConnected() }
    if device == nil { try await prepare() }
    if device == nil { try await waitUntilStarted() }
  }
}

/// The output of an operation that has nothing to tell but that it was done.
public struct Done: Codable, Sendable, Equatable {
  public init() {}
}

/// An account that carries out operations: in this process (`HeldAccount`), in the one that holds the account
/// (`RemoteAccount`), or whichever it is (`AccountSession`).
public protocol AccountService: Sendable {
  /// - Throws: `ServiceError` or `ChatError`, both with the exit code of the command line.
  func perform<Operation: AccountOperation>(_ operation: Operation) async throws -> Operation.Output
}

/// The operations by the names of their methods.
public enum AccountOperations {
  /// Every operation that the socket serves.
  public static let all: [any AccountOperation.Type] = [
    ShowAccount.self, SetAccountNotices.self, BlockAddress.self, UnblockAddress.self, ListBlocked.self,
    ListInvitations.self, AcceptInvitation.self, DeclineInvitation.self,
    ListRooms.self, CountMentions.self, ShowRoom.self, OpenRoom.self, CreateRoom.self, InviteToRoom.self,
    RemoveFromRoom.self,
    MakeRoomAdmin.self, RenameRoom.self, SetRoomLifetime.self, SetRoomNotices.self, LeaveRoom.self, ForgetRoom.self,
    SendText.self, SendTexts.self, SetComposing.self,
    SaveFile.self, CancelTransfers.self, ResendMessage.self,
    ReactToMessage.self, EditMessage.self, RetractMessage.self, ForwardMessage.self,
    FindMessage.self, ReadHistory.self, MarkRoomRead.self,
    ShowKeys.self, VerifyKeys.self, FetchKeys.self, TrustDevice.self, AdmitDevice.self,
    ExcludeDevice.self, DistrustDevice.self, ForgetDevice.self, PublishKeys.self,
  ]

  static let byMethod = Dictionary(all.map { ($0.method, $0) }) { first, _ in first }
}
