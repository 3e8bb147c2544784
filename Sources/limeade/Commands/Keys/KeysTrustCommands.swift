// KeysTrustCommands.swift: limeade keys verify|trust|admit|exclude|distrust|forget: whose device is whose (SECURITY.md: comparing).
import AccountService
import ArgumentParser
import ChatCore
import Foundation

extension KeysCommand {
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the codes to compare with somebody.",
      discussion: """
        Both run this and compare the code of each pair of devices where nobody can interfere: in person, or by \
        telephone if you know the voice. If it is the same, nobody stands between you: limeade keys trust DEVICE. \
        Somebody with another program compares the fingerprints.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "A SIP address, a contact, or a name of your own domain.") var address: String

    func run() async throws {
      let contacts = (try? options.contactFile.read()) ?? Contacts()
      let verification = try await options.perform(VerifyKeys(address))
      guard options.json else { return VerificationLines.all(verification, contacts).forEach(Output.line) }
      for device in verification.devices {
        var fields = device.trust.jsonFields
        fields["event"] = "verification"
        fields["code"] = device.code
        fields["ownDevice"] = verification.ownDevice
        fields["ownFingerprint"] = verification.ownFingerprint
        fields["ownAlgorithm"] = verification.ownAlgorithm
        Output.line(JSONLine.string(fields))
      }
    }
  }

  struct Trust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Trust a device whose code or fingerprint you compared.",
      discussion: "Another identity key that was offered for it and refused is dismissed.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: ArgumentHelp(deviceHelp)) var device: String

    func run() async throws {
      Output.onlyReports = true
      options.report(try await options.perform(TrustDevice(device)))
    }
  }

  struct Admit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let a new device have what you send, without comparing.",
      discussion: """
        Once you trust a device of somebody, a further one gets nothing until you decide: the server could have added \
        it. Ask its user whether it is theirs. Texts that wait for it are sent then. The account's new-devices says \
        when devices are held.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: ArgumentHelp(deviceHelp)) var device: String

    func run() async throws {
      options.report(try await options.perform(AdmitDevice(device)), as: "let in")
    }
  }

  struct Exclude: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Send nothing to a device; the others of its rooms get what you send.",
      discussion: "For a device that is not its user's. 'keys admit' and 'keys trust' take that back.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: ArgumentHelp(deviceHelp)) var device: String

    func run() async throws {
      options.report(try await options.perform(ExcludeDevice(device)), as: "excluded")
    }
  }

  struct Distrust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Flag a device as unsafe.", discussion: "Messages are not sent to a room with such a device.")

    @OptionGroup var options: GlobalOptions
    @Argument(help: ArgumentHelp(deviceHelp)) var device: String

    func run() async throws {
      Output.onlyReports = true
      options.report(try await options.perform(DistrustDevice(device)))
    }
  }

  struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forget a device's identity key, status and sessions.",
      discussion: """
        The only way to accept another identity key for it: after its user told you that it was installed anew. The \
        device is unknown then, and to be compared again.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: ArgumentHelp(deviceHelp)) var device: String

    func run() async throws {
      Output.onlyReports = true
      options.report(try await options.perform(ForgetDevice(device)), as: "forgotten")
    }
  }

  private static let deviceHelp = "A device's address, or a part of it that no other known device has."
}

extension GlobalOptions {
  fileprivate func report(_ trust: DeviceTrust, as state: String? = nil) {
    if json {
      Output.line(JSONLine.string(["event": "trust"].merging(trust.jsonFields) { $1 }))
    } else {
      Output.line("\(SafeLine.text(trust.device)) is now \(state ?? trust.status.rawValue)")
    }
  }
}

/// What `keys verify` and /verify show.
enum VerificationLines {
  static func all(_ verification: Verification, _ contacts: Contacts) -> [String] {
    var lines = ["your device   \(verification.ownDevice)", "  fingerprint \(verification.ownFingerprint)"]
    for device in verification.devices {
      lines.append("their device  \(SafeLine.text(device.trust.device))")
      if let name = contacts.name(of: device.trust.participant) { lines.append("  contact     \(name)") }
      lines.append("  known as    \(device.trust.words)")
      let algorithms = device.trust.otherAlgorithms?.joined(separator: " and ")
      let missing =
        algorithms.map { "none: the device uses \($0) only; this account has \(verification.ownAlgorithm)" }
        ?? "not known yet: it is after the first message"
      lines.append("  fingerprint \(device.trust.fingerprint ?? missing)")
      if let refused = device.trust.refusedFingerprint { lines.append("  REFUSED     \(refused)") }
      if let code = device.code { lines.append("  code        \(code)") }
    }
    if verification.devices.contains(where: { $0.code != nil }) {
      lines.append("Compare the code where nobody can interfere; if it is the same: limeade keys trust DEVICE")
    }
    return lines
  }
}

extension DeviceTrust {
  /// Its status, and whether it is a new one of a user whom the account's user compared a device of.
  var words: String {
    guard status != .trusted, admission == .new || admission == .excluded else { return status.rawValue }
    return "\(status.rawValue), \(admission.rawValue)"
  }

  var jsonFields: [String: Any] {
    var fields: [String: Any] = ["address": participant, "device": device, "trust": status.rawValue]
    if status != .trusted { fields["admission"] = admission.rawValue }
    fields["fingerprint"] = fingerprint
    fields["refusedFingerprint"] = refusedFingerprint
    fields["algorithms"] = otherAlgorithms
    return fields
  }
}
