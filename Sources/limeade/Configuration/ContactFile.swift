// ContactFile.swift: contacts.toml beside config.toml: the user's address book (TOML 1.0), read and changed.
import ChatCore
import Foundation
import MessageFormats
import TOMLKit

/// The address book of a configuration, which all its accounts share.
struct ContactFile: Sendable {
  /// Bytes; a longer file is not read.
  private static let maximumLength = 4 << 20
  private static let table = "contacts"

  let path: String

  /// - Parameter configuration: path of the configuration file.
  init(beside configuration: String?) {
    let folder = URL(fileURLWithPath: configuration ?? ConfigurationFile.defaultPath).deletingLastPathComponent()
    path = folder.appendingPathComponent("contacts.toml").path
  }

  // MARK: Reading

  /// Empty when there is no file.
  /// - Throws: `CommandFailure` (78) that names the line.
  func read() throws -> Contacts { try Self.contacts(in: try text(), path) }

  private func text() throws -> String {
    var status = stat()
    guard stat(path, &status) == 0 else {
      guard errno == ENOENT || errno == ENOTDIR else {
        throw CommandFailure.badConfiguration("\(path) cannot be read: \(String(cString: strerror(errno)))")
      }
      return ""
    }
    guard status.st_mode & 0o022 == 0 else {
      throw CommandFailure.badConfiguration(
        "others can write \(path), and with it say who is meant by a name: chmod 600 \(path)")
    }
    guard status.st_size <= Self.maximumLength else {
      throw CommandFailure.badConfiguration("\(path) is larger than \(Self.maximumLength) bytes")
    }
    do { return try String(contentsOfFile: path, encoding: .utf8) } catch {
      throw CommandFailure.badConfiguration("\(path) cannot be read as UTF-8 text: \(error.localizedDescription)")
    }
  }

  private static func contacts(in text: String, _ path: String) throws -> Contacts {
    let root: TOMLTable
    do { root = try TOMLTable(string: text) } catch let error as TOMLParseError {
      throw CommandFailure.badConfiguration("\(path), line \(error.source.begin.line): \(error.description)")
    }
    for key in root.keys where key != table {
      throw CommandFailure.badConfiguration("\(path): unknown setting '\(key)'; names stand in [contacts]")
    }
    guard let value = root[table] else { return Contacts() }
    guard let entries = value.table else {
      throw CommandFailure.badConfiguration("\(path): contacts is a table: [contacts]")
    }
    guard entries.count <= Contacts.maximumCount else {
      throw CommandFailure.badConfiguration("\(path) has more than \(Contacts.maximumCount) contacts")
    }
    let lines = ConfigurationLines(text)
    return Contacts(
      try entries.keys.map { name in
        func failure(_ text: String) -> CommandFailure {
          let line = lines.number(of: name, in: [table]).map { ", line \($0)" } ?? ""
          return .badConfiguration("\(path)\(line): \(text)")
        }
        do { try Contacts.checkName(name) } catch { throw failure(ExitStatus.text(of: error)) }
        let texts = entries[name]?.string.map { [$0] } ?? entries[name]?.array?.map(\.string) ?? []
        let addresses = texts.compactMap { $0.flatMap(SIPURI.init) }.filter { $0.user?.isEmpty == false }
        guard !texts.isEmpty, texts.count <= Contacts.maximumAddresses, addresses.count == texts.count else {
          throw failure("\(name) = …: it is a SIP address in quotes, sip:bob@sip.example.org, or a list of such")
        }
        return Contacts.Contact(name: name, addresses: addresses.map(\.addressOfRecord))
      })
  }

  /// Read again when the file has changed.
  var source: ContactSource {
    let memory = ContactMemory()
    return ContactSource { try memory.contacts(in: self) }
  }

  // MARK: Changing

