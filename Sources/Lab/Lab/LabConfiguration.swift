// LabConfiguration.swift: what a lab serves, and where it listens
import DigestAuth
import Foundation

/// The lab's users, servers and faults.
public struct LabConfiguration: Sendable {
  /// How the addresses of rooms are written.
  public enum RoomAddresses: String, Sendable, CaseIterable {
    /// `sip:chatroom-…@domain;gr=…`, as servers without `conference-focus-uris` have it
    case chatroom
    /// As servers with `conference-focus-uris` have it (flexisip-conference 1.1): one focus, whose rooms differ in
    /// `conf-id`. A room is `sip:conference-focus@domain;gr=…;conf-id=…`, but with its parameters the other way round
    /// in every Contact of a dialog, and everywhere once the conference server has been restarted.
    case confID = "conf-id"
  }

  /// Somebody who can register.
  public struct User: Sendable, Hashable {
    /// The user part of the address: `alice` for `sip:alice@sip.example.org`
    public var name: String
    /// For SIP, key server and file server.
    public var password: String

    public init(name: String, password: String) {
      self.name = name
      self.password = password
    }
  }

  /// Numeric address. Anything but loopback opens the lab to the network.
  public var address = "127.0.0.1"
  /// Whether SIP is spoken over TLS only, with a certificate of an authority of the lab's own.
  public var usesTLS = false
  /// Port for SIP over TCP and UDP, or over TLS; 0: any that is free.
  public var port: UInt16 = 0
  /// Domain of all addresses, and realm of all challenges. It need not exist in the DNS.
  public var domain = "sip.example.org"
  /// Address of the conference factory in that domain.
  public var factoryUser = "conference-factory"
  /// How the conference server names its rooms.
  public var roomAddresses = RoomAddresses.chatroom
  /// User part of the address of all rooms, where they differ in `conf-id` alone.
  public var focusUser = "conference-focus"
  /// Who can register; nobody else gets past the challenges.
  public var users: [User]
  /// One challenge each, in this order, in every 401 and 407.
  public var algorithms: [DigestAlgorithm] = [.md5, .sha256]
  /// Shorter registrations are refused with 423, in seconds.
  public var minimumExpires = 60
  /// Whether a LIME key server runs beside SIP, for the same users.
  public var hasKeyServer = true
  /// Port of the key server; 0: any free.
  public var keyServerPort: UInt16 = 0

  /// Whether a file server runs beside SIP, to which the same users may upload.
  public var hasFileServer = true
  /// Port of the file server; 0: any free.
  public var fileServerPort: UInt16 = 0
  /// Most bytes of a file.
  public var fileSizeLimit = 4 << 30

  /// What is set up wrongly.
  public var fault: LabFault?

  public init(users: [User]) { self.users = users }

  /// For the `transport` of URIs: how clients come that do not come over UDP.
  var streamTransport: String { usesTLS ? "tls" : "tcp" }

  /// The address as URIs write it.
  var host: String { address.contains(":") ? "[\(address)]" : address }

  /// alice, bob and carol, each with the name as password.
  public static var example: LabConfiguration {
    LabConfiguration(users: ["alice", "bob", "carol"].map { User(name: $0, password: $0) })
  }
}

/// Where a lab that runs is reached.
public struct LabAddresses: Sendable, Hashable {
  /// For clients' outbound proxy setting: `sip:127.0.0.1:40123;transport=tcp`, or `transport=tls`
  public var sip: String
  /// The part behind the "@" of every address.
  public var domain: String
  /// `sip:conference-factory@sip.example.org`
  public var factory: String
  /// nil when the lab has no key server.
  public var keyServer: URL?
  /// For uploads; nil when the lab has no file server.
  public var fileServer: URL?

  /// With TLS: PEM file of the authority that clients have to trust. It goes when the lab stops.
  public var caFile: String?
  /// The conference server's own socket, which some faults have: `sip:127.0.0.1:40125;transport=tcp`
  public var conferenceServer: String?

  public init(sip: String, domain: String, factory: String, keyServer: URL?, fileServer: URL? = nil) {
    self.sip = sip
    self.domain = domain
    self.factory = factory
    self.keyServer = keyServer
    self.fileServer = fileServer
  }
}

/// Something that happened in a lab, for people to read.
public struct LabEvent: Sendable, CustomStringConvertible {
  /// Which part of the lab it happened in.
  public enum Area: String, Sendable {
    case registrar, proxy, focus, store
    case keyServer = "key server"
    case fileServer = "file server"
  }

  /// When it happened.
  public let time: Date
  /// Where it happened.
  public let area: Area
  /// One line, without the area.
  public let text: String

  public var description: String { "[\(area.rawValue)] \(text)" }
}
