// ChatActor.swift: the global actor that an account at work is isolated to, with all its parts.
import Foundation

/// `ChatClient` and the types that it hands out to share this actor: each keeps its state to itself, and a call from one
/// to another is no suspension, so nothing comes in between that the code does not show as waiting for the network or
/// the disk. What takes long (encryption, hashing of files) runs elsewhere.
@globalActor
public actor ChatActor {
  /// The one that all accounts of a process share.
  public static let shared = ChatActor()
}
