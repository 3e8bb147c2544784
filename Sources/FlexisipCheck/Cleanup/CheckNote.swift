// CheckNote.swift: what a check has made on servers, kept on disk until it is gone again
import Foundation
import MessageFormats

/// The folder of one check: the note, and those of its devices, whose keys it takes to undo what they did. It is locked
/// (flock(2)) while the check runs and removed when nothing is left. What a check that was killed has left, the next
/// one with the same account takes up.
///
/// `@unchecked Sendable`: `contents` is only touched under `mutex`; the descriptor never changes.
final class CheckNote: @unchecked Sendable {
  struct Device: Codable, Equatable {
    /// The account's.
    var address: String
    var folder: String
  }

  /// A registration of a single request's device.
  struct Binding: Codable, Equatable {
    var address: String
    var instance: String
    var until: Date
  }

  /// A room of the factory's that nobody has entered.
  struct TrialRoom: Codable, Equatable {
    var creator: String
    var room: String
  }

  struct Contents: Codable {
    var begun = Date()
    /// Of the rooms that the devices made.
    var subject: String
    var devices: [Device] = []
    var bindings: [Binding] = []
    var trialRooms: [TrialRoom] = []
  }

  /// What is older is past helping: registrations have ended, and passwords may be others, in seconds.
  private static let oldest: TimeInterval = 30 * 86_400
  private static let noteName = "note.json"
  /// A longer note is none of ours, in bytes.
  private static let maximumSize = 1 << 20

  let folder: URL
  private let descriptor: Int32
  private let mutex = NSLock()
  private var contents: Contents

  private init(folder: URL, descriptor: Int32, contents: Contents) {
    self.folder = folder
    self.descriptor = descriptor
    self.contents = contents
  }

  deinit { close(descriptor) }

  /// - Parameters:
  ///   - parent: is made if absent.
  ///   - name: how the folder's name begins.
  static func begin(in parent: URL, named name: String = "check", subject: String) throws -> CheckNote {
    let manager = FileManager.default
    let folder = parent.appendingPathComponent("\(name)-\(UUID().uuidString.lowercased())")
    try manager.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    guard let descriptor = lock(folder) else { throw CocoaError(.fileWriteUnknown) }
    let note = CheckNote(folder: folder, descriptor: descriptor, contents: Contents(subject: subject))
    note.change { _ in }
    return note
  }

  /// The notes of checks that have ended without cleaning up what they did as one of `addresses`.
  static func leftBehind(in parent: URL, by addresses: Set<String>) -> [CheckNote] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
    return names.filter { $0.hasPrefix("check-") }.sorted().compactMap { name in
      let folder = parent.appendingPathComponent(name)
      guard let descriptor = lock(folder) else { return nil }
      let data = FileManager.default.contents(atPath: folder.appendingPathComponent(noteName).path)
      let contents = data.flatMap { $0.count <= maximumSize ? try? JSONDecoder().decode(Contents.self, from: $0) : nil }
      guard let contents, -contents.begun.timeIntervalSinceNow < oldest else {
        close(descriptor)
        // Killed before it had written anything, or long ago.
        try? FileManager.default.removeItem(at: folder)
        return nil
      }
      let note = CheckNote(folder: folder, descriptor: descriptor, contents: contents)
      let owners =
        contents.devices.map(\.address) + contents.bindings.map(\.address)
        + contents.trialRooms.map(\.creator)
      if owners.isEmpty { note.remove() }
      return owners.contains(where: addresses.contains) ? note : nil
    }
  }

  /// Of a folder; nil when another process has it.
  private static func lock(_ folder: URL) -> Int32? {
    let path = folder.appendingPathComponent("lock").path
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return nil }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  var current: Contents { mutex.withLock { contents } }

  /// Before something is made, and after it is gone.
  func change(_ body: (inout Contents) -> Void) {
    mutex.withLock {
      body(&contents)
      guard let data = try? JSONEncoder().encode(contents) else { return }
      let path = folder.appendingPathComponent(Self.noteName)
      try? data.write(to: path, options: .atomic)
      try? FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path.path)
    }
  }

  /// A folder for a device's keys, which is in the note from here on.
  func folder(ofDevice address: String) -> URL {
    let name = "device-\(UUID().uuidString.lowercased())"
    change { $0.devices.append(Device(address: address, folder: name)) }
    return url(of: name)
  }

  /// A name in a note is never a way out of its folder.
  func url(of name: String) -> URL { folder.appendingPathComponent(URL(fileURLWithPath: name).lastPathComponent) }

  func forget(device folder: URL) {
    try? FileManager.default.removeItem(at: folder)
    change { $0.devices.removeAll { $0.folder == folder.lastPathComponent } }
  }

  var isEmpty: Bool { mutex.withLock { contents.devices.isEmpty && contents.trialRooms.isEmpty } }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}
