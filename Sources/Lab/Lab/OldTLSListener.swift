// OldTLSListener.swift: takes connections and speaks TLS 1.0 and 1.1 only, which clients of today refuse (RFC 8996)
import CCrypto
import Foundation

/// What a client sees of a server that was not updated for long: the handshake fails. One that accepts such TLS is let
/// in and sent away.
///
/// `@unchecked Sendable`: `context` is used by its one thread only.
final class OldTLSListener: @unchecked Sendable {
  let port: UInt16
  private let socket: Int32
  private let context: OpaquePointer

  /// A client that says nothing is not waited for longer, in seconds.
  private static let patience = 5

  struct Failure: Error, LocalizedError, CustomStringConvertible {
    let step: String
    var description: String { "no listener for old TLS: \(step)" }
    var errorDescription: String? { description }
  }

  /// - Parameter identity: PEM file with certificate and key.
  init(address: String, identity: String) throws {
    guard let context = SSL_CTX_new(TLS_server_method()) else { throw Failure(step: "out of memory") }
    // SSL_CTX_set_max_proto_version and the like, macros.
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_VERSION), nil)
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(TLS1_1_VERSION), nil)
    guard SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0") == 1,
      SSL_CTX_use_certificate_chain_file(context, identity) == 1,
      SSL_CTX_use_PrivateKey_file(context, identity, SSL_FILETYPE_PEM) == 1
    else {
      SSL_CTX_free(context)
      throw Failure(step: "its certificate or ciphers are not accepted")
    }
    do { (socket, port) = try Self.listen(address) } catch {
      SSL_CTX_free(context)
      throw error
    }
    self.context = context
    let thread = Thread { [self] in run() }
    thread.name = "old TLS"
    thread.start()
  }

  /// Takes no more connections. To be called once; the thread ends by itself, and with it the port is free.
  func stop() { shutdown(socket, Int32(SHUT_RDWR)) }

  private func run() {
    defer {
      close(socket)
      SSL_CTX_free(context)
    }
    while true {
      let client = accept(socket, nil, nil)
      guard client >= 0 else {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      var limit = timeval(tv_sec: Self.patience, tv_usec: 0)
      setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      if let session = SSL_new(context) {
        SSL_set_fd(session, client)
        if SSL_accept(session) == 1 { SSL_shutdown(session) }
        SSL_free(session)
      }
      close(client)
    }
  }

  private static func listen(_ address: String) throws -> (Int32, UInt16) {
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address, "0", &hints, &list) == 0, let entry = list?.pointee else {
      throw Failure(step: "\(address) is no numeric address")
    }
    defer { freeaddrinfo(list) }
    let socket = Foundation.socket(entry.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var name = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let isNamed = withUnsafeMutablePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        socket >= 0 && bind(socket, entry.ai_addr, entry.ai_addrlen) == 0 && Foundation.listen(socket, 16) == 0
          && getsockname(socket, pointer, &length) == 0
      }
    }
    guard isNamed else {
      let reason = String(cString: strerror(errno))
      if socket >= 0 { close(socket) }
      throw Failure(step: "cannot listen on \(address): \(reason)")
    }
    let port = withUnsafeBytes(of: &name) { $0.load(fromByteOffset: 2, as: UInt16.self) }
    return (socket, UInt16(bigEndian: port))
  }
}
