// KeysCommand.swift: limeade keys show|publish: this device's published keys and the devices it knows.
import AccountService
import ArgumentParser
import ChatCore
import Foundation

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "The keys of this device, and trust in those of others.",
    subcommands: [
      Show.self, Verify.self, Trust.self, Admit.self, Exclude.self, Distrust.self, Forget.self, Publish.self,
    ])

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show fingerprints and what is known of each device.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let keys = try await options.perform(ShowKeys())
      let contacts = (try? options.contactFile.read()) ?? Contacts()
      Output.line(options.json ? json(keys) : Self.lines(keys, contacts).joined(separator: "\n"))
    }

    private func json(_ keys: KeyReport) -> String {
      var fields: [String: Any] = [
        "event": "keys", "device": keys.device, "fingerprint": keys.fingerprint, "published": keys.isPublished,
        "oneTimeKeysLeft": keys.oneTimeKeysLeft,
        "firstMessages": [
          "withOneTimeKey": keys.firstMessagesWithOneTimeKey, "without": keys.firstMessagesWithoutOneTimeKey,
        ],
        "peers": keys.peers.map { peer in
          var fields = ["device": peer.device, "fingerprint": peer.fingerprint, "trust": peer.trust]
          fields["refusedFingerprint"] = peer.refusedFingerprint
          return fields
        },
      ]
      fields["signedPrekeyTime"] = keys.signedPrekeyCreatedAt.map(JSONLine.time)
      return JSONLine.string(fields)
    }

    static func lines(_ keys: KeyReport, _ contacts: Contacts) -> [String] {
      var lines = [
        "this device     \(keys.device)",
        "fingerprint     \(keys.fingerprint)",
        "published       \(keys.isPublished ? "yes" : "not yet")",
        "signed prekey   \(keys.signedPrekeyCreatedAt.map(age) ?? "none yet")",
        "one-time keys   \(keys.oneTimeKeysLeft) left at the last look at the key server",
        "first messages  \(keys.firstMessagesWithOneTimeKey) with a one-time key, "
          + "\(keys.firstMessagesWithoutOneTimeKey) without",
      ]
      for peer in keys.peers {
        lines.append("\(peer.trust.padding(toLength: 15, withPad: " ", startingAt: 0)) \(SafeLine.text(peer.device))")
        if let name = contacts.name(of: peer.device) { lines.append("  contact       \(name)") }
        lines.append("                \(peer.fingerprint)")
        if let refused = peer.refusedFingerprint { lines.append("      REFUSED   \(refused)") }
      }
      return lines
    }

    private static func age(_ created: Date) -> String {
      let hours = Int(max(0, -created.timeIntervalSinceNow) / 3600)
      let age = hours < 48 ? "\(hours) hours" : "\(hours / 24) days"
      return "\(age) old (renewed after 7 days)"
    }
  }

  struct Publish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring this device's keys on the key server up to date now.",
      discussion: "A running client does so once a day.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
      Output.onlyReports = true
      let update = try await options.perform(PublishKeys())
      if options.json {
        Output.line(
          JSONLine.string([
            "event": "published", "registeredAgain": update.registeredAgain,
            "renewedSignedPrekey": update.renewedSignedPrekey, "oneTimeKeysAdded": update.oneTimeKeysAdded,
          ]))
        return
      }
      Self.lines(update).forEach(Output.line)
    }

    static func lines(_ update: KeyUpdate) -> [String] {
      var lines: [String] = []
      if update.registeredAgain { lines.append("registered again: the key server did not know this device") }
      if update.renewedSignedPrekey { lines.append("signed prekey renewed") }
      if update.oneTimeKeysAdded > 0 { lines.append("\(update.oneTimeKeysAdded) one-time keys added") }
      return lines.isEmpty ? ["up to date"] : lines
    }
  }
}
