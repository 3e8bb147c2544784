// SIPServer.swift: a SIP server's transport and transactions on Sofia's nta (RFC 3261 §17, §18)
import CSofia
import Foundation
import MessageFormats
import ServerConnection

/// Receives whole requests over TCP and UDP, or over TLS, at one port and sends requests to clients over the
/// connections that they opened. It knows no registrations and no dialogs. Requests that are no SIP are answered 400,
/// 413 or 505 by themselves.
@SIPActor
public final class SIPServer {
  /// Larger messages are answered 413, in bytes.
  public nonisolated static let maximumMessageSize = 4 << 20
  /// More requests without a final answer than this are answered 503.
  public nonisolated static let maximumOpenTransactions = 20_000

  /// Why a server does not start.
  public enum ListenError: Error, LocalizedError, CustomStringConvertible {
    case cannotListen(address: String, port: UInt16, reason: String)

    public var description: String {
      switch self {
      case .cannotListen(let address, let port, let reason):
        "cannot listen for SIP on \(address) port \(port == 0 ? "(any)" : String(port)): \(reason)"
      }
    }
    public var errorDescription: String? { description }
  }

  /// Where it listens.
  public nonisolated let port: UInt16
  /// Called for every request but ACK and CANCEL; answers through the transaction, at once or later.
  public var onRequest: (SIPRequest, ServerTransaction) -> Void = { _, transaction in
    transaction.respond(503, "Service Unavailable")
  }
  /// Called for the ACK of a 2xx.
  public var onACK: (SIPRequest, SIPConnection) -> Void = { _, _ in }
  /// Called when a connection is gone.
  public var onClosed: (SIPConnection) -> Void = { _ in }
  /// Answers that could not be sent: the connection was gone, or a header field was no SIP.
  public private(set) var failedAnswers = 0

  private struct Sent {
    let handle: OpaquePointer
    let provisional: ((SIPResponse) -> Void)?
    let continuation: CheckedContinuation<SIPResponse, Never>
  }

  private let box: Unmanaged<ServerBox>
  private var handle: OpaquePointer?
  private var open: [OpaquePointer: ServerTransaction] = [:]
  private var sent: [UInt64: Sent] = [:]
  private var lastToken: UInt64 = 0

  /// Listens at once, until `stop()`.
  /// - Parameters:
  ///   - address: numeric.
  ///   - port: 0 for any that is free for both TCP and UDP.
  ///   - tlsFolder: folder with `agent.pem`, certificate and key, and `cafile.pem`, who issued it: then TLS only is
  ///     spoken. Clients need no certificate.
  /// - Throws: `ListenError`.
  public init(address: String = "127.0.0.1", port: UInt16 = 0, tlsFolder: String? = nil) throws {
    box = Unmanaged.passRetained(ServerBox())
    var callbacks = serverCallbacks(context: box.toOpaque())
    guard
      let handle = sofia_server_create(
        SofiaLoop.shared.handle, address, port, tlsFolder, Self.maximumMessageSize, &callbacks)
    else {
      let cause = errno
      box.release()
      throw ListenError.cannotListen(address: address, port: port, reason: String(cString: strerror(cause)))
    }
    self.handle = handle
    self.port = sofia_server_port(handle)
    Self.limitReceiveBuffers(port: Int(port))
    box.takeUnretainedValue().server = self
  }

  /// What a connection may have waiting in the system, in bytes. Sofia reads all of it at once, and each message that
  /// is in it keeps a copy of the rest.
  private static let receiveBuffer: Int32 = 16 << 10

  /// Connections take the size over from the socket that listens, which Sofia does not tell.
  private static func limitReceiveBuffers(port: Int) {
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for descriptor in open.compactMap({ Int32($0) }) {
      var (listens, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
      guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0, listens != 0,
        (try? SocketAddress(localOf: descriptor))?.port == port
      else { continue }
      var size = receiveBuffer
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, length)
    }
  }

  /// Closes the port and all connections. Requests on their way end with 503; open transactions are given up.
  public func stop() {
    guard let handle else { return }
    self.handle = nil
    for transaction in open.values { transaction.abandon() }
    let waiting = sent
    sent = [:]
    for entry in waiting.values {
      sofia_outgoing_destroy(entry.handle)
      entry.continuation.resume(returning: .madeHere(503))
    }
    sofia_server_destroy(handle)
    box.release()
    // The handlers commonly hold their owner, which holds this server.
    onRequest = { _, _ in }
    onACK = { _, _ in }
    onClosed = { _ in }
  }

