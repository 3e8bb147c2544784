// FlexisipUsersFile.swift: reads the file of users that module::Authentication names in file-path, as Flexisip's grammar does
import Foundation

/// `version:1`, then a line a user: `user@domain algorithm:password … ; [user-id [phone]]`.
struct FlexisipUsersFile: Sendable {
  struct User: Sendable, Equatable {
    /// Empty in a line that has only a domain.
    var name: String
    var domain: String
    /// As written: clrtxt, md5, sha256.
    var algorithms: [String]
  }

  struct Fault: Error, Equatable {
    var line: Int
    var problem: String
    /// What the line should be.
    var correction: String
  }

  /// Larger files are read to here, in bytes.
  static let maximumSize = 16 << 20

  private(set) var users: [User] = []

  private static let algorithms = ["clrtxt", "md5", "sha256"]
  private static let tokenMarks = Set("-.!%*_+`'~:".utf8)

  init(_ data: Data) throws(Fault) {
    var lines = data.prefix(Self.maximumSize).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let rest = lines.popLast() ?? Data()
    guard let first = lines.first ?? (rest.isEmpty ? nil : rest) else {
      throw Fault(line: 1, problem: "it is empty", correction: "version:1")
    }
    try Self.checkVersion(Self.text(first))
    for (index, line) in lines.enumerated().dropFirst() { try read(Self.text(line), index + 1) }
    guard rest.isEmpty else {
      throw Fault(
        line: lines.count + 1, problem: "the last line has no newline at its end", correction: Self.text(rest))
    }
  }

  /// Without a CR at the end, which the grammar allows.
  private static func text(_ line: some DataProtocol) -> String {
    String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line[...], as: UTF8.self)
  }

  private static func checkVersion(_ line: String) throws(Fault) {
    guard line.lowercased() != "version:1" else { return }
    let bare = line.filter { !$0.isWhitespace && $0 != "\u{FEFF}" }.lowercased()
    let problem =
      bare == "version:1"
      ? "'\(line)' must be exactly version:1, without blanks or other marks"
      : bare.hasPrefix("version:") ? "'\(line)': only version 1 is known" : "its first line is not version:1"
    throw Fault(line: 1, problem: problem, correction: "version:1")
  }

  private mutating func read(_ line: String, _ number: Int) throws(Fault) {
    func fault(_ problem: String, _ correction: String) -> Fault {
      Fault(line: number, problem: problem, correction: correction)
    }
    if line.hasPrefix("#") {
      guard let wrong = line.dropFirst().first(where: { !Self.isOfComment($0) }) else { return }
      throw fault("a comment cannot have '\(wrong)'", line.filter { $0 == "#" || Self.isOfComment($0) })
    }
    let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
    guard let identity = words.first else { return }
    guard line.first == identity.first else { throw fault("a blank stands before \(identity)", line.trimmed) }
    let parts = identity.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    for part in parts where !Self.isToken(part) {
      throw fault("'\(identity)' is no user@domain of letters, digits and -.!%*_+`'~:", "alice@sip.example.org …")
    }
    var algorithms: [String] = []
    var rest = words.dropFirst()
    while let word = rest.first, word != ";" {
      algorithms.append(try Self.algorithm(of: word, in: line, of: identity, number))
      rest.removeFirst()
    }
    guard !algorithms.isEmpty else { throw fault("\(identity) has no password", "\(identity) clrtxt:password ;") }
    guard rest.popFirst() == ";" else {
      throw fault("the line of \(identity) does not end with ' ;'", "\(line.trimmed) ;")
    }
    // What follows is a user-id and a telephone number.
    guard rest.count <= 2, rest.allSatisfy(Self.isToken) else {
      throw fault("behind ';' there can be a user-id and a phone number only", "\(line.prefix { $0 != ";" });")
    }
    users.append(
      User(name: parts.count == 2 ? parts[0] : "", domain: parts.last ?? identity, algorithms: algorithms))
  }

  /// Of `algorithm:password`.
  private static func algorithm(
    of word: String, in line: String, of identity: String, _ number: Int
  ) throws(Fault) -> String {
    let shown = "\(identity) clrtxt:password ;"
    let pair = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard pair.count == 2 else {
      throw Fault(
        line: number,
        problem: word.hasSuffix(";")
          ? "before the ';' of \(identity) a blank is missing"
          : "the password of \(identity) has no algorithm before it",
        correction: shown)
    }
    guard algorithms.contains(pair[0].lowercased()) else {
      throw Fault(
        line: number, problem: "'\(pair[0])' is no algorithm: \(algorithms.joined(separator: ", ")) are",
        correction: shown)
    }
    guard isToken(pair[1]) else {
      let wrong = pair[1].first { !isToken(String($0)) }
      let isEnd = pair[1].last == ";" && isToken(String(pair[1].dropLast()))
      throw Fault(
        line: number,
        problem: isEnd
          ? "before the ';' of \(identity) a blank is missing"
          : "the password of \(identity) has \(wrong.map { "'\($0)'" } ?? "nothing"), which the file cannot have "
            + "(letters, digits and -.!%*_+`'~: only)",
        correction: isEnd ? line.replacing(word, with: "\(word.dropLast()) ;") : "\(identity) md5:HASH ;")
    }
    return pair[0]
  }

  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || tokenMarks.contains(byte)
      }
  }

  private static func isOfComment(_ character: Character) -> Bool {
    !character.isASCII || character == " " || character == "\t"
      || character.asciiValue.map { (0x21...0x7E).contains($0) && ![0x28, 0x29, 0x5C].contains($0) } == true
  }
}
