// ConfCheck+Users.swift: where module::Authentication has its users from: a file, or a database by an SQL request
import Foundation

extension ConfCheck {
  private static let authentication = "module::Authentication"
  private static let usualRequest = "select password, algorithm from accounts where login = :id and domain = :domain"
  /// Of the file of users, and of challenges.
  private static let hashes = [(stored: "md5", asked: "MD5"), (stored: "sha256", asked: "SHA-256")]

  mutating func checkUsers() {
    switch conf.value(Self.authentication, "db-implementation") {
    case "file": checkUsersFile()
    case "soci":
      checkPasswordRequest()
      let key = "soci-connection-string"
      guard isServersMachine, conf.value(Self.authentication, "soci-backend") == "mysql",
        let setting = conf.setting(Self.authentication, key)
      else { return }
      checkMySQL(setting.value, Self.authentication, key, "every REGISTER gets 500", preventsStart: false)
    case let other:
      report(
        Self.authentication, "db-implementation", "'\(other)' is neither file nor soci: Flexisip ends",
        correction: "db-implementation=file", preventsStart: true)
    }
  }

  // MARK: The request

  /// What is no SQL, as far as that is seen without the database.
  private mutating func checkPasswordRequest() {
    let key = "soci-password-request"
    func error(_ problem: String, _ correction: String = Self.usualRequest) {
      report(Self.authentication, key, problem, correction: "\(key)=\(correction)")
    }
    guard let request = conf.setting(Self.authentication, key)?.value else {
      if conf.value(Self.authentication, key).isEmpty { error("no SQL request for passwords: nobody can authenticate") }
      return
    }
    guard !request.isEmpty else { return error("no SQL request for passwords: nobody can authenticate") }
    let consequence = "the database refuses the request, and every REGISTER gets 500"
    let words = request.split { !($0.isLetter || $0.isNumber || "_:.".contains($0)) }.map { $0.lowercased() }
    let keywords: Set = ["select", "from", "where", "and", "or", "join", "on", "in", "limit", "order", "by", "as"]
    let quotes = request.count { $0 == "'" }
    if let word = zip(words, words.dropFirst()).first(where: { $0 == $1 && keywords.contains($0) })?.0 {
      let once = request.replacingOccurrences(
        of: "\\b\(word)\\s+\(word)\\b", with: word, options: [.regularExpression, .caseInsensitive])
      error("'\(word)' is there twice: \(consequence)", once)
    } else if words.first != "select" {
      error("it is no SELECT, so it gives no password: every REGISTER gets 500")
    } else if request.count(where: { $0 == "(" }) != request.count(where: { $0 == ")" }) || !quotes.isMultiple(of: 2) {
      error("a parenthesis or a quote is not closed: \(consequence)")
    } else if !words.contains(":id") {
      error("without :id it asks for no user in particular: all have the first one's password")
    }
  }

  // MARK: The file

  private mutating func checkUsersFile() {
    let path =
      conf.value(Self.authentication, "file-path").isEmpty
      ? conf.value(Self.authentication, "datasource") : conf.value(Self.authentication, "file-path")
    let example = "file-path=/etc/flexisip/users.db"
    guard !path.isEmpty else {
      return report(
        Self.authentication, "file-path", "no file of users: the server does not start", correction: example,
        preventsStart: true)
    }
    guard isServersMachine else { return }
    guard let data = FileManager.default.contents(atPath: path) else {
      return report(
        Self.authentication, "file-path", "\(path) cannot be read: the server does not start", correction: example,
        remedy: "its first line is version:1, then one line a user: alice@\(domain) clrtxt:secret ;",
        preventsStart: true)
    }
    let users: [FlexisipUsersFile.User]
    do throws(FlexisipUsersFile.Fault) { users = try FlexisipUsersFile(data).users } catch {
      return report(
        Self.authentication, "file-path", "\(path):\(error.line): \(error.problem): the server does not start",
        correction: "file-path=\(path)", remedy: "line \(error.line) of \(path): \(error.correction)",
        preventsStart: true)
    }
    checkHashes(of: users, path)
    guard let address = client?.address, let user = address.user,
      !users.contains(where: { $0.isAt(user, address.host) })
    else { return }
    report(
      Self.authentication, "file-path", "\(path) has no line for \(user)@\(address.host)",
      correction: "file-path=\(path)", remedy: "add to \(path): \(user)@\(address.host) clrtxt:PASSWORD ;")
  }

  /// A challenge for an algorithm is answered with a hash of that one, or with the password in clear text.
  private mutating func checkHashes(of users: [FlexisipUsersFile.User], _ path: String) {
    let key = "available-algorithms"
    let offered = conf.words(Self.authentication, key)
    let usable = Set(["clrtxt"] + Self.hashes.filter { offered.contains($0.asked) }.map(\.stored))
    let locked = users.filter { usable.isDisjoint(with: $0.algorithms) }
    guard let first = locked.first, !offered.isEmpty else { return }
    let missing = Self.hashes.filter { hash in locked.contains { $0.algorithms.contains(hash.stored) } }.map(\.asked)
    guard !missing.isEmpty else {
      return report(
        Self.authentication, "file-path",
        "\(path): the algorithm of \(first.name)@\(first.domain) must be in small letters, else nobody can log in by it",
        correction: "file-path=\(path)", remedy: "clrtxt, md5 or sha256")
    }
    let isDefault = conf.setting(Self.authentication, key) == nil
    let asked = offered.joined(separator: " ") + (isDefault ? " (the default)" : "")
    let stored = missing.joined(separator: " and ")
    let right = Self.hashes.map(\.asked).filter { offered.contains($0) || missing.contains($0) }
    add(
      locked.count == users.count ? .error : .warning, Self.authentication, key,
      locked.count == users.count
        ? "all users of \(path) have a hash for \(stored) only, and \(asked) is asked for: nobody can log in"
        : "\(first.name)@\(first.domain) of \(path) has a hash for \(stored) only, and \(asked) is asked for: no login",
      correction: "\(key)=\(right.joined(separator: " "))")
  }
}

extension FlexisipUsersFile.User {
  fileprivate func isAt(_ name: String, _ host: String) -> Bool {
    self.name.caseInsensitiveCompare(name) == .orderedSame && domain.caseInsensitiveCompare(host) == .orderedSame
  }
}
