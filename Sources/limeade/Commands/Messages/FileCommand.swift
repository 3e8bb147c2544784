// FileCommand.swift: limeade file: the files that messages offer: listed and saved.
import ArgumentParser
import ChatCore
import FileTransfer
import Foundation

struct FileCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "file", abstract: "List and save the files that messages offer.", subcommands: [Save.self, List.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the files of a room, oldest first.")

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.allRooms))
    var room: String
    @Option(help: "Look at this many messages, the newest.") var limit = 1000

    func run() async throws {
      let account = try options.accountConfiguration(withPassword: false)
      let store = try options.store(for: account, exclusive: false)
      let summary = try await store.room(named: room, for: account.address)
      let request = HistoryRequest(room: summary.room.address, limit: max(0, limit))
      for entry in try await store.history(request) {
        for (index, file) in entry.message.files.enumerated() {
          let id = entry.message.fileID(index)
          guard options.json else {
            Output.line("\(SafeLine.text(id))  \(FileText.summary(file)) (\(FileText.state(file)))")
            continue
          }
          let fields: [String: Any] = ["event": "file", "id": id, "room": entry.message.room]
          Output.line(JSONLine.string(file.jsonFields.merging(fields) { $1 }))
        }
      }
    }
  }

  struct Save: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Download a file, verify it, and save it.",
      discussion: """
        limeade file save 8uL4SHuszakw
            the file of this message, into the current folder
        limeade file save 8uL4SHuszakw/2 --to /tmp
            its second file

        'limeade history ROOM' and 'limeade file list ROOM' show the ids. It works while another limeade uses the \
        account. A file gets its name when its authentication tag was verified, and replaces no other. What Ctrl-C or \
        a lost connection interrupts, the same command takes up again.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The id of a file.") var id: String
    @Option(help: "The folder; made if absent.", completion: .directory) var to = "."
    @Option(
      help: "The room, should several have a message with this id.", completion: .custom(Completions.allRooms))
    var room: String?
    @Flag(help: "Also from hosts other than the account's file server and its file-hosts.") var anyHost = false
    @Flag(help: "Also a file that is not encrypted in a room that is: its server could read and change it.")
    var unencrypted = false

    func run() async throws {
      let account = try options.accountConfiguration()
      let store = try options.store(for: account, exclusive: false)
      let printer = ProgressPrinter(json: options.json)
      let saver = FileSaver(account: account, store: store) { printer.show($0) }
      var address: String?
      if let room { address = try await store.room(named: room, for: account.address).room.address }
      let (message, index) = try await saver.find(id, room: address)
      let (folder, anyHost, unencrypted) = (BaseFolders.expanded(to), anyHost, unencrypted)
      let saving = Task {
        try await saver.save(message, index, in: folder, anyHost: anyHost, unencrypted: unencrypted)
      }
      let signals = Task {
        for await _ in Interruption.signals() {
          saving.cancel()
          return
        }
      }
      defer { signals.cancel() }
      do {
        let path = try await saving.value
        printer.end()
        if !options.json { Output.line(path) }
      } catch is CancellationError {
        printer.end()
        throw CommandFailure(code: 130, text: "interrupted; the same command goes on from here")
      } catch {
        printer.end()
        throw error
      }
    }
  }
}

/// Progress on standard error, on one line that is written over; as events with `--json`.
///
/// `@unchecked Sendable`: `isLineOpen` is only touched under `lock`.
final class ProgressPrinter: @unchecked Sendable {
  let json: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let lock = NSLock()
  private var isLineOpen = false

  init(json: Bool) { self.json = json }

  func show(_ progress: FileProgress) {
    if json { return Output.line(ChatEvent.file(progress).jsonLine) }
    guard isTerminal, progress.step == .uploading || progress.step == .downloading,
      let line = FileText.event(progress)
    else { return }
    lock.withLock { isLineOpen = true }
    Output.noted("\r\(line)\u{1B}[K")
  }

  /// Ends the line.
  func end() {
    let wasOpen = lock.withLock {
      defer { isLineOpen = false }
      return isLineOpen
    }
    if wasOpen { Output.noted("\r\u{1B}[K") }
  }
}
