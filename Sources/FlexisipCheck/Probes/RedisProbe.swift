// RedisProbe.swift: whether a Redis server answers, and takes the password (RESP)
import Foundation
import ServerConnection

enum RedisProbe {
  enum Failure: Error, Equatable {
    case unreachable(String)
    case noRedis
    /// `requirepass` is set, and no password was given.
    case passwordWanted
    case passwordRefused(String)
    /// A password was given, and none is set.
    case noPasswordSet
    case loading(String)
  }

  /// More than one line of answer is no Redis, in bytes.
  private static let maximumLine = 4096

  /// Says AUTH, if there is a password, and PING. Blocking.
  static func tryOut(
    host: String, port: UInt16, user: String, password: String, timeout: Double
  ) throws(Failure) {
    let connection: ServerStream
    do throws(ConnectionFailure) {
      connection = try ServerStream.connect(
        host: host, port: Int(port), tls: nil, timeouts: ServerStream.Timeouts(connect: timeout))
    } catch { throw .unreachable("\(error)") }
    if !password.isEmpty {
      let answer = try ask(["AUTH"] + (user.isEmpty ? [] : [user]) + [password], connection, timeout)
      if answer.contains("no password is set") || answer.contains("without any password configured") {
        throw .noPasswordSet
      }
      guard answer == "+OK" else { throw .passwordRefused(String(answer.dropFirst())) }
    }
    let answer = try ask(["PING"], connection, timeout)
    if answer == "+PONG" { return }
    if answer.hasPrefix("-NOAUTH") { throw .passwordWanted }
    if answer.hasPrefix("-LOADING") || answer.hasPrefix("-MASTERDOWN") { throw .loading(String(answer.dropFirst())) }
    throw .noRedis
  }

  /// The first line of the answer.
  private static func ask(
    _ words: [String], _ connection: ServerStream, _ timeout: Double
  ) throws(Failure) -> String {
    let request = "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    var received = Data()
    do throws(ConnectionFailure) {
      try connection.send(Data(request.utf8), within: timeout)
      while received.firstIndex(of: 13) == nil {
        guard received.count < maximumLine, let more = try connection.receive(within: timeout), !more.isEmpty else {
          throw .closed
        }
        received.append(more)
      }
    } catch { throw .noRedis }
    let line = String(decoding: received.prefix { $0 != 13 }, as: UTF8.self)
    guard line.first == "+" || line.first == "-" else { throw .noRedis }
    return line
  }
}
