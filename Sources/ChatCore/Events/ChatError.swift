// ChatError.swift: what can go wrong for a user of the domain, each with a text to act on and its sysexits code.
import FileTransfer
import Foundation
import HTTPClient
import SIPAgent

/// What a user asked for is not done. Texts say why, and what to do; each has an exit code.
public enum ChatError: Error, LocalizedError, CustomStringConvertible {
  case notConnected
  case serverUnreachable(String)
  case wrongCredentials(String)
  /// The server asks for the password of another realm than the account's: perhaps another domain is meant.
  case otherRealm(expected: String, offered: [String])
  case noGRUU(domain: String)
  case refused(what: String, status: Int, reason: String)
  /// The server said yes and did not do it, or would not.
  case notDone(what: String, why: String)
  case factoryDidNotRedirect(factory: String, status: Int)
  case noStateFromFocus(room: String)
  case unknownRoom(String, known: [String])
  case ambiguousRoom(String, candidates: [String])
  /// There is such a person, and no room with them yet.
  case noRoomWith(String, address: String)
  /// Neither a room nor a contact, and no room can be made with the person of the account's domain who may be meant.
  case nobodyCalled(String, address: String, known: [String])
  case notInRoom(String)
  /// Nobody wrote to this person before, and the server that makes the room is away.
  case noRoomYet(person: String, cause: String)
  /// The room is not of one of the account's conference servers.
  case foreignRoom(String)
  /// It says that it is the room with these people, and the factory names another one.
  case notTheOneToOneRoom(String)
  case noKeyServer
  case keyServer(String)
  case nobodyToEncryptFor(room: String, reasons: [String])
  /// The room has other members, and no device of theirs is there now: the server forgot them as it started anew, or
  /// they are signed out.
  case noDevices(room: String)
  /// This device has no keys yet.
  case noKeys
  /// The message may only go to trusted devices.
  case untrusted(room: String, reasons: [String])
  /// Devices that nothing was sent to yet are held, see `NewDevicePolicy`.
  case newDevices(room: String, devices: [HeldDevice])
  /// The user flagged devices of the room.
  case unsafeDevices(room: String, devices: [String])
  case messageTooLarge(Int, limit: Int)
  case badInput(String)
  /// A setting of the account cannot work.
  case badConfiguration(String)
  /// The account's data cannot be written or read.
  case cannotStore(String)

