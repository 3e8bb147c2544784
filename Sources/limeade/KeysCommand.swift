// KeysCommand.swift: limeade keys show: this device's identity and the devices it knows.
import ArgumentParser
import ChatCore
import Foundation

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Show the keys of this device and of those it knows.", subcommands: [Show.self])

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show fingerprints and what is known of each device.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let account = try options.accountConfiguration()
      let store = try options.store(for: account, exclusive: false)
      guard let keys = try await store.keys(curve: account.curve) else {
        throw CommandFailure(code: 69, text: "this account has no keys yet: they are made at its first connection")
      }
      if options.json {
        Output.line(
          JSONLine.string([
            "event": "keys", "device": keys.device, "fingerprint": keys.fingerprint, "published": keys.isPublished,
            "peers": keys.peers.map {
              ["device": $0.device, "fingerprint": $0.fingerprint, "trust": $0.trust] as [String: Any]
            },
          ]))
        return
      }
      Output.line("this device   \(keys.device)")
      Output.line("fingerprint   \(keys.fingerprint)")
      Output.line("published     \(keys.isPublished ? "yes" : "not yet")")
      for peer in keys.peers {
        Output.line("\(peer.trust.padding(toLength: 13, withPad: " ", startingAt: 0)) \(SafeLine.text(peer.device))")
        Output.line("              \(peer.fingerprint)")
      }
    }
  }
}
