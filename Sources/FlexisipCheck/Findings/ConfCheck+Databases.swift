// ConfCheck+Databases.swift: where registrations and rooms are kept, and whether these can be reached
import Foundation
import ServerConnection

extension ConfCheck {
  /// Seconds for a connection to a database.
  private static let connectTimeout = 3.0

  mutating func checkDatabases() {
    if setup.proxy != nil { checkRegistrations() }
    if setup.seesConference, conf.has(section: Self.conference) { checkRooms() }
  }

  private mutating func checkRegistrations() {
    let section = "module::Registrar"
    let key = "db-implementation"
    switch conf.value(section, key) {
    case "internal":
      guard isSplit || conf.has(section: Self.conference) else { return }
      let servers = Set(conf.words("global", "default-servers"))
      let isApart = isSplit || setup.conference != nil
      guard isApart || !servers.isSuperset(of: ["proxy", "conference"]) else {
        // As seen with 2.2.0, where a room that loses its devices while it is read is then there twice, and invites
        // each device twice. Linphone 5.1, when it comes back by itself, is then in neither.
        return warn(
          section, key,
          "with internal a restart of Flexisip forgets all registrations, and the conference server takes every device "
            + "out of its rooms: what is written before a device has registered again does not reach it, and "
            + "Linphone clients may get nothing from these rooms any more",
          correction: "db-implementation=redis", remedy: "a Redis server keeps them; for tries internal is enough",
          isUnseen: true)
      }
      report(
        section, key,
        "internal\(conf.setting(section, key) == nil ? " (the default)" : "") keeps registrations in one process, and "
          + (isApart
            ? "the conference server is another: "
            : "default-servers=\(conf.value("global", "default-servers")) starts the conference server as another: ")
          + "it finds no one's devices",
        correction: "db-implementation=redis",
        remedy: isApart ? nil : "or start both in one process: [global] default-servers=proxy conference")
    case "redis":
      checkRedis(section)
      checkWaitingMessages()
    case let other:
      report(
        section, key, "'\(other)' is neither redis nor internal", correction: "\(key)=redis",
        preventsStart: true)
    }
  }

  /// Redis keeps registrations; what waits for a device that is away is in the proxy's memory, as seen with 2.2.0.
  private mutating func checkWaitingMessages() {
    let section = "module::Router"
    let key = "message-database-enabled"
    guard conf.isOn(section, "message-fork-late"), !conf.isOn(section, key), !isBefore(2, 2) else { return }
    warn(
      section, key,
      "messages for devices that are out of reach wait in the proxy's memory, with Redis too: a restart loses them",
      correction: "\(key)=true",
      remedy: "with message-database-connection-string, for a MySQL or MariaDB database that keeps them", isUnseen: true
    )
  }

  /// - Parameter file: whose settings count; nil for the proxy's.
  mutating func checkRedis(_ section: String, in file: FlexisipConf? = nil) {
    let own = file ?? conf
    func report(_ section: String, _ key: String, _ problem: String, correction: String, remedy: String? = nil) {
      add(.error, section, key, problem, correction: correction, remedy: remedy, in: file)
    }
    let host = own.value(section, "redis-server-domain")
    guard let port = UInt16(own.value(section, "redis-server-port")) else {
      return report(section, "redis-server-port", "no port number", correction: "redis-server-port=6379")
    }
    // Over TLS it is not tried.
    guard isServersMachine, ["", "tcp"].contains(own.value(section, "redis-connection")) else { return }
    let password = own.value(section, "redis-auth-password")
    let user = own.value(section, "redis-auth-user")
    do throws(RedisProbe.Failure) {
      try RedisProbe.tryOut(host: host, port: port, user: user, password: password, timeout: Self.connectTimeout)
    } catch {
      let unreachable = "registrations get 500"
      switch error {
      case .unreachable(let cause):
        report(
          section, "redis-server-domain", "no Redis server at \(host) port \(port) (\(cause)): \(unreachable)",
          correction: "redis-server-domain=localhost",
          remedy: "or redis-server-port is another, or start it: systemctl start redis-server")
      case .noRedis:
        report(
          section, "redis-server-port", "what listens at \(host) port \(port) is no Redis: \(unreachable)",
          correction: "redis-server-port=6379")
      case .passwordWanted:
        report(
          section, "redis-auth-password", "the Redis server wants a password (requirepass): \(unreachable)",
          correction: "redis-auth-password=PASSWORD", remedy: "the password is in redis.conf: requirepass")
      case .passwordRefused(let text):
        report(
          section, "redis-auth-password", "the Redis server refuses the password (\(text)): \(unreachable)",
          correction: "redis-auth-password=PASSWORD", remedy: "the password is in redis.conf: requirepass")
      case .noPasswordSet:
        report(
          section, "redis-auth-password", "the Redis server has no password, and refuses that one: \(unreachable)",
          correction: "redis-auth-password=")
      case .loading(let text):
        add(
          .warning, section, "redis-server-domain", "the Redis server is not ready: \(text)",
          correction: "redis-server-domain=\(host)", in: file)
      }
    }
  }

