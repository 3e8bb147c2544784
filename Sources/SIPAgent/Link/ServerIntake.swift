// ServerIntake.swift: what a server sends over a connection, message by message, until Sofia may have it
// (RFC 3261 §18.3)
import Foundation
import ServerConnection

/// Gives Sofia whole and sound messages: responses at once, requests in their order and only as many as its window
/// takes. What Sofia must not have is answered here. Belongs to one thread.
struct ServerIntake {
  enum Output: Equatable {
    /// Start line and header fields, and the body.
    case message([UInt8], [UInt8])
    /// For the server.
    case answer([UInt8])
    /// The server's ping: to be answered.
    case ping
    /// Any CRLF between messages.
    case pong
  }

  /// Requests that wait here; from so many bytes on nothing more is read from the server.
  static let maximumWaiting = 8 << 20
  /// While nothing is read, and nothing answered for so many seconds, what the agent waits for may stand behind what
  /// waits here: then that is refused.
  static let longestStandstill = 5.0
  /// Of a refusal, in seconds.
  static let retryAfter = 10
  /// The body of a message that is too large is read and dropped up to so many bytes.
  static let maximumDropped = 16 << 20
  /// A message must be complete after so many seconds, and one for each `slowest` bytes.
  private static let patience = 30.0
  private static let slowest = 4096.0
  /// Of a compressed body to what it holds.
  private static let usualRatio = 16

  private struct Waiting {
    var head: SIPHead
    var body: [UInt8]
    var size: Int { head.bytes.count + body.count }
  }

  private let window: IntakeWindow
  /// Without a byte for so many seconds, a message that has begun is given up.
  private let idle: Double
  private var framer = SIPFramer()
  /// The message that is being received; nil between messages and while its head is incomplete.
  private var current: (head: SIPHead, body: [UInt8], left: Int)?
  /// Of a body that nobody gets.
  private var toDrop = 0
  private var blanks = 0
  private var waiting: [Waiting] = []
  private var first = 0
  private var waitingBytes = 0
  /// Of the message that has begun: when, the bytes so far, and when the last came.
  private var begun: (time: ContinuousClock.Instant, bytes: Int, last: ContinuousClock.Instant)?
  private var standstill: (answered: Int, since: ContinuousClock.Instant)?
  /// Whether requests were refused since the last look.
  private var hasRefused = false
  /// This is no SIP, or cannot be told from the next message: the connection is of no more use.
  private(set) var failure: ConnectionFailure?

  init(window: IntakeWindow, idle: Double) {
    self.window = window
    self.idle = idle
  }

  /// Whether the server may send more.
  var isOpen: Bool { waitingBytes < Self.maximumWaiting }

  var isBetweenMessages: Bool { begun == nil }

  // MARK: From the server

  /// - Returns: also what came before a `failure`.
  mutating func take(_ bytes: [UInt8]) -> [Output] {
    var outputs: [Output] = []
    for piece in framer.cut(bytes) {
      if failure != nil { break }
      switch piece {
      case .keepalive(let blank):
        blanks += blank.count
        outputs.append(.pong)
        // RFC 5626 §3.5.1: two CRLF are a ping.
        if blanks >= 4 {
          blanks = 0
          outputs.append(.ping)
        }
      case .head(let head, let length): begin(SIPHead(head), length, &outputs)
      case .body(let body):
        if toDrop > 0 {
          toDrop -= body.count
        } else if current != nil {
          current?.body += body
          current?.left -= body.count
          finish(&outputs)
        } else {
          failure = Self.noSIP
        }
      }
    }
    note(bytes.count)
    outputs += next()
    return outputs
  }

  private static let noSIP = ConnectionFailure.lost(reason: "the server sends what is no SIP")

  private mutating func begin(_ head: SIPHead, _ length: Int, _ outputs: inout [Output]) {
    blanks = 0
    switch head.fault(bodyLength: length) {
    case nil:
      current = (head, [], length)
      finish(&outputs)
    case .tooLarge:
      answer(head, "413 Request Entity Too Large", &outputs)
      drop(length)
    case .malformed:
      // A response that cannot be read is as good as none.
      guard head.isResponse || head.isAnswerable else {
        failure = Self.noSIP
        return
      }
      answer(head, "400 Bad Request", &outputs)
      drop(length)
    }
  }

