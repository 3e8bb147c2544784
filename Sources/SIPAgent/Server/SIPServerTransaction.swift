// SIPServerTransaction.swift: a request that a server has to answer (RFC 3261 §17.2)
import CSofia
import Foundation
import MessageFormats

/// Where a request came from: a TCP connection, or the sender's address for UDP. Requests to that client go the same
/// way, whatever its Contact says.
public enum SIPConnection: Hashable, Sendable, CustomStringConvertible {
  case stream(UInt64)
  case datagram(host: String, port: UInt16)

  public var description: String {
    switch self {
    case .stream(let number): "connection \(number)"
    case .datagram(let host, let port): "\(host):\(port)"
    }
  }
}

/// One request's server transaction. It takes one final response; what comes after that is ignored, as is everything
/// once the server has stopped.
@SIPActor
public final class ServerTransaction {
  /// Where it came from, and where the answer goes.
  public nonisolated let connection: SIPConnection
  /// Called when the client takes an INVITE back; the 487 has gone out already.
  public var onCancel: (() -> Void)?

  private weak var server: SIPServer?
  private var handle: OpaquePointer?

  init(server: SIPServer, handle: OpaquePointer, connection: SIPConnection) {
    self.server = server
    self.handle = handle
    self.connection = connection
  }

  /// Whether a final response was given, or the transaction has ended without one.
  public var isAnswered: Bool { handle == nil }

  /// The tag that this server puts into To, and so its tag of a dialog that the answer opens.
  public var localTag: String {
    guard let handle, let tag = sofia_incoming_tag(handle) else { return "" }
    return String(cString: tag)
  }

  /// Answers. Via, From, To, Call-ID, CSeq and Content-Length come by themselves. Header fields that would break the
  /// message turn the answer into a 500.
  public func respond(_ status: Int, _ reason: String, headers: [SIPHeader] = [], body: Data = Data()) {
    guard let handle else { return }
    let block = MessageText.block(headers)
    let isSound = block != nil && SIPHeader("Reason", reason).isWellFormed
    let status = isSound ? status : 500
    if status >= 200 { end() }
    let failed = Array(body).withUnsafeBytes { bytes in
      sofia_incoming_respond(
        handle, Int32(status), isSound ? reason : "Server Internal Error", isSound ? block ?? "" : "",
        bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    if failed != 0 { server?.noteFailedAnswer() }
  }

  /// Passes a response on that another client gave, with all its header fields; the topmost Via must be gone already.
  public func forward(_ response: SIPResponse) {
    guard let handle else { return }
    guard let text = response.wireText else { return respond(502, "Bad Gateway") }
    if response.status >= 200 { end() }
    let failed = Array(text).withUnsafeBytes { bytes in
      sofia_incoming_forward(handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    if failed != 0 { server?.noteFailedAnswer() }
  }

  /// The C side frees the handle with the final response.
  private func end() {
    if let handle { server?.forget(handle) }
    handle = nil
    onCancel = nil
  }

  func cancelled() {
    let action = onCancel
    abandon()
    action?()
  }

  /// Ends the transaction without an answer.
  func abandon() {
    guard let handle else { return }
    end()
    sofia_incoming_destroy(handle)
  }
}