  private mutating func checkRooms() {
    guard conf.words(Self.conference, "supported-media-types").contains("text") else { return }
    let key = "database-connection-string"
    let text = conf.value(Self.conference, key)
    let sqlite =
      "database-backend=sqlite3\n"
      + "database-connection-string=\(stateFolder)/conference.db"
    let backend = conf.value(Self.conference, "database-backend")
    guard ["mysql", "sqlite3", "sqlite"].contains(backend) else {
      return warn(
        Self.conference, "database-backend", "'\(backend)' is neither mysql nor sqlite3: it is taken for sqlite3",
        correction: "database-backend=\(backend.lowercased().contains("m") ? "mysql" : "sqlite3")")
    }
    guard !text.isEmpty, !text.contains("host='myhost.com'") else {
      if backend.hasPrefix("sqlite"), !text.isEmpty {
        return warn(
          Self.conference, key,
          "the database of rooms is not set: it is a file 'mydb' in the folder that Flexisip is "
            + "started in", correction: sqlite)
      }
      return report(
        Self.conference, key, "the database of rooms is not set: the server does not start",
        correction: backend == "mysql"
          ? "\(key)=db='flexisip' user='flexisip' password='PASSWORD' host='localhost'" : sqlite, preventsStart: true)
    }
    guard isServersMachine else { return }
    if backend.hasPrefix("sqlite") { checkSQLite(text, key) } else { checkMySQLOfRooms(text, key) }
  }

