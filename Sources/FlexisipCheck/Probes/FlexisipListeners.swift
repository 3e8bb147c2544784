// FlexisipListeners.swift: where a Flexisip on this machine listens, as the system's tables say (proc(5))
import Foundation

/// What can be seen of another process: its name by everybody, its sockets by its user and root.
struct FlexisipListeners: Sendable {
  struct Place: Sendable, Equatable, Hashable {
    /// `0.0.0.0` and `::` for every address.
    var host: String
    var port: UInt16
    /// Whether the process is one of flexisip-conference.
    var isConferenceServer = false
  }

  private static let procFolder = "/proc"
  /// More sockets of one process than this are not looked at.
  private static let maximumDescriptors = 4096
  /// Of a socket that listens, in the tables of TCP.
  private static let listening = "0A"

  /// Over TCP.
  var places: [Place] = []

  /// Reads the tables now. Without the right to, or without such a process, it finds none.
  init() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: Self.procFolder)) ?? []
    var inodes = Set<String>()
    var focuses = Set<String>()
    for name in names where name.allSatisfy(\.isNumber) {
      let command = try? String(contentsOfFile: "\(Self.procFolder)/\(name)/comm", encoding: .utf8)
      guard command?.hasPrefix("flexisip") == true else { continue }
      let sockets = Self.sockets(of: "\(Self.procFolder)/\(name)/fd")
      inodes.formUnion(sockets)
      // The kernel cuts names after 15 bytes.
      if command?.hasPrefix("flexisip-confer") == true { focuses.formUnion(sockets) }
    }
    guard !inodes.isEmpty else { return }
    for table in ["tcp", "tcp6"] {
      let text = (try? String(contentsOfFile: "\(Self.procFolder)/net/\(table)", encoding: .utf8)) ?? ""
      let lines = text.split(separator: "\n").dropFirst()
      places += lines.compactMap { line in
        var place = Self.place(in: line, inodes)
        place?.isConferenceServer = Self.place(in: line, focuses) != nil
        return place
      }
    }
  }

  private static func sockets(of folder: String) -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.prefix(maximumDescriptors).compactMap { file in
      guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(file)"),
        let inode = target.firstMatch(of: /socket:\[(\d+)\]/)?.1
      else { return nil }
      return String(inode)
    }
  }

  /// One line of the table: `sl local_address rem_address st … inode`.
  static func place(in line: Substring, _ inodes: Set<String>) -> Place? {
    let fields = line.split(separator: " ").map(String.init)
    guard fields.count > 9, fields[3] == listening, inodes.contains(fields[9]) else { return nil }
    let parts = fields[1].split(separator: ":").map(String.init)
    guard parts.count == 2, let port = UInt16(parts[1], radix: 16), let host = host(parts[0]) else { return nil }
    return Place(host: host, port: port)
  }

  /// Words of 32 bits in the machine's order, which is little-endian where Swift runs.
  private static func host(_ hex: String) -> String? {
    let words = stride(from: 0, to: hex.count, by: 8).compactMap { UInt32(hex.dropFirst($0).prefix(8), radix: 16) }
    let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = bytes.count == 4 ? AF_INET : bytes.count == 16 ? AF_INET6 : 0
    guard family != 0, inet_ntop(family, bytes, &buffer, socklen_t(buffer.count)) != nil else { return nil }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