  public var description: String {
    switch self {
    case .notConnected: "not connected to the SIP server"
    case .serverUnreachable(let cause): cause
    case .wrongCredentials(let cause): cause
    case .otherRealm(let expected, let offered):
      """
      the server asks for a password of \(NameList.text(offered)), and the account is of \(expected): is the domain of \
      the address right? Nothing was sent. If it is, set realm = "\(offered.first ?? "")" in the account
      """
    case .noGRUU(let domain):
      """
      the server of \(domain) gave no pub-gruu (RFC 5627), so this device has no address of its own and cannot join \
      chat rooms: set enable-gruu=true in [module::Registrar] of flexisip.conf
      """
    case .refused(let what, let status, let reason):
      Self.sentence(what, status) + RawAnswer.mark(status, reason)
    case .notDone(let what, let why): "\(what) was refused: \(why)"
    case .factoryDidNotRedirect(let factory, let status):
      """
      \(factory) named no room, so it is not a chat conference factory: check conference-factory in the configuration \
      against conference-factory-uris in [conference-server] of flexisip.conf
      """ + RawAnswer.mark(status, "")
    case .noStateFromFocus(let room):
      """
      \(room) was joined but its state never came: the conference server cannot reach this client; check \
      trusted-hosts and outbound-proxy of [conference-server] in flexisip.conf
      """
    case .unknownRoom(let name, let known):
      "no room is called '\(name)'; "
        + (known.isEmpty
          ? "'limeade room create NAME ADDRESS...' makes one"
          : "a person is written as sip:NAME@DOMAIN; there are: " + NameList.text(NameList.nearest(to: name, known)))
    case .ambiguousRoom(let name, let candidates):
      """
      '\(name)' could be \(NameList.text(candidates, separator: " or ")); write more of it, name:NAME for a whole \
      name, or the room's address
      """
    case .noRoomWith(let name, let address):
      "there is no room with \(name) yet; 'limeade send \(CommandWord.address(address)) TEXT' makes one"
    case .nobodyCalled(let name, let address, let known):
      "no room and no contact is called '\(name)', and \(address) has not signed in yet, so no room can be made"
        + (known.isEmpty ? "" : "; there are: " + NameList.text(NameList.nearest(to: name, known)))
    case .notInRoom(let room): "this account is no longer a member of \(room)"
    case .noRoomYet(let person, let cause):
      """
      there is no room with \(person) yet, and the server that makes it cannot be reached (\(cause)): nothing was sent \
      or kept; send it again when the server is back
      """
    case .foreignRoom(let room):
      """
      \(room) is not a room of this account's conference server, so nothing is sent to it; if it is one of yours, add \
      its domain to conference-domains
      """
    case .notTheOneToOneRoom(let people):
      """
      this is not the room that the conference factory keeps for you and \(people.isEmpty ? "one other" : people) \
      alone, although it says so: nothing was sent to it
      """
    case .noKeyServer:
      "no key-server is configured for this account, so nothing can be encrypted; add key-server = \"https://…\""
    case .keyServer(let cause): cause
    case .nobodyToEncryptFor(let room, let reasons):
      "no device in \(room) can receive an encrypted message"
        + (reasons.isEmpty ? ": nobody else is in the room" : ": " + reasons.joined(separator: "; "))
    case .noDevices(let room):
      """
      no device of another member of \(room) is registered now (the server may have forgotten them when it started \
      anew); it goes out when one is back
      """
    case .noKeys: "this account has no keys yet: they are made at its first connection with a key-server configured"
    case .untrusted(let room, let reasons):
      """
      not sent, as not every device in \(room) is trusted: \(reasons.joined(separator: "; ")). Compare the codes that \
      'limeade keys verify ADDRESS' shows, then 'limeade keys trust DEVICE'
      """
    case .newDevices(let room, let devices):
      "not sent to \(room): " + devices.map(\.text).joined(separator: "; ")
    case .unsafeDevices(let room, let devices):
      """
      not sent, as a device in \(room) is flagged as unsafe: \(devices.joined(separator: ", ")). Remove its user from \
      the room, or take the flag away with 'limeade keys trust DEVICE' or 'limeade keys forget DEVICE'
      """
    case .messageTooLarge(let size, let limit): "the message has \(size) bytes; at most \(limit) are sent"
    case .badInput(let text), .badConfiguration(let text): text
    case .cannotStore(let cause): "the account's data cannot be written: \(cause)"
    }
  }

  public var errorDescription: String? { description }

  private static let making = "making a room with "

  /// For `what` of `refused`.
  static func making(roomWith people: [String]) -> String { making + NameList.text(people, separator: " and ") }

  /// What happened, and what to do, of a final response.
  private static func sentence(_ what: String, _ status: Int) -> String {
    if [480, 488, 606].contains(status), what.hasPrefix(making) {
      let people = what.dropFirst(making.count)
      let have = people.contains(" and ") ? "have" : "has"
      return """
        \(people) \(have) not signed in yet with a program that can take part, so no room can be made: it can be once \
        they have
        """
    }
    return "\(what) was refused: \(reason(of: status))"
  }