  private mutating func checkSQLite(_ text: String, _ key: String) {
    let path = (ConnectionString(text)["db"] ?? ConnectionString(text)["dbname"] ?? text)
      .trimmingCharacters(in: CharacterSet(charactersIn: "'\""))
    guard path != ":memory:" else { return }
    guard !text.contains("host=") else {
      return report(
        Self.conference, "database-backend", "database-connection-string is one of MySQL, but the backend is sqlite3",
        correction: "database-backend=mysql", preventsStart: true)
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder)
    if !exists || !isFolder.boolValue {
      report(
        Self.conference, key, "the folder \(folder) does not exist: the server does not start",
        correction:
          "\(key)=\(stateFolder)/\(URL(fileURLWithPath: path).lastPathComponent)",
        remedy: "or make the folder, owned by the user that Flexisip runs as", preventsStart: true)
    } else if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      report(
        Self.conference, key, "\(path) is a folder, not a database: the server does not start",
        correction: "\(key)=\(path)/conference.db", preventsStart: true)
    }
  }

  private mutating func checkMySQLOfRooms(_ text: String, _ key: String) {
    let values = ConnectionString(text)
    guard values["db"] != nil || values["dbname"] != nil else {
      return report(
        Self.conference, text.contains("=") ? key : "database-backend",
        "'\(text)' names no MySQL database: the server does not start",
        correction: text.contains("=") ? "\(key)=db='flexisip' \(text)" : "database-backend=sqlite3",
        preventsStart: true)
    }
    checkMySQL(text, Self.conference, key, "the server does not start", preventsStart: true)
  }

  /// Logs in as Flexisip would.
  /// - Parameter otherwise: what follows when that fails.
  mutating func checkMySQL(
    _ text: String, _ section: String, _ key: String, _ otherwise: String, preventsStart: Bool
  ) {
    let values = ConnectionString(text)
    let user = values["user"] ?? NSUserName()
    let database = values["db"] ?? values["dbname"]
    let (place, addresses) = Self.mySQLServer(values)
    let probe = MySQLProbe(user: user, password: values["password"] ?? values["pass"] ?? "", database: database)
    do throws(MySQLProbe.Failure) {
      guard let addresses else { throw .unreachable("the name has no address") }
      try probe.tryOut(at: addresses, timeout: Self.connectTimeout)
    } catch {
      switch error {
      case .unreachable(let cause):
        report(
          section, key, "no MySQL or MariaDB at \(place): \(cause); \(otherwise)",
          correction: "\(key)=\(values.text(setting: "host", to: "localhost"))",
          remedy: "or start it: systemctl start mariadb", preventsStart: preventsStart)
      case .noMySQL:
        report(
          section, key, "what listens at \(place) is no MySQL or MariaDB; \(otherwise)",
          correction: "\(key)=\(values.text(setting: "port", to: "3306"))", preventsStart: preventsStart)
      case .refused(let number, let words) where MySQLProbe.databaseDenied.contains(number):
        report(
          section, key, "the database server at \(place) says: \(words); \(otherwise)",
          correction: "\(key)=\(values.text(setting: "db", to: "flexisip"))",
          remedy: "or make it: CREATE DATABASE \(database ?? "flexisip"), and GRANT ALL on it",
          preventsStart: preventsStart)
      case .refused(let number, let words):
        let name = database ?? "flexisip"
        let grant = "or let it in: GRANT ALL ON \(name).* TO '\(user)'@'HOST' IDENTIFIED BY 'PASSWORD'"
        report(
          section, key, "the database server at \(place) refuses \(user): \(words); \(otherwise)",
          correction: "\(key)=\(values.text(setting: "password", to: "PASSWORD"))",
          remedy: MySQLProbe.accessDenied.contains(number) ? grant : nil, preventsStart: preventsStart)
      case .notTried(let cause):
        warn(
          section, key,
          "the database server at \(place) greets, but whether it lets \(user) in was not tried: \(cause)",
          correction: "\(key)=\(values.text(setting: "password", to: "PASSWORD"))",
          remedy: "try it: mysql -u \(user) -p \(database ?? "")")
      }
    }
  }

  private static let socket = "/run/mysqld/mysqld.sock"

  /// Without a host, or with localhost, MySQL is spoken over a local socket.
  private static func mySQLServer(_ values: ConnectionString) -> (place: String, [SocketAddress]?) {
    guard let host = values["host"], host != "localhost" else {
      let path = values["unix_socket"] ?? socket
      return (path, SocketAddress(path: path).map { [$0] })
    }
    let port = values["port"].flatMap { UInt16($0) } ?? 3306
    return ("\(host) port \(port)", try? SocketAddress.all(of: host, port: Int(port)))
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

  /// The whole again with one value changed, and without the password.
  func text(setting key: String, to value: String) -> String {
    var changed = values
    if changed["password"] != nil { changed["password"] = "PASSWORD" }
    if changed["pass"] != nil { changed["pass"] = "PASSWORD" }
    changed[key] = value
    let order = ["db", "dbname", "user", "password", "pass", "host", "port"]
    let others = changed.keys.filter { !order.contains($0) }.sorted()
    return (order + others).compactMap { key in changed[key].map { "\(key)='\($0)'" } }.joined(separator: " ")
  }
}
