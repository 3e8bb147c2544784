// ConfCheck+Databases.swift: where registrations and rooms are kept, and whether these can be reached
import Foundation

extension ConfCheck {
  /// Seconds for a connection to a database.
  private static let connectTimeout = 3.0

  mutating func checkDatabases() {
    checkRegistrations()
    if conf.has(section: Self.conference) { checkRooms() }
  }

  private mutating func checkRegistrations() {
    let section = "module::Registrar"
    let key = "db-implementation"
    switch conf.value(section, key) {
    case "internal":
      let servers = Set(conf.words("global", "default-servers"))
      guard conf.has(section: Self.conference), !servers.isSuperset(of: ["proxy", "conference"]) else { return }
      report(
        section, key,
        "internal\(conf.setting(section, key) == nil ? " (the default)" : "") keeps registrations in one process, and "
          + "default-servers=\(conf.value("global", "default-servers")) starts the conference server as another: "
          + "it finds no one's devices",
        correction: "db-implementation=redis",
        remedy: "or start both in one process: [global] default-servers=proxy conference")
    case "redis":
      let host = conf.value(section, "redis-server-domain")
      guard let port = UInt16(conf.value(section, "redis-server-port")) else {
        return report(
          section, "redis-server-port", "no port number", correction: "redis-server-port=6379")
      }
      if isServersMachine, let cause = TCPConnection.failure(host: host, port: port, timeout: Self.connectTimeout) {
        report(
          section, "redis-server-domain", "no Redis server at \(host) port \(port): \(cause)",
          correction: "redis-server-domain=localhost", remedy: "start it: systemctl start redis-server")
      }
    case let other:
      report(section, key, "'\(other)' is neither redis nor internal", correction: "\(key)=redis")
    }
  }

  private mutating func checkRooms() {
    guard conf.words(Self.conference, "supported-media-types").contains("text") else { return }
    let key = "database-connection-string"
    let text = conf.value(Self.conference, key)
    let sqlite =
      "database-backend=sqlite3\n"
      + "database-connection-string=/var/opt/belledonne-communications/lib/flexisip/conference.db"
    let backend = conf.value(Self.conference, "database-backend")
    guard ["mysql", "sqlite3", "sqlite"].contains(backend) else {
      return report(
        Self.conference, "database-backend", "'\(backend)' is neither mysql nor sqlite3: the server does not start",
        correction: "database-backend=\(backend.lowercased().hasPrefix("sq") ? "sqlite3" : "mysql")")
    }
    guard !text.isEmpty, !text.contains("host='myhost.com'") else {
      return report(
        Self.conference, key, "the database of rooms is not set: the server does not start",
        correction: backend == "mysql"
          ? "\(key)=db='flexisip' user='flexisip' password='PASSWORD' host='localhost'" : sqlite)
    }
    guard isServersMachine else { return }
    if backend.hasPrefix("sqlite") { checkSQLite(text, key) } else { checkMySQL(text, key) }
  }

  private mutating func checkSQLite(_ text: String, _ key: String) {
    let path = (ConnectionString(text)["db"] ?? ConnectionString(text)["dbname"] ?? text)
      .trimmingCharacters(in: CharacterSet(charactersIn: "'\""))
    guard path != ":memory:" else { return }
    guard !text.contains("host=") else {
      return report(
        Self.conference, "database-backend", "database-connection-string is one of MySQL, but the backend is sqlite3",
        correction: "database-backend=mysql")
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder)
    if !exists || !isFolder.boolValue {
      report(
        Self.conference, key, "the folder \(folder) does not exist: the server does not start",
        correction:
          "\(key)=/var/opt/belledonne-communications/lib/flexisip/\(URL(fileURLWithPath: path).lastPathComponent)",
        remedy: "or make the folder, owned by the user that Flexisip runs as")
    } else if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      report(
        Self.conference, key, "\(path) is a folder, not a database: the server does not start",
        correction: "\(key)=\(path)/conference.db")
    }
  }

  private mutating func checkMySQL(_ text: String, _ key: String) {
    let values = ConnectionString(text)
    guard values["db"] != nil || values["dbname"] != nil else {
      return report(
        Self.conference, text.contains("=") ? key : "database-backend",
        "'\(text)' names no MySQL database: the server does not start",
        correction: text.contains("=") ? "\(key)=db='flexisip' \(text)" : "database-backend=sqlite3")
    }
    // Without a host, or with localhost, MySQL is spoken over a local socket.
    guard let host = values["host"], host != "localhost" else { return }
    let port = values["port"].flatMap { UInt16($0) } ?? 3306
    if let cause = TCPConnection.failure(host: host, port: port, timeout: Self.connectTimeout) {
      report(
        Self.conference, key, "no database server at \(host) port \(port): \(cause); the server does not start",
        correction: "\(key)=\(text.replacingOccurrences(of: host, with: "localhost"))",
        remedy: "or start it: systemctl start mariadb")
    }
  }
}

/// `key=value key='value'`, as SOCI reads it.
struct ConnectionString {
  private var values: [String: String] = [:]

  init(_ text: String) {
    for match in text.matches(of: /(\w+)\s*=\s*('[^']*'|"[^"]*"|\S+)/) {
      values[match.1.lowercased()] = match.2.trimmingCharacters(in: CharacterSet(charactersIn: "'\""))
    }
  }

  subscript(key: String) -> String? { values[key] }
}
