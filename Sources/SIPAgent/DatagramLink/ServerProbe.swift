// ServerProbe.swift: asks a server over UDP, which has no acknowledgements, whether it is there (RFC 3261 §11)
import Foundation
import MessageFormats

/// An OPTIONS that goes no further than the server; any answer to it will do. A server that leaves the first one
/// unanswered is not asked again.
struct ServerProbe {
  enum Step: Equatable {
    case send([UInt8])
    /// A server that has answered before does not any more.
    case lost
    case nothing
  }

  private struct Question {
    var request: [UInt8]
    var next: ContinuousClock.Instant
    var interval: Double
    var end: ContinuousClock.Instant
  }

  /// RFC 3261 §17.1.2.2: T1 and T2, in seconds.
  private static let firstInterval = 0.5
  private static let lastInterval = 4.0

  /// Ours, for From.
  private let address: SIPURI
  /// `192.0.2.1:5070`, for Via.
  private let sentBy: String
  /// How long an answer may take, in seconds.
  private let patience: Double
  private var question: Question?
  /// Of the last question.
  private var transaction: String?
  private var hasAnswered = false
  private var number = 0
  private let callID = UUID().uuidString

  /// Whether there is any use in asking.
  private(set) var isUseful = true

  init(address: SIPURI, sentBy: String, patience: Double) {
    self.address = address
    self.sentBy = sentBy
    self.patience = patience
  }

  /// When `step` has something to do.
  var due: ContinuousClock.Instant? { question.map { min($0.next, $0.end) } }

  /// Asks, unless an answer is still awaited.
  mutating func begin(_ now: ContinuousClock.Instant) {
    guard question == nil, isUseful else { return }
    number += 1
    let server = SIPURI(user: nil, host: address.host, port: address.port)
    let request = SIPRequest(
      method: "OPTIONS", uri: server.description,
      headers: [
        SIPHeader("Via", "SIP/2.0/UDP \(sentBy);rport;branch=z9hG4bK\(UUID().uuidString)"),
        SIPHeader("Max-Forwards", "0"), SIPHeader("From", "<\(address)>;tag=\(callID.prefix(8))"),
        SIPHeader("To", "<\(server)>"), SIPHeader("Call-ID", callID), SIPHeader("CSeq", "\(number) OPTIONS"),
      ], body: Data())
    guard let bytes = request.wireText.map({ [UInt8]($0) }) else { return }
    transaction = SIPDatagram(bytes)?.transaction
    question = Question(
      request: bytes, next: now, interval: Self.firstInterval, end: now + .seconds(patience))
  }

  mutating func step(_ now: ContinuousClock.Instant) -> Step {
    guard var current = question else { return .nothing }
    if now >= current.end {
      question = nil
      isUseful = hasAnswered
      return hasAnswered ? .lost : .nothing
    }
    guard now >= current.next else { return .nothing }
    current.next = now + .seconds(current.interval)
    current.interval = min(current.interval * 2, Self.lastInterval)
    question = current
    return .send(current.request)
  }

  /// Something came from the server.
  /// - Returns: whether it is an answer to an OPTIONS of this probe, and nothing for Sofia.
  mutating func take(_ message: SIPDatagram) -> Bool {
    let isAnswer = message.isResponse && transaction != nil && message.transaction == transaction
    if isAnswer { hasAnswered = true }
    // Whatever it was, the server is there.
    if hasAnswered { question = nil }
    return isAnswer
  }
}