  /// Why a request was refused, in words (RFC 3261 §21).
  static func reason(of status: Int) -> String {
    switch status {
    case 300..<400: "it is somewhere else now, and the server does not say where"
    case 401, 407: "the server does not accept this account's name and password"
    case 403: "this account may not do that"
    case 404, 604:
      """
      nobody is known there; for a conference factory, check conference-factory against conference-factory-uris in \
      [conference-server] of flexisip.conf, and that the conference server runs
      """
    case 408, 504: "no answer came in time; try again later"
    case 410: "it is gone for good"
    case 413, 513: "it is too large for the server"
    case 415: "the other side does not take such messages; a server without chat rooms answers so"
    case 480: "nobody there is signed in now; try again later"
    case 481: "the server has forgotten the room or the call; it is taken up again at the next connection"
    case 482, 483: "it went round in circles between servers: their routes are set up wrongly"
    case 486, 600: "the other side is busy; try again later"
    case 488, 606: "the other side cannot take part in this kind of room or message"
    case 603: "the other side declined"
    case 500, 502, 503: "the server cannot do it now; try again later"
    case 501, 505..<600: "the server cannot do that"
    case 400..<500: "the server did not understand what was asked; 'limeade check' tells what it can do"
    default: "the server would not do it"
    }
  }

  /// Whether another attempt to send would fail in the same way.
  var isFinal: Bool {
    switch self {
    case .nobodyToEncryptFor, .untrusted, .newDevices, .unsafeDevices, .foreignRoom, .notTheOneToOneRoom: true
    default: false
    }
  }

  /// The exit code of the command line (sysexits).
  public var exitCode: Int32 {
    switch self {
    case .untrusted, .newDevices, .unsafeDevices: 10
    case .notConnected, .serverUnreachable, .noRoomYet, .noKeys: 69
    case .wrongCredentials, .otherRealm: 77
    case .noGRUU, .factoryDidNotRedirect, .noKeyServer, .badConfiguration: 78
    case .refused, .notDone, .keyServer, .notInRoom, .nobodyToEncryptFor, .foreignRoom, .notTheOneToOneRoom: 76
    case .noStateFromFocus, .noDevices: 75
    case .unknownRoom, .ambiguousRoom, .noRoomWith, .nobodyCalled, .badInput, .messageTooLarge: 65
    case .cannotStore: 73
    }
  }
}

extension ChatError {
  /// The exit code for any error of the account; 70 for those that should not happen.
  public static func exitCode(of error: any Error) -> Int32 {
    switch error {
    case let error as ChatError: error.exitCode
    case let error as FileTransferError: error.exitCode
    case is StoreError: 73
    default: ChatError(storing: error)?.exitCode ?? 70
    }
  }

  /// Whether the same may work later without anybody changing something: the server is away or overloaded.
  var mayPass: Bool {
    switch self {
    case .serverUnreachable, .notConnected: true
    case .refused(_, let status, _): status == 408 || status >= 500
    default: false
    }
  }

  /// Whether the server has answered, and said no.
  var isRefusal: Bool {
    switch self {
    case .refused(_, let status, _): status != 408 && !(500..<600).contains(status)
    case .factoryDidNotRedirect: true
    default: false
    }
  }

  static func noMessage(_ messageID: String) -> ChatError {
    .badInput("no message \(messageID) is in this room; 'limeade history ROOM --ids' shows them")
  }

  /// What an error of the SIP agent means to a user.
  init(from error: any Error, during what: String) {
    if let failure = ChatError(storing: error) {
      self = failure
      return
    }
    switch error {
    case let error as ChatError: self = error
    case SIPError.refused(let status, let reason): self = .refused(what: what, status: status, reason: reason)
    case let error as SIPError:
      switch error {
      case .wrongCredentials, .unsupportedChallenge: self = .wrongCredentials(error.description)
      case .otherRealm(let expected, let offered): self = .otherRealm(expected: expected, offered: offered)
      case .noGRUU(let registrar): self = .noGRUU(domain: registrar)
      case .invalidConfiguration: self = .badConfiguration(error.description)
      case .invalidArgument: self = .badInput(error.description)
      default: self = .serverUnreachable("\(what): \(error.description)")
      }
    default: self = .serverUnreachable("\(what): \(error)")
    }
  }
}
