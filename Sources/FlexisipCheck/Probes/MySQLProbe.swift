// MySQLProbe.swift: whether a MySQL or MariaDB server lets a user in (client/server protocol 10, connection phase)
import CCrypto
import Foundation
import ServerConnection

struct MySQLProbe {
  enum Failure: Error {
    case unreachable(String)
    case noMySQL
    /// The server's number and words, such as 1045 for a wrong password.
    case refused(Int, String)
    /// It greets, but a login cannot be tried in this way.
    case notTried(String)
  }

  /// Numbers of refusals: a wrong user or password.
  static let accessDenied: Set = [1045, 1698]
  /// A database that the user may not use, or that is not there.
  static let databaseDenied: Set = [1044, 1049]

  var user: String
  var password: String
  var database: String?

  private static let maximumPacket = 16_384
  /// Longest text of a server's refusal, in bytes.
  private static let maximumText = 500
  /// CLIENT_LONG_PASSWORD, CLIENT_PROTOCOL_41, CLIENT_TRANSACTIONS, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH.
  private static let capabilities: UInt32 = 0x1 | 0x200 | 0x2000 | 0x8000 | 0x8_0000
  private static let connectWithDatabase: UInt32 = 0x8
  private static let charset: UInt8 = 33  // utf8
  private static let native = "mysql_native_password"
  private static let cachingSHA2 = "caching_sha2_password"

  /// Logs in and hangs up. Blocking.
  func tryOut(at addresses: [SocketAddress], timeout: Double) throws(Failure) {
    let stream = try Self.connect(addresses, timeout)
    var connection = Packets(stream: stream, timeout: timeout, limit: Self.maximumPacket)
    let greeting = try connection.next()
    if greeting.first == 0xFF { throw Self.refusal(greeting) }
    guard let (scramble, plugin) = Self.challenge(in: greeting) else { throw .noMySQL }
    try connection.send(login(scramble, plugin))
    while true {
      let packet = try connection.next()
      switch packet.first {
      case 0: return
      case 0xFF: throw Self.refusal(packet)
      case 0xFE:
        // Another method: its name, and a challenge of its own.
        let parts = packet.dropFirst().split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(decoding: parts.first ?? [], as: UTF8.self)
        let proof = proof(Array((parts.count > 1 ? parts[1] : []).prefix(20)), name)
        guard let proof else { throw .notTried("its user logs in by \(name)") }
        try connection.send(proof)
      case 1 where packet.dropFirst().first == 3: continue
      case 1: throw .notTried("it takes this password over TLS or its local socket only")
      default: throw .noMySQL
      }
    }
  }

  private static func connect(_ addresses: [SocketAddress], _ timeout: Double) throws(Failure) -> ServerStream {
    var last = ConnectionFailure.closed
    for address in addresses {
      do throws(ConnectionFailure) {
        return try ServerStream(
          to: address, tls: nil, host: "", timeouts: ServerStream.Timeouts(connect: timeout))
      } catch { last = error }
    }
    throw .unreachable("\(last)")
  }

  /// The greeting's random bytes, 20, and the method that it proposes.
  private static func challenge(in greeting: [UInt8]) -> (scramble: [UInt8], plugin: String)? {
    // Version 10, the server's version up to a zero, then 4 bytes of thread number and the first 8 random ones.
    guard greeting.first == 10, let end = greeting.firstIndex(of: 0) else { return nil }
    let rest = greeting[(end + 1)...]
    // A zero, 2 bytes of capabilities, 1 of character set, 2 of status, 2 of capabilities, 1 of length, 10 unused.
    let second = rest.startIndex + 4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10
    guard rest.endIndex >= second + 12 else { return nil }
    let scramble = rest[(rest.startIndex + 4)..<(rest.startIndex + 12)] + rest[second..<(second + 12)]
    let plugin = rest[min(second + 13, rest.endIndex)...].prefix { $0 != 0 }
    return (Array(scramble), String(decoding: plugin, as: UTF8.self))
  }

