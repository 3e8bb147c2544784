// Peer.swift: the curl program and plain sockets as clients of a key server under test
import Foundation
import Glibc
import Lime
import TestSupport
import Testing

@testable import KeyServer

/// What curl got.
struct Reply {
  var status: Int
  var contentType: String
  var body: Data

  /// The body as an answer of the protocol.
  var answer: KeyServerAnswer {
    get throws {
      #expect(status == 200)
      #expect(contentType == "x3dh/octet-stream")
      return try KeyServerAnswer(parsing: body)
    }
  }

  /// The code of an error answer.
  var errorCode: KeyServerErrorCode? {
    get throws {
      guard case .error(let code, _) = try answer.content else { return nil }
      return code
    }
  }
}

/// A key server that runs for one test, and curl to speak with it.
struct Peer {
  let port: Int
  var host = "127.0.0.1"

  static func run(
    _ configuration: KeyServerConfiguration = KeyServerConfiguration(), _ body: (Peer) async throws -> Void
  ) async throws {
    let server = try KeyServer(configuration: configuration)
    let peer = Peer(port: try await server.start())
    do {
      try await body(peer)
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  /// Posts a request as a device would, both headers set.
  func post(_ request: KeyServerRequest, from device: String) async throws -> Reply {
    try await post(request.serialized, from: device)
  }

  func post(_ body: Data, from device: String) async throws -> Reply {
    try await curl(
      ["-H", "Content-Type: x3dh/octet-stream", "-H", "From: \(device)", "-H", "X-Lime-user-identity: \(device)"], body)
  }

  /// Runs curl with extra arguments. A nil body makes it a GET.
  func curl(_ arguments: [String], _ body: Data?) async throws -> Reply {
    let folder = try TemporaryFolder()
    var words = [
      "-q", "-s", "--noproxy", "*", "--max-time", "20", "-o", folder.file("body").path,
      "-w", "%{http_code} %{content_type}\\n",
    ]
    if let body {
      try body.write(to: folder.file("request"))
      words += ["--data-binary", "@\(folder.file("request").path)"]
    }
    let printed = try await PeerProcess.run(
      URL(fileURLWithPath: "/usr/bin/curl"), words + arguments + ["http://\(host):\(port)/lime-server.php"])
    let summary = (printed.last ?? "").split(separator: " ", maxSplits: 1)
    let content = FileManager.default.contents(atPath: folder.file("body").path) ?? Data()
    return Reply(
      status: summary.first.flatMap { Int($0) } ?? 0, contentType: summary.dropFirst().first.map(String.init) ?? "",
      body: content)
  }

  /// Sends bytes as they are and hangs up after the server did, or at once.
  /// - Returns: what the server sent until it hung up.
  @discardableResult func send(raw bytes: Data, hangUp: Bool) async throws -> Data {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Data, any Error>) in
      Thread.detachNewThread {
        continuation.resume(with: Result { try exchange(bytes, hangUp: hangUp) })
      }
    }
  }

  private func exchange(_ bytes: Data, hangUp: Bool) throws -> Data {
    let socket = try LoopbackSocket.connected(to: port)
    _ = bytes.withUnsafeBytes { Glibc.send(socket.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    var received = Data()
    guard !hangUp else { return received }
    shutdown(socket.descriptor, Int32(SHUT_WR))
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(socket.descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return received }
      received += buffer.prefix(count)
    }
  }
}

/// Keys of the right sizes with random bytes: the server does not look into them.
enum Keys {
  static func random(_ count: Int) -> Data { Data((0..<count).map { _ in UInt8.random(in: .min ... .max) }) }

  static func signedPrekey(_ curve: Curve, id: UInt32 = 77) -> SignedPrekey {
    SignedPrekey(id: id, publicKey: random(curve.publicKeyLength), signature: random(curve.signatureLength))
  }

  static func oneTimeKeys(_ curve: Curve, ids: some Sequence<UInt32>) -> [OneTimeKey] {
    ids.map { OneTimeKey(id: $0, publicKey: random(curve.publicKeyLength)) }
  }

  static func registration(_ curve: Curve = .c25519, oneTimeKeys: Int = 2) throws -> KeyServerRequest {
    let identity = try #require(IdentityKey(curve: curve, bytes: random(curve.identityKeyLength)))
    return KeyServerRequest(
      curve: curve,
      content: .register(
        identity: identity, signedPrekey: signedPrekey(curve),
        oneTimeKeys: self.oneTimeKeys(curve, ids: (0..<UInt32(oneTimeKeys)).map { $0 + 1 })))
  }
}

let alice = "sip:alice@sip.example.org;gr=urn:uuid:a"
let bob = "sip:bob@sip.example.org;gr=urn:uuid:b"

extension Peer {
  /// The bundle of one device, which must be the only one answered.
  func bundle(of device: String, curve: Curve = .c25519, for asker: String = alice) async throws -> KeyBundle {
    let request = KeyServerRequest(curve: curve, content: .getBundles([DeviceID(device)]))
    let bundles = try await post(request, from: asker).answer.bundles(for: [DeviceID(device)], curve: curve)
    return try #require(bundles.first)
  }

  func oneTimeKeyIDs(of device: String, curve: Curve = .c25519) async throws -> [UInt32] {
    let answer = try await post(KeyServerRequest(curve: curve, content: .getOneTimeKeyIDs), from: device).answer
    guard case .oneTimeKeyIDs(let ids) = answer.content else {
      throw TestFailure("unexpected answer \(answer)")
    }
    return ids
  }
}
