// ScriptedServer.swift: a SIP server on one TCP connection that does what a test says
import Foundation
import TestSupport

@testable import SIPAgent

/// A SIP message as text, good enough for what Sofia sends.
struct RawMessage: Sendable {
  var firstLine: String
  var headers: [SIPHeader]
  var body: Data

  var method: String { String(firstLine.prefix { $0 != " " }) }

  /// A response with the fields that every response repeats.
  func answer(_ status: String, _ headers: [String] = []) -> Data {
    var lines = ["SIP/2.0 \(status)"]
    for name in ["Via", "From", "Call-ID", "CSeq"] {
      lines += self.headers.all(named: name).map { "\(name): \($0)" }
    }
    let to = self.headers["To"] ?? ""
    lines.append("To: " + (to.contains("tag=") ? to : to + ";tag=server"))
    return (lines + headers).joined(separator: "\r\n").data + "\r\nContent-Length: 0\r\n\r\n".data
  }

  /// A NOTIFY in the dialog of this SUBSCRIBE.
  func notify(_ sequence: Int, state: String, _ headers: [String] = [], body: Data = Data()) -> Data {
    let contact = (self.headers["Contact"] ?? "").drop { $0 != "<" }.dropFirst().prefix { $0 != ">" }
    let lines =
      [
        "NOTIFY \(contact) SIP/2.0", "Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK\(UUID().uuidString);rport",
        "Max-Forwards: 70", "From: \(self.headers["To"] ?? "");tag=server", "To: \(self.headers["From"] ?? "")",
        "Call-ID: \(self.headers["Call-ID"] ?? "")", "CSeq: \(sequence) NOTIFY", "Event: conference",
        "Contact: <sip:127.0.0.1;transport=tcp>", "Subscription-State: \(state)",
      ] + headers
    return lines.joined(separator: "\r\n").data + "\r\nContent-Length: \(body.count)\r\n\r\n".data + body
  }
}

extension String {
  fileprivate var data: Data { Data(utf8) }
}

/// Serves connections one after the other until `stop`.
///
/// `@unchecked Sendable`: `received` and `sink` are only touched under `lock` and on the server's thread.
final class ScriptedServer: @unchecked Sendable {
  let port: Int
  private let listener: LoopbackSocket
  private let script: @Sendable (RawMessage) -> [Data]
  private let lock = NSLock()
  private var received: [RawMessage] = []
  private var connection: Int32 = -1
  private var isStopped = false

  /// - Parameter script: what to send for each message that comes in.
  init(_ script: @escaping @Sendable (RawMessage) -> [Data]) throws {
    self.script = script
    listener = try LoopbackSocket.listening()
    port = listener.port
    Thread { [self] in run() }.start()
  }

  var messages: [RawMessage] { lock.withLock { received } }

  func stop() {
    lock.withLock {
      isStopped = true
      if connection >= 0 { shutdown(connection, Int32(SHUT_RDWR)) }
    }
    shutdown(listener.descriptor, Int32(SHUT_RDWR))
  }

  private func run() {
    while true {
      let socket = accept(listener.descriptor, nil, nil)
      let goOn = lock.withLock {
        connection = socket
        return socket >= 0 && !isStopped
      }
      if goOn { serve(socket) }
      lock.withLock { connection = -1 }
      if socket >= 0 { close(socket) }
      if !goOn { break }
    }
  }

  private func serve(_ socket: Int32) {
    var buffer = Data()
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(socket, &chunk, chunk.count, 0)
      if count <= 0 { return }
      buffer.append(contentsOf: chunk[..<count])
      while let message = Self.take(&buffer) {
        lock.withLock { received.append(message) }
        for data in script(message) {
          _ = data.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
      }
    }
  }

  private static func take(_ buffer: inout Data) -> RawMessage? {
    while buffer.starts(with: [13, 10]) { buffer.removeFirst(2) }
    guard let end = buffer.range(of: Data("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let headers = lines.dropFirst().compactMap { line -> SIPHeader? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return SIPHeader(
        String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }
    let length = headers["Content-Length"].flatMap { Int($0) } ?? 0
    guard buffer.distance(from: end.upperBound, to: buffer.endIndex) >= length else { return nil }
    let body = Data(buffer[end.upperBound...].prefix(length))
    buffer = Data(buffer[end.upperBound...].dropFirst(length))
    return RawMessage(firstLine: lines[0], headers: headers, body: body)
  }
}