  /// Sends a request over a client's connection and waits for its final response. The request needs From with tag,
  /// To, Call-ID, CSeq and Max-Forwards; the Via comes from here. A response of 408 (no answer) or 503 (the
  /// connection is gone, or the request is not well-formed) without header fields is made here. An INVITE is
  /// cancelled when the task is.
  public func send(
    _ request: SIPRequest, over connection: SIPConnection, provisional: ((SIPResponse) -> Void)? = nil
  ) async -> SIPResponse {
    guard let server = handle, let text = request.wireText else { return .madeHere(503) }
    lastToken += 1
    let token = lastToken
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        var peer = sofia_peer(connection)
        let outgoing = Array(text).withUnsafeBytes { bytes in
          sofia_server_send(
            server, &peer, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, token)
        }
        guard let outgoing else { return continuation.resume(returning: .madeHere(503)) }
        sent[token] = Sent(handle: outgoing, provisional: provisional, continuation: continuation)
        if Task.isCancelled { sofia_outgoing_cancel(outgoing) }
      }
    } onCancel: {
      Task { @SIPActor in cancel(token) }
    }
  }

  /// Sends the ACK of a 2xx, which has no response.
  public func sendACK(_ request: SIPRequest, over connection: SIPConnection) {
    guard let handle, let text = request.wireText else { return }
    var peer = sofia_peer(connection)
    _ = Array(text).withUnsafeBytes { bytes in
      sofia_server_send_stateless(
        handle, &peer, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
  }

  private func cancel(_ token: UInt64) {
    if let entry = sent[token] { sofia_outgoing_cancel(entry.handle) }
  }

  func forget(_ transaction: OpaquePointer) { open[transaction] = nil }
  func noteFailedAnswer() { failedAnswers += 1 }
}

// MARK: - What the C side reports

extension SIPServer {
  fileprivate func received(_ incoming: IncomingHandle?, _ request: SIPRequest, _ connection: SIPConnection) {
    guard let incoming = incoming?.pointer else { return onACK(request, connection) }
    let transaction = ServerTransaction(server: self, handle: incoming, connection: connection)
    open[incoming] = transaction
    if open.count > Self.maximumOpenTransactions {
      transaction.respond(503, "Service Unavailable")
    } else {
      onRequest(request, transaction)
    }
  }

  fileprivate func cancelled(_ incoming: IncomingHandle) { open[incoming.pointer]?.cancelled() }

  fileprivate func received(_ response: SIPResponse, token: UInt64) {
    if response.status < 200 {
      sent[token]?.provisional?(response)
    } else {
      sent.removeValue(forKey: token)?.continuation.resume(returning: response)
    }
  }
}

/// What the C side holds instead of the server, from creation until `stop()`.
@SIPActor
private final class ServerBox {
  weak var server: SIPServer?

  nonisolated init() {}

  nonisolated static func of(_ context: UnsafeMutableRawPointer?) -> ServerBox? {
    context.map { Unmanaged<ServerBox>.fromOpaque($0).takeUnretainedValue() }
  }
}

/// A handle on its way from a C callback into the actor.
///
/// `@unchecked Sendable`: it is made on the loop's thread, which is the actor's executor, and used nowhere else.
private struct IncomingHandle: @unchecked Sendable {
  let pointer: OpaquePointer
}

/// nta calls these on the loop's thread. What they are given is valid during the call only, so it is copied into
/// values.
private func serverCallbacks(context: UnsafeMutableRawPointer) -> sofia_server_callbacks {
  sofia_server_callbacks(
    context: context,
    request: { context, incoming, message, peer in
      guard let box = ServerBox.of(context), let message, let peer else { return }
      let handle = incoming.map(IncomingHandle.init)
      let request = SIPRequest(message.pointee)
      let connection = SIPConnection(peer.pointee)
      SIPActor.assumeIsolated { box.server?.received(handle, request, connection) }
    },
    cancelled: { context, incoming in
      guard let box = ServerBox.of(context), let incoming else { return }
      let handle = IncomingHandle(pointer: incoming)
      SIPActor.assumeIsolated { box.server?.cancelled(handle) }
    },
    response: { context, token, status, message in
      guard let box = ServerBox.of(context) else { return }
      let status = Int(status)
      let response = message.map { SIPResponse(status, $0.pointee) } ?? .madeHere(status)
      SIPActor.assumeIsolated { box.server?.received(response, token: token) }
    },
    closed: { context, stream in
      guard let box = ServerBox.of(context) else { return }
      SIPActor.assumeIsolated { box.server?.onClosed(.stream(stream)) }
    })
}

extension SIPResponse {
  /// A response that no one sent: nothing came in time (408), or the connection is gone (503).
  static func madeHere(_ status: Int) -> SIPResponse {
    SIPResponse(status: status, reason: status == 408 ? "Request Timeout" : "Service Unavailable")
  }
}

extension SIPRequest {
  fileprivate init(_ message: sofia_text) {
    let (startLine, headers) = MessageText.parse(message.headBytes)
    let words = startLine.split(separator: " ", maxSplits: 2)
    self.init(
      method: words.first.map(String.init) ?? "", uri: words.count > 1 ? String(words[1]) : "", headers: headers,
      body: message.bodyData)
  }
}

extension SIPResponse {
  fileprivate init(_ status: Int, _ message: sofia_text) {
    let (startLine, headers) = MessageText.parse(message.headBytes)
    let reason = startLine.split(separator: " ", maxSplits: 2).dropFirst(2).first.map(String.init) ?? ""
    self.init(status: status, reason: reason, headers: headers, body: message.bodyData)
  }
}

extension sofia_text {
  fileprivate var headBytes: UnsafeBufferPointer<UInt8> {
    UnsafeRawBufferPointer(start: head, count: head_length).bindMemory(to: UInt8.self)
  }
  fileprivate var bodyData: Data { body.map { Data(bytes: $0, count: body_length) } ?? Data() }
}

extension sofia_peer {
  fileprivate init(_ connection: SIPConnection) {
    self.init()
    switch connection {
    case .stream(let number): stream = number
    case .datagram(let host, let port):
      withUnsafeMutableBytes(of: &self.host) { bytes in
        // The last byte stays 0 and ends the text.
        for (index, byte) in host.utf8.prefix(bytes.count - 1).enumerated() { bytes[index] = byte }
      }
      self.port = port
    }
  }
}

extension SIPConnection {
  fileprivate init(_ peer: sofia_peer) {
    let host = withUnsafeBytes(of: peer.host) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
    self = peer.stream == 0 ? .datagram(host: host, port: peer.port) : .stream(peer.stream)
  }
}
