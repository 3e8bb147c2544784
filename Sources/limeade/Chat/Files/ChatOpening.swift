// ChatOpening.swift: /open and /copy: links and saved files of the room's messages.
import ChatCore
import Foundation
import TerminalUI

/// What a message leads to.
enum OpeningTarget: Hashable {
  case link(WebLink)
  /// A saved file, by its absolute path.
  case file(String)

  var text: String {
    switch self {
    case .link(let link): link.text
    case .file(let path): path
    }
  }

  var intent: Intent {
    switch self {
    case .link(let link): .openLink(link.target)
    case .file(let path): .openFile(path)
    }
  }
}

extension ChatScreen {
  private typealias SentTarget = (sender: String, time: Date, target: OpeningTarget)

  /// Seconds in which a program that was started may fail and be complained about.
  private static let openingPatience = 10.0

  /// Of the chosen message, or all of the room that were read, the newest message's first; each once.
  private func openingTargets() async -> [SentTarget] {
    guard let room = openRoom?.room.address else { return [] }
    let entries = await chosenOrRecentEntries(of: room)
    var seen: Set<OpeningTarget> = []
    return entries.reversed().flatMap { entry in
      let message = entry.message
      let links = WebLink.all(in: DisplayText.lines(message.text)).map(OpeningTarget.link)
      let files = message.files.compactMap { $0.state == .saved ? $0.path.map(OpeningTarget.file) : nil }
      return (links + files).filter { seen.insert($0).inserted }
        .map { (names.short(message.sender), message.time, $0) }
    }
  }

  /// `/open [N]`: the only one there is, the Nth newest, or a list to choose from.
  func open(number: String?) async {
    guard openRoom != nil else { return complain("no room is open: /join ROOM") }
    let targets = await openingTargets()
    guard !targets.isEmpty else {
      return complain(
        interface.screen.selected == nil
          ? "this room has no links and no saved files: Alt-o saves a file"
          : "the chosen message has no link and no saved file: Alt-o saves its file, Esc ends the choice")
    }
    if let number {
      if let target = pick(number, of: targets) { open(target) }
    } else if targets.count == 1 {
      open(targets[0].target)
    } else {
      let clock = Clock()
      interface.screen.picker = Picker(
        title: "Open",
        choices: targets.map { sender, time, target in
          Picker.Choice("\(clock.stamp(of: time))  \(sender)  \(target.text)", target.intent)
        })
    }
  }

  /// The one of that number, or a complaint.
  private func pick(_ number: String, of targets: [SentTarget]) -> OpeningTarget? {
    guard let index = Int(number), targets.indices.contains(index - 1) else {
      complain("'\(number)' is none of the \(targets.count) links and files: /open lists them")
      return nil
    }
    return targets[index - 1].target
  }

  private func open(_ target: OpeningTarget) {
    switch target {
    case .link(let link): openLink(link.target)
    case .file(let path): openFile(path)
    }
  }

  /// The address is one word of the program's arguments: no shell sees it.
  func openLink(_ target: String) { launch(target, what: "the link") }

  func openFile(_ path: String) {
    guard path.hasPrefix("/"), FileManager.default.fileExists(atPath: path) else {
      return complain("\(path) is gone: /save NAME fetches it again while the file server has it")
    }
    launch(path, what: "the file")
  }

  private func launch(_ argument: String, what: String) {
    let command = configuration.openCommand
    guard command.isThere else {
      return complain(
        "\(what) cannot be opened: there is no program \(command.name); set open-command in [ui], or /copy it")
    }
    inBackground { try await command.launch(argument, patience: Self.openingPatience) }
  }

  /// `/copy [N]`: a message's text, or the Nth newest link or path.
  func copy(number: String?) async {
    guard openRoom != nil else { return complain("no room is open: /join ROOM") }
    if let number {
      if let target = pick(number, of: await openingTargets()) { copy(target.text) }
      return
    }
    let messages = interface.screen.messages.filter { $0.position != nil }
    guard let row = messages.first(where: { $0.id == interface.screen.selected }) ?? messages.last else {
      return complain("there is no message to copy")
    }
    guard let number = row.position?.id, let message = try? await store.message(number: number)?.message else {
      return complain("the message is gone")
    }
    copy(message.text)
  }

  func copy(_ text: String) {
    // A clipboard is pasted into shells: what cannot be seen does not go there.
    let text = DisplayText.lines(text)
    guard let command = configuration.copyCommand else {
      guard lines == nil else {
        return complain("lines are written without escape sequences: set copy-command in [ui], as \"wl-copy\"")
      }
      guard terminal.copy(text) else {
        return complain("the text is too long for the terminal's clipboard: set copy-command in [ui], as \"wl-copy\"")
      }
      note("given to the terminal's clipboard (in tmux: set -g set-clipboard on)")
      return
    }
    guard command.isThere else {
      return complain("there is no program \(command.name): see copy-command in [ui]")
    }
    inBackground {
      _ = try await command.run(input: text, endsLine: false)
      await self.note("copied")
      await self.paintSoon()
    }
  }
}
