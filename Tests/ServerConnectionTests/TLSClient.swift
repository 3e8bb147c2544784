// TLSClient.swift: our side of a connection to `openssl s_server`
import Foundation
import TestSupport

@testable import ServerConnection

extension TLSServer {
  /// Connects as to a server called `host`.
  func connect(as host: String, caFile: URL?) throws(ConnectionFailure) -> ServerStream {
    let address = try SocketAddress.all(of: "127.0.0.1", port: port)[0]
    return try ServerStream(to: address, tls: TLSSettings(caFile: caFile?.path), host: host)
  }
}

extension ServerStream {
  /// What arrives until `end` accepts it.
  func receive(until isComplete: (Data) -> Bool) throws -> Data {
    var all = Data()
    while !isComplete(all) {
      guard let more = try receive(within: 60) else { throw TestFailure("no more than \(all.count) bytes came") }
      if more.isEmpty { break }
      all += more
    }
    return all
  }
}
