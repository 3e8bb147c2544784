// UsersFile.swift: the file of users and passwords of lab and keyserver: lines "name:password", '#' begins a comment.
import Foundation

struct UsersFile {
  var users: [(name: String, password: String)]

  var passwords: [String: String] { Dictionary(users.map { ($0.name, $0.password) }) { _, last in last } }

  static func read(_ path: String) throws -> UsersFile {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw CommandFailure.badConfiguration("the users file \(path) cannot be read")
    }
    var users: [(String, String)] = []
    for (number, line) in TextLines.all(of: text).enumerated() {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.isEmpty || line.hasPrefix("#") { continue }
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex, line.index(after: colon) != line.endIndex
      else { throw CommandFailure.badConfiguration("\(path), line \(number + 1): write name:password") }
      users.append((String(line[..<colon]), String(line[line.index(after: colon)...])))
    }
    guard !users.isEmpty else { throw CommandFailure.badConfiguration("\(path) names no user") }
    return UsersFile(users: users)
  }
}
