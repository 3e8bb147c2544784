// ServerMachine.swift: what the server's own machine shows of a fault: disk, rights, open files, units, who has a port
import Foundation

/// Looks only; what this user may not see is left out.
struct ServerMachine: Sendable {
  private static let procFolder = "/proc"
  /// Less than this is full, in bytes.
  private static let leastSpace: UInt64 = 2 << 20
  /// For a command of systemd's, in seconds.
  private static let patience = 3.0
  private static let lastLines = "4"
  static let units = ["flexisip-proxy", "flexisip-conference", "flexisip"]

  /// A process of Flexisip.
  struct Process: Sendable {
    var id: Int
    var user: uid_t
  }

  // MARK: Files

  /// nil when there is room, or nobody knows.
  static func fullDisk(at path: String) -> String? {
    var folder = path
    while !folder.isEmpty, folder != "/", !FileManager.default.fileExists(atPath: folder) {
      folder = (folder as NSString).deletingLastPathComponent
    }
    var figures = statvfs()
    guard !folder.isEmpty, statvfs(folder, &figures) == 0, figures.f_blocks > 0 else { return nil }
    let left = UInt64(figures.f_bavail) * UInt64(figures.f_frsize)
    if left < leastSpace { return "the disk of \(folder) is full (\(left / 1024) KB left): df -h \(folder)" }
    if figures.f_files > 0, figures.f_favail == 0 { return "the disk of \(folder) has no inode left: df -i \(folder)" }
    return nil
  }

  /// What keeps a user from a file; nil when nothing does, as far as owner and mode tell.
  static func denial(of path: String, to user: uid_t, writing: Bool) -> String? {
    guard user != 0 else { return nil }
    var entry = stat()
    guard stat(path, &entry) == 0 else { return nil }
    let owner = name(of: entry.st_uid)
    let wanted: mode_t = writing ? 0o2 : 0o4
    let mode = entry.st_mode
    let groups = groups(of: user)
    let isAllowed =
      entry.st_uid == user
      ? mode & (wanted << 6) != 0
      : groups.contains(entry.st_gid) ? mode & (wanted << 3) != 0 : mode & wanted != 0
    guard !isAllowed else { return nil }
    let rights = String(mode & 0o777, radix: 8)
    return "\(path) is \(owner)'s (mode \(rights)), and Flexisip runs as \(name(of: user)), which may not "
      + "\(writing ? "write" : "read") it: chown \(name(of: user)) \(path)"
  }

  private static func name(of user: uid_t) -> String {
    getpwuid(user).map { String(cString: $0.pointee.pw_name) } ?? "user \(user)"
  }

  private static func groups(of user: uid_t) -> [gid_t] {
    guard let entry = getpwuid(user) else { return [] }
    var count: Int32 = 64
    var list = [gid_t](repeating: 0, count: Int(count))
    guard getgrouplist(entry.pointee.pw_name, entry.pointee.pw_gid, &list, &count) >= 0 else {
      return [entry.pointee.pw_gid]
    }
    return Array(list.prefix(Int(count)))
  }

  // MARK: Processes

  static var flexisips: [Process] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: procFolder)) ?? []
    return names.compactMap { name in
      guard let id = Int(name), command(of: id)?.hasPrefix("flexisip") == true else { return nil }
      var entry = stat()
      return stat("\(procFolder)/\(name)", &entry) == 0 ? Process(id: id, user: entry.st_uid) : nil
    }
  }

  private static func command(of process: Int) -> String? {
    (try? String(contentsOfFile: "\(procFolder)/\(process)/comm", encoding: .utf8))?
      .trimmingCharacters(in: .newlines)
  }

  /// nil unless a Flexisip has nearly as many files open as it may.
  static func exhaustedFiles() -> String? {
    for process in flexisips {
      let folder = "\(procFolder)/\(process.id)"
      guard let open = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd").count,
        let text = try? String(contentsOfFile: "\(folder)/limits", encoding: .utf8),
        let limit = text.firstMatch(of: /Max open files\s+(\d+)/).flatMap({ Int($0.1) }), open > limit - 8
      else { continue }
      return "Flexisip (process \(process.id)) has \(open) of \(limit) files open: raise LimitNOFILE of its unit, or "
        + "its max. connections are used up"
    }
    return nil
  }

  /// Who listens at a port over TCP: `asterisk (process 123)`; nil when nobody does or may be seen.
  static func listener(at port: UInt16) -> (name: String, isFlexisip: Bool, isSeen: Bool)? {
    let hex = String(format: ":%04X", port)
    var inodes = Set<String>()
    for table in ["tcp", "tcp6"] {
      let text = (try? String(contentsOfFile: "\(procFolder)/net/\(table)", encoding: .utf8)) ?? ""
      for line in text.split(separator: "\n").dropFirst() {
        let fields = line.split(separator: " ")
        if fields.count > 9, fields[3] == "0A", fields[1].hasSuffix(hex) { inodes.insert("socket:[\(fields[9])]") }
      }
    }
    guard !inodes.isEmpty else { return nil }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: procFolder)) ?? [] where Int(name) != nil {
      let folder = "\(procFolder)/\(name)/fd"
      for file in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(file)"),
          inodes.contains(target)
        else { continue }
        let command = Int(name).flatMap(command) ?? "?"
        return ("\(command) (process \(name))", command.hasPrefix("flexisip"), true)
      }
    }
    return ("a process of another user", false, false)
  }

  // MARK: systemd

  /// What systemd says of Flexisip's units that do not run, with their last words.
  static func stoppedUnits() -> [String] {
    units.compactMap { unit in
      guard let text = run("systemctl", ["show", "-p", "LoadState,ActiveState,SubState,Result", unit]) else {
        return nil
      }
      let values = Dictionary(
        text.split(separator: "\n").compactMap { line in
          let pair = line.split(separator: "=", maxSplits: 1).map(String.init)
          return pair.count == 2 ? (pair[0], pair[1]) : nil
        }, uniquingKeysWith: { first, _ in first })
      guard values["LoadState"] == "loaded", let state = values["ActiveState"], state != "active" else { return nil }
      let words = run("journalctl", ["-u", unit, "-n", lastLines, "-o", "cat", "--no-pager"])?
        .split(separator: "\n").last.map { "; its last words: \($0.prefix(300))" }
      return "systemd says that \(unit) is \(state) (\(values["Result"] ?? "?"))\(words ?? "")"
    }
  }

  /// What a mandatory access control has to do with it; nil when none is on.
  static func accessControl() -> String? {
    let enforce = try? String(contentsOfFile: "/sys/fs/selinux/enforce", encoding: .utf8)
    if enforce?.hasPrefix("1") == true {
      return "SELinux is enforcing: 'ausearch -m avc -ts recent -c flexisip' shows what it denies"
    }
    let profiles = try? String(contentsOfFile: "/sys/kernel/security/apparmor/profiles", encoding: .utf8)
    if profiles?.contains("flexisip") == true {
      return "AppArmor has a profile for Flexisip: 'journalctl -k -g apparmor=.DENIED' shows what it denies"
    }
    return nil
  }

  private static func run(_ name: String, _ arguments: [String]) -> String? {
    let places = ["/usr/bin/\(name)", "/bin/\(name)"]
    guard let path = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else { return nil }
    let process = Foundation.Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let timer = DispatchWorkItem { process.terminate() }
    DispatchQueue.global().asyncAfter(deadline: .now() + patience, execute: timer)
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    timer.cancel()
    return process.terminationStatus == 0 ? String(decoding: data.prefix(1 << 16), as: UTF8.self) : nil
  }
}