  /// Writes what `change` makes of the contacts, in one step. Lines that it does not touch stay as they are, comments
  /// among them; only a file whose values take several lines is written anew.
  func change<Value>(_ change: (inout [Contacts.Contact]) throws -> Value) throws -> Value {
    let lock = try FolderLock(URL(fileURLWithPath: path).deletingLastPathComponent())
    defer { lock.end() }
    let text = try text()
    let before = try Self.contacts(in: text, path).all
    var after = before
    let value = try change(&after)
    guard after != before else { return value }
    guard after.count <= Contacts.maximumCount else {
      throw CommandFailure.badInput("that would be more than \(Contacts.maximumCount) contacts")
    }
    let wanted = Contacts(after)
    var changed = Self.edited(text, from: before, to: after)
    if (try? Self.contacts(in: changed, path)) != wanted {
      let comments = TextLines.all(of: text).prefix { $0.hasPrefix("#") || $0.allSatisfy(\.isWhitespace) }
      changed = Self.edited(comments.joined(separator: "\n"), from: [], to: wanted.all)
    }
    // A link to a file elsewhere stays one.
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    try AccountWriter.writePrivately(changed, to: target)
    return value
  }

  private static func line(_ contact: Contacts.Contact) -> String {
    let addresses = contact.addresses.map { AccountWriter.quoted($0.description) }
    let value = addresses.count == 1 ? addresses[0] : "[\(addresses.joined(separator: ", "))]"
    return "\(AccountWriter.key(contact.name)) = \(value)"
  }

  private static func edited(
    _ text: String, from before: [Contacts.Contact], to after: [Contacts.Contact]
  ) -> String {
    let known = Dictionary(before.map { ($0.name, $0) }) { first, _ in first }
    let wanted = Dictionary(after.map { ($0.name, $0) }) { first, _ in first }
    var lines: [String] = []
    var end: Int?
    var isInside = false
    for line in TextLines.all(of: TextLines.withoutLastEnd(text)) {
      let content = line.trimmingCharacters(in: .whitespaces)
      if content.hasPrefix("[") { isInside = content.dropFirst().prefix { $0 != "]" }.contains(table) }
      if isInside, !content.isEmpty, !content.hasPrefix("#"), !content.hasPrefix("["),
        let name = (try? TOMLTable(string: content))?.keys.first
      {
        guard let contact = wanted[name] else { continue }
        lines.append(contact == known[name] ? line : Self.line(contact))
      } else {
        lines.append(line)
      }
      if isInside, !content.isEmpty { end = lines.count }
    }
    let new = after.filter { known[$0.name] == nil }.map(Self.line)
    if let end {
      lines.insert(contentsOf: new, at: end)
    } else {
      if lines == [""] { lines = [] }
      if lines.last?.isEmpty == false { lines.append("") }
      lines += ["[\(table)]"] + new
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// What was read last, and of which state of the file.
///
/// `@unchecked Sendable`: `last` is only touched under `lock`.
private final class ContactMemory: @unchecked Sendable {
  private struct State: Equatable {
    var inode: ino_t
    var size: off_t
    var seconds: Int
    var nanoseconds: Int
    var mode: mode_t
  }

  private let lock = NSLock()
  private var last: (state: State?, contacts: Contacts)?

  func contacts(in file: ContactFile) throws -> Contacts {
    var status = stat()
    let isThere = stat(file.path, &status) == 0
    let state = State(
      inode: status.st_ino, size: status.st_size, seconds: status.st_mtim.tv_sec,
      nanoseconds: status.st_mtim.tv_nsec, mode: status.st_mode)
    return try lock.withLock {
      if let last, last.state == (isThere ? state : nil) { return last.contacts }
      let contacts = try file.read()
      last = (isThere ? state : nil, contacts)
      return contacts
    }
  }
}

/// One program at a time changes a file of the folder.
private struct FolderLock {
  private let descriptor: Int32

  init(_ folder: URL) throws {
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    descriptor = open(folder.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CommandFailure.cannotWrite("\(folder.path) cannot be opened: \(String(cString: strerror(errno)))")
    }
    while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
  }

  func end() { close(descriptor) }
}

extension GlobalOptions {
  /// The address book beside the configuration.
  var contactFile: ContactFile { ContactFile(beside: config) }

  /// The names that the user knows people and rooms by. A book that cannot be read names nobody.
  func names(for account: AccountConfiguration) -> ChatNames {
    ChatNames(account: account.address, contacts: (try? contactFile.read()) ?? Contacts())
  }
}
