// HostileKeyServerTests.swift: a key server that answers anything, over a real connection: an error, soon and cheap.
import Foundation
import Lime
import TestSupport
import Testing

@testable import ChatCore

@Suite struct HostileKeyServer {
  /// An HTTP server that answers one request with what a closure writes, until the client has had enough.
  private final class Server: Sendable {
    let socket: LoopbackSocket
    private let lock = NSLock()
    // Only touched under the lock.
    nonisolated(unsafe) private var count = 0

    /// Bytes that the client, and the system's buffers, have taken.
    var written: Int { lock.withLock { count } }

    init(_ answer: @escaping @Sendable (_ write: (Data) -> Bool) -> Void) throws {
      socket = try LoopbackSocket.listening()
      Thread.detachNewThread { [self] in
        let client = accept(socket.descriptor, nil, nil)
        guard client >= 0 else { return }
        // The request is small and comes in one or two pieces: its end is the body's, which has no line break.
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var request = Data()
        while request.range(of: Data("\r\n\r\n\u{1}".utf8)) == nil {
          let length = read(client, &buffer, buffer.count)
          guard length > 0 else { break }
          request.append(contentsOf: buffer[..<length])
        }
        answer { data in
          var rest = data
          while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return false }
            lock.withLock { count += sent }
            rest = Data(rest.dropFirst(sent))
          }
          return true
        }
        shutdown(client, Int32(SHUT_RDWR))
        close(client)
      }
    }

    /// What the account's client makes of the answer.
    func answer(to request: KeyServerRequest) async throws -> KeyServerAnswer {
      let url = try #require(URL(string: "http://127.0.0.1:\(socket.port)/lime"))
      let client = KeyServerClient(
        url: url, device: DeviceID("sip:alice@sip.example.org;gr=1"), username: "alice", realm: "sip.example.org",
        password: Password("secret"), caFile: nil)
      return try await client.exchange(request)
    }
  }

  private static let bob = DeviceID("sip:bob@sip.example.org;gr=1")
  private static let request = KeyServerRequest(curve: .c25519, content: .getBundles([bob]))
  /// What an endless answer may cost, system buffers on both sides included, in bytes.
  private static let enough = 64 << 20

  private static func head(_ lines: String...) -> Data {
    Data(
      (["HTTP/1.1 200 OK", "Content-Type: \(keyServerMediaType)"] + lines + ["", ""]).joined(separator: "\r\n").utf8)
  }

  private func expectRefusal(_ server: Server, sourceLocation: SourceLocation = #_sourceLocation) async {
    do {
      _ = try await server.answer(to: Self.request)
      Issue.record("the answer was taken", sourceLocation: sourceLocation)
    } catch ChatError.keyServer(let text) {
      #expect(text.contains("127.0.0.1:\(server.socket.port)"), sourceLocation: sourceLocation)
    } catch { Issue.record(error, sourceLocation: sourceLocation) }
    #expect(server.written < Self.enough, sourceLocation: sourceLocation)
  }

  @Test func `A body without end is given up`() async throws {
    let chunk = Data("10000\r\n".utf8) + Data(count: 0x10000) + Data("\r\n".utf8)
    await expectRefusal(
      try Server { write in
        guard write(Self.head("Transfer-Encoding: chunked")) else { return }
        while write(chunk) {}
      })
    await expectRefusal(
      try Server { write in
        guard write(Self.head("Content-Length: 1000000000000")) else { return }
        while write(Data(count: 0x10000)) {}
      })
    // Compressed: a megabyte of these is a gigabyte of nothing.
    await expectRefusal(
      try Server { write in
        guard write(Self.head("Content-Encoding: gzip", "Connection: close")) else { return }
        while write(Data(count: 0x10000)) {}
      })
  }

  @Test func `Headers without end are given up`() async throws {
    let line = Data("X: \(String(repeating: "x", count: 4000))\r\n".utf8)
    await expectRefusal(
      try Server { write in
        guard write(Data("HTTP/1.1 200 OK\r\n".utf8)) else { return }
        while write(line) {}
      })
    await expectRefusal(try Server { write in while write(Data(repeating: 0x41, count: 0x10000)) {} })
  }

  @Test(arguments: [
    "", "01", "0106", "010601", "0106010001", "010601ffff", "01060100010400", "0106010001ffff41", "020601", "01060300",
    "010904", "01ff", "0108010001", "01080107d1",
  ])
  func `What is no answer is refused`(hex: String) async throws {
    let body = try Data(hex: hex)
    await expectRefusal(
      try Server { write in _ = write(Self.head("Content-Length: \(body.count)", "Connection: close") + body) })
  }

  @Test func `An answer for others, for too many, for none or on another curve gives no bundle`() async throws {
    let carol = KeyBundle(device: DeviceID("sip:carol@sip.example.org;gr=1"), keys: nil)
    let bob = KeyBundle(device: Self.bob, keys: nil)
    let answers: [(KeyServerAnswer, KeyServerMessageError)] = [
      (KeyServerAnswer(curve: .c25519, content: .bundles([carol])), .otherDevices),
      (KeyServerAnswer(curve: .c25519, content: .bundles([bob, carol])), .otherDevices),
      (KeyServerAnswer(curve: .c25519, content: .bundles([bob, bob])), .otherDevices),
      (KeyServerAnswer(curve: .c25519, content: .bundles([])), .otherDevices),
      (KeyServerAnswer(curve: .c448, content: .bundles([bob])), .otherCurve),
      (KeyServerAnswer(curve: .c25519, content: .oneTimeKeyIDs([1])), .unexpectedType(8)),
    ]
    for (answer, error) in answers {
      let body = answer.serialized
      let server = try Server { write in
        _ = write(Self.head("Content-Length: \(body.count)", "Connection: close") + body)
      }
      let parsed = try await server.answer(to: Self.request)
      #expect(throws: error) { try parsed.bundles(for: [Self.bob], curve: .c25519) }
    }
  }
}
