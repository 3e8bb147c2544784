// ChatService.swift: a SIP service with chat rooms and a key server: the lab, or a conference server made by others.
import DigestAuth
import Foundation
import KeyServer
import Lab
import TestSupport

/// The services that the same conversation must work on.
enum ServiceKind: String, Sendable {
  case lab
  /// The lab with SIP over TLS only.
  case labOverTLS
  /// Kamailio and liblinphone's own focus; MD5 challenges; every device gets the LIME parts of all.
  case linphone
  /// As `linphone`, with SHA-256 challenges, and a key server that asks for passwords.
  case linphoneSHA256
  /// As `linphone`, but a device gets only its own LIME part, and that deflated.
  case linphoneOwnPartOnly
  /// A real Flexisip, where LIMEADE_FLEXISIP names its program.
  case flexisip
  /// The same with SIP over TLS only.
  case flexisipOverTLS
  /// The same with its registrations in Redis, which outlasts it.
  case flexisipOnRedis

  private static let real: [ServiceKind] = FlexisipServer.isHere ? [.flexisip] : []
  private static let realOverTLS: [ServiceKind] = FlexisipServer.isHere ? [.flexisipOverTLS] : []
  static let all: [ServiceKind] =
    [.lab, .labOverTLS, .linphone, .linphoneSHA256, .linphoneOwnPartOnly] + real + realOverTLS
  /// The lab, and what others made.
  static let usual: [ServiceKind] = [.lab, .linphone] + real
  /// What others made.
  static let others: [ServiceKind] = [.linphone] + real

  fileprivate var flexisip: FlexisipServer.Setup? {
    switch self {
    case .flexisip: .plain
    case .flexisipOverTLS: .overTLS
    case .flexisipOnRedis: .onRedis
    default: nil
    }
  }

  fileprivate var arguments: [String] {
    switch self {
    case .lab, .labOverTLS, .linphone, .flexisip, .flexisipOverTLS, .flexisipOnRedis: []
    case .linphoneSHA256: ["--digest", "SHA-256"]
    case .linphoneOwnPartOnly: ["--own-part-only"]
    }
  }
}

/// A running service for the users alice, bob and carol of sip.example.org, each with the name as password.
struct ChatService {
  static let domain = "sip.example.org"

  let proxy: String
  let factory: String
  let keyServer: URL
  let fileServer: URL?
  /// Of who has signed the proxy's certificate.
  let caFile: String?
  private let lab: Lab?
  private let peer: PeerProcess?
  /// Only of a real Flexisip.
  let flexisip: FlexisipServer?
  private let keys: KeyServer?
  private let files: FileServer?
  private let logs: TemporaryFolder

  init(_ kind: ServiceKind) async throws {
    logs = try TemporaryFolder()
    if kind == .lab || kind == .labOverTLS {
      var configuration = LabConfiguration.example
      configuration.usesTLS = kind == .labOverTLS
      let lab = Lab(configuration)
      let addresses = try await lab.start()
      guard let url = addresses.keyServer else { throw TestFailure("the lab has no key server") }
      (proxy, factory, keyServer, fileServer) = (addresses.sip, addresses.factory, url, addresses.fileServer)
      (caFile, self.lab, peer, flexisip, keys, files) = (addresses.caFile, lab, nil, nil, nil, nil)
      return
    }
    var configuration = KeyServerConfiguration()
    if kind == .linphoneSHA256 || kind.flexisip != nil {
      let users = Dictionary(uniqueKeysWithValues: ["alice", "bob", "carol"].map { ($0, DigestSecret.password($0)) })
      configuration.authentication = .init(realm: Self.domain, users: users)
    }
    let keys = try KeyServer(configuration: configuration)
    let port = try await keys.start()
    guard let url = URL(string: "http://127.0.0.1:\(port)/lime-server") else {
      throw TestFailure("no URL for port \(port)")
    }
    let files = FileServer(.init())
    if let setup = kind.flexisip {
      let server = try await FlexisipServer(setup)
      try await server.start()
      (proxy, factory, keyServer, fileServer) = (server.proxy, "\(server.factory)", url, try await files.start())
      (caFile, lab, peer, flexisip, self.keys, self.files) = (server.caFile, nil, nil, server, keys, files)
      return
    }
    let peer = try PeerProcess(
      TestPaths.package.appendingPathComponent("Tests/Peers/conference-server"),
      ["--focus", TestPaths.peer("focus").path, "--log", logs.url.path] + kind.arguments)
    let ready = try await peer.event("ready", within: 30)
    guard let proxy = ready["proxy"], let factory = ready["factory"] else {
      throw TestFailure("conference-server did not say where it listens: \(peer.output)")
    }
    (self.proxy, self.factory, keyServer, fileServer) = (proxy, factory, url, try await files.start())
    (caFile, lab, self.peer, flexisip, self.keys, self.files) = (nil, nil, peer, nil, keys, files)
  }

  /// What the focus wrote down: liblinphone's log, with every SIP message; empty for the lab and Flexisip.
  var focusLog: String {
    (try? String(decoding: Data(contentsOf: logs.url.appendingPathComponent("focus.log")), as: UTF8.self)) ?? ""
  }

  func stop() async {
    peer?.stop()
    flexisip?.stop()
    await keys?.stop()
    await files?.stop()
    await lab?.stop()
  }
}