  private mutating func drop(_ length: Int) {
    toDrop = length
    if length > Self.maximumDropped { failure = .lost(reason: "the server sends a message of \(length) bytes") }
  }

  private func answer(_ head: SIPHead, _ status: String, retryAfter: Int? = nil, _ outputs: inout [Output]) {
    guard !head.isResponse, let request = SIPDatagram(head.bytes),
      let response = request.response(status, tag: "limeade", retryAfter: retryAfter)
    else { return }
    outputs.append(.answer(response.bytes))
  }

  private mutating func finish(_ outputs: inout [Output]) {
    guard let message = current, message.left <= 0 else { return }
    current = nil
    if message.head.isResponse {
      outputs.append(.message(message.head.withLength, message.body))
    } else {
      waiting.append(Waiting(head: message.head, body: message.body))
      waitingBytes += message.head.bytes.count + message.body.count
    }
  }

  // MARK: To Sofia

  /// Requests for which there is room.
  mutating func next() -> [Output] {
    var outputs: [Output] = []
    while first < waiting.count {
      let request = waiting[first]
      // What a compressed body holds is known when it is unpacked; the agent looks at its limit then.
      let cost = request.head.isCompressed ? request.size * Self.usualRatio : request.size
      if request.head.method != "ACK" {
        guard window.admits(cost) else { break }
        window.add(request.head.transaction, bytes: cost)
      }
      outputs.append(.message(request.head.withLength, request.body))
      waitingBytes -= request.size
      first += 1
    }
    if first == waiting.count || first > 256 {
      waiting.removeFirst(first)
      first = 0
    }
    standstill = isOpen ? nil : standstill
    return outputs
  }

  /// Sofia sends a response.
  func answered(_ head: [UInt8]) {
    guard head.starts(with: Array("SIP/2.0 ".utf8)) else { return }
    let response = SIPHead(head)
    if response.isFinalResponse { window.remove(response.transaction) }
  }

  // MARK: Time

  private mutating func note(_ count: Int) {
    if framer.isBetweenMessages {
      begun = nil
    } else {
      let now = ContinuousClock.now
      begun = (begun?.time ?? now, (begun?.bytes ?? 0) + count, now)
    }
  }

  /// The server is not read from: that nothing comes is not its fault.
  mutating func pause() {
    if let begun { self.begun = (.now, begun.bytes, .now) }
  }

  /// When there is something to do, if nothing happens before.
  var due: ContinuousClock.Instant? {
    [deadline, standstill.map { $0.since + .seconds(Self.longestStandstill) }, waits ? window.due : nil]
      .compactMap(\.self).min()
  }

  private var waits: Bool { first < waiting.count }

  private var deadline: ContinuousClock.Instant? {
    begun.map {
      min($0.last + .seconds(idle), $0.time + .seconds(Self.patience + Double($0.bytes) / Self.slowest))
    }
  }

  /// - Throws: `.lost` when a message that has begun does not go on.
  mutating func keepTime() throws(ConnectionFailure) -> [Output] {
    let now = ContinuousClock.now
    if let deadline, now >= deadline {
      throw .lost(reason: "a message of the server's does not come to its end")
    }
    var outputs = next()
    guard !isOpen else { return outputs }
    let answered = window.answered
    if standstill?.answered != answered { standstill = (answered, now) }
    guard let standstill, now >= standstill.since + .seconds(Self.longestStandstill) else { return outputs }
    for request in waiting[first...] {
      answer(request.head, "503 Service Unavailable", retryAfter: Self.retryAfter, &outputs)
    }
    (waiting, first, waitingBytes, hasRefused) = ([], 0, 0, true)
    self.standstill = nil
    return outputs
  }

  /// Whether requests were refused and there is room for them now. Servers bring them after the next REGISTER.
  mutating func takeRefused() -> Bool {
    guard hasRefused, window.admits(IntakeWindow.maximumBytes / 2) else { return false }
    hasRefused = false
    return true
  }
}