  private func login(_ scramble: [UInt8], _ plugin: String) -> [UInt8] {
    let name = proof(scramble, plugin) == nil ? Self.native : plugin
    let proof = proof(scramble, name) ?? []
    var flags = Self.capabilities
    if database != nil { flags |= Self.connectWithDatabase }
    var packet = withUnsafeBytes(of: flags.littleEndian, Array.init)
    packet += withUnsafeBytes(of: UInt32(Self.maximumPacket).littleEndian, Array.init)
    packet += [Self.charset] + [UInt8](repeating: 0, count: 23)
    packet += Array(user.utf8) + [0]
    packet += [UInt8(proof.count)] + proof
    if let database { packet += Array(database.utf8) + [0] }
    return packet + Array(name.utf8) + [0]
  }

  /// That we know the password; nil for a method that is not known here.
  private func proof(_ scramble: [UInt8], _ plugin: String) -> [UInt8]? {
    guard !password.isEmpty || ![Self.native, Self.cachingSHA2].contains(plugin) else { return [] }
    let secret = Array(password.utf8)
    switch plugin {
    case Self.native:
      let once = Self.digest(secret, EVP_sha1())
      return Self.xor(once, Self.digest(scramble + Self.digest(once, EVP_sha1()), EVP_sha1()))
    case Self.cachingSHA2:
      let once = Self.digest(secret, EVP_sha256())
      return Self.xor(once, Self.digest(Self.digest(once, EVP_sha256()) + scramble, EVP_sha256()))
    default: return nil
    }
  }

  private static func digest(_ bytes: [UInt8], _ kind: OpaquePointer?) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard EVP_Digest(bytes, bytes.count, &result, &count, kind, nil) == 1 else { return [] }
    return Array(result.prefix(Int(count)))
  }

  private static func xor(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] { zip(one, other).map { $0 ^ $1 } }

  private static func refusal(_ packet: [UInt8]) -> Failure {
    guard packet.count > 3 else { return .noMySQL }
    var text = packet.dropFirst(3)
    // `#` and five characters of SQL state, except before the login.
    if text.first == UInt8(ascii: "#") { text = text.dropFirst(6) }
    return .refused(Int(packet[1]) | Int(packet[2]) << 8, String(decoding: text.prefix(maximumText), as: UTF8.self))
  }
}

/// Three bytes of length, one of sequence, then so many bytes.
private struct Packets {
  let stream: ServerStream
  let timeout: Double
  let limit: Int
  private var received: [UInt8] = []
  private var sequence: UInt8 = 0

  init(stream: ServerStream, timeout: Double, limit: Int) {
    self.stream = stream
    self.timeout = timeout
    self.limit = limit
  }

  mutating func next() throws(MySQLProbe.Failure) -> [UInt8] {
    let head = try take(4)
    let length = Int(head[0]) | Int(head[1]) << 8 | Int(head[2]) << 16
    guard (1...limit).contains(length) else { throw .noMySQL }
    sequence = head[3] &+ 1
    return try take(length)
  }

  func send(_ packet: [UInt8]) throws(MySQLProbe.Failure) {
    let length = packet.count
    let head = [UInt8(length & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length >> 16 & 0xFF), sequence]
    do throws(ConnectionFailure) { try stream.send(Data(head + packet), within: timeout) } catch { throw .noMySQL }
  }

  private mutating func take(_ count: Int) throws(MySQLProbe.Failure) -> [UInt8] {
    while received.count < count {
      let more: Data?
      do throws(ConnectionFailure) { more = try stream.receive(within: timeout) } catch { throw .noMySQL }
      guard let more, !more.isEmpty else { throw .noMySQL }
      received += more
    }
    defer { received.removeFirst(count) }
    return Array(received.prefix(count))
  }
}
