// People.swift: people's addresses on the command line of room commands, and how long those commands wait.
import ArgumentParser
import ChatCore
import Foundation
import MessageFormats

/// Addresses of people, checked before anything is changed or anybody asked.
struct People: Sendable {
  let addresses: [String]
  private let own: String
  private let domain: String
  /// Of those that the account's server may not serve.
  private let others: [String: String]

  /// - Parameter contacts: whose names are addresses too.
  init(_ texts: [String], _ account: AccountConfiguration, _ contacts: Contacts) throws {
    guard !texts.isEmpty else { throw ValidationError("name at least one SIP address") }
    let domain = account.address.host
    let uris = try texts.map { try AccountStore.person($0, domain: domain, contacts: contacts).addressOfRecord }
    addresses = uris.map(\.description)
    own = account.address.addressOfRecord.description
    self.domain = domain
    let served = Set(([domain] + account.conferenceDomains).map { $0.lowercased() })
    others = Dictionary(
      uris.filter { !served.contains($0.host.lowercased()) }.map { ($0.description, $0.host) }
    ) { first, _ in first }
  }

  /// Without this account itself, which is a member anyhow.
  var withoutOwn: [String] { addresses.filter { $0 != own } }

  /// Whether somebody is of a domain that the account's server may not know.
  var isDoubtful: Bool { !others.isEmpty }

  /// Says at once, on standard error, what may be a slip: a server that looks for another one can take long.
  func noteOtherDomains() {
    for address in addresses { if others[address] != nil { Output.note("limeade: \(address)\(doubt(of: address))") } }
  }

  /// For the end of a sentence about this address; empty for one of the account's own domain.
  func doubt(of address: String) -> String {
    others[address].map {
      ": \($0) is not this account's domain (\(domain)); is it meant, and does the server serve it?"
    }
      ?? ""
  }
}

/// How long a room command waits for the server.
struct Patience: ParsableArguments {
  /// Seconds.
  private static let usual = 60.0
  /// Seconds with somebody of another domain, whom a server that does not serve it looks for without an end.
  private static let withOtherDomain = 15.0

  @Option(
    help: "Give up waiting after this many seconds (exit code 75; default: 60, with somebody of another domain 15).")
  var timeout: Double?

  func validate() throws {
    if let timeout, timeout <= 0 { throw ValidationError("--timeout is a number of seconds above 0") }
  }

  /// - Parameter unknown: what is not known when it took too long.
  func wait<Value: Sendable>(
    for people: People? = nil, or unknown: String, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let seconds = timeout ?? (people?.isDoubtful == true ? Self.withOtherDomain : Self.usual)
    return try await Deadline.run(
      seconds: seconds,
      or: "the server did not answer within \(seconds.brief) s; \(unknown): 'limeade room list' shows it",
      body)
  }
}
