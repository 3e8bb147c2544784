// AccountConfiguration.swift: what a user says about one SIP account: addresses, servers, curve (design: config.toml).
import Foundation
import Lime
import MessageFormats
import ServerConnection

/// One account as the configuration file describes it.
public struct AccountConfiguration: Sendable {
  /// The name of the `[account.NAME]` table.
  public var name: String
  /// The address of record, `sip:alice@sip.example.org`, in the spelling in which addresses are compared.
  public let address: SIPURI
  /// The same with the port and the parameters that the user wrote, which may say how to reach the server.
  public let registrationAddress: SIPURI
  /// For SIP, key server and file server alike.
  public var password: Password
  /// The realm that the password is for; the domain of `address` when absent.
  public var realm: String?
  /// Where every request goes first; the domain of `address` when absent.
  public var outboundProxy: SIPURI?
  /// The conference factory; `sip:conference-factory@<domain>` when absent.
  public var conferenceFactory: SIPURI
  /// The LIME key server. Without it no room can be encrypted.
  public var keyServer: URL?
  /// Where files are uploaded. Without it files can only be received.
  public var fileServer: URL?
  /// Of LIME: what the others' devices have, by default c25519.
  public var curve: Curve
  /// PEM file with the certificate authorities to trust, instead of the system's.
  public var caFile: String?
  /// Asked for the SIP server's addresses in place of the system's.
  public var nameServer: NameServer?
  /// Registration lifetime asked for, in seconds. The server may grant less.
  public var expires: Int

  /// A command that prints the passphrase of the account's keys.
  public var passphraseCommand: String?
  /// Seconds that the commands for password and passphrase may take: somebody may have to type something.
  public var passwordTimeout = defaultPasswordTimeout
  /// Seconds.
  public static let defaultPasswordTimeout = 120.0

  /// Texts only go to rooms whose devices are all trusted.
  public var requiresTrust = false
  /// What is done about devices that nothing was sent to before.
  public var newDevices = NewDevicePolicy.hold

  /// Receipts that leave, where a room has no setting of its own.
  public var receipts = ReceiptPolicy.all
  /// Whether rooms are told that this account is writing, where a room has no setting of its own.
  public var typing = true

  /// What is done with rooms that strangers make.
  public var invitations = InvitationPolicy.accept

  /// Domains, besides that of `conferenceFactory`, whose conference servers may invite this account.
  public var conferenceDomains: [String] = []

  /// Hosts, besides that of `fileServer`, from which files may be fetched.
  public var fileHosts: [String] = []
  /// Where the terminal UI saves files; `~/Downloads` when absent.
  public var downloadFolder: String?
  /// Whether the terminal UI saves files without being asked.
  public var downloadsAutomatically = false
  /// Most bytes of a file that is fetched.
  public var downloadLimit = AccountConfiguration.defaultDownloadLimit

  /// Seconds that a registration is asked for: a day.
  public static let defaultExpires = 86_400
  /// Bytes: 4 GiB.
  public static let defaultDownloadLimit = 4 << 30

  /// What is not among the parameters has its default, and is set afterwards.
  public init(
    name: String, address: SIPURI, password: Password, outboundProxy: SIPURI? = nil, conferenceFactory: SIPURI? = nil,
    keyServer: URL? = nil, fileServer: URL? = nil, curve: Curve = .c25519, caFile: String? = nil,
    expires: Int = AccountConfiguration.defaultExpires
  ) {
    self.name = name
    self.address = address.addressOfRecord
    var registrationAddress = address
    // Flexisip compares hosts with case where it looks a pair's room up.
    registrationAddress.host = self.address.host
    self.registrationAddress = registrationAddress
    self.password = password
    self.outboundProxy = outboundProxy
    self.conferenceFactory =
      conferenceFactory ?? SIPURI(user: "conference-factory", host: self.address.host, port: nil, parameters: [])
    self.keyServer = keyServer
    self.fileServer = fileServer
    self.curve = curve
    self.caFile = caFile
    self.expires = expires
  }
}

extension AccountConfiguration {
  /// The only realm whose digest challenges are answered, over SIP and HTTP.
  public var digestRealm: String { realm ?? address.host }
}

/// A password that does not show itself in logs, descriptions or reflections.
public struct Password: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  private let secret: String

  public init(_ secret: String) { self.secret = secret }

  /// The password itself; for the digest computation only.
  public func reveal() -> String { secret }

  public var description: String { "(password)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
