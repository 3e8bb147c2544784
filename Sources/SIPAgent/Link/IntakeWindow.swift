// IntakeWindow.swift: how much of what others send is under way between a link and the owner of the agent
import Foundation

/// Counts requests that Sofia was given and nobody has answered, and events that nobody has taken yet, in number and
/// in bytes. While it is full the links keep further requests: Sofia spends a whole receive buffer on each that it has.
///
/// `@unchecked Sendable`: all variables are only touched under `lock`.
final class IntakeWindow: @unchecked Sendable {
  /// Requests without an answer.
  static let maximumCount = 64
  /// Bytes of them, and of what the agent has made of them. A single one may be larger.
  static let maximumBytes = 2 << 20
  /// After so many seconds without an answer its sender has given a request up (RFC 3261 §17.1.2.2, Timer F).
  private static let lifetime = 32.0

  private struct Entry {
    var bytes: Int
    var end: ContinuousClock.Instant
  }

  private let lock = NSLock()
  private var open: [String: Entry] = [:]
  private var openBytes = 0
  private var heldBytes = 0
  private var answers = 0
  private var signals: [ObjectIdentifier: LinkSignal] = [:]

  /// Whether a request of so many bytes may go to Sofia.
  func admits(_ bytes: Int) -> Bool {
    lock.withLock {
      dropOld()
      let used = openBytes + heldBytes
      return used == 0 || (open.count < Self.maximumCount && used + bytes <= Self.maximumBytes)
    }
  }

  /// A request goes to Sofia.
  func add(_ transaction: String, bytes: Int) {
    lock.withLock {
      openBytes += bytes - (open[transaction]?.bytes ?? 0)
      open[transaction] = Entry(bytes: bytes, end: .now + .seconds(Self.lifetime))
    }
  }

  func contains(_ transaction: String) -> Bool { lock.withLock { open[transaction] != nil } }

  /// Sofia has sent the final response.
  func remove(_ transaction: String) {
    change {
      guard let entry = open.removeValue(forKey: transaction) else { return }
      openBytes -= entry.bytes
      answers += 1
    }
  }

  /// The agent keeps so many bytes.
  func hold(_ bytes: Int) { lock.withLock { heldBytes += bytes } }

  func release(_ bytes: Int) { change { heldBytes -= bytes } }

  /// Requests answered so far: while it grows, waiting is of use.
  var answered: Int { lock.withLock { answers } }

  /// When the next one is given up.
  var due: ContinuousClock.Instant? { lock.withLock { open.values.map(\.end).min() } }

  private func dropOld() {
    let now = ContinuousClock.now
    guard open.values.contains(where: { $0.end <= now }) else { return }
    open = open.filter { $0.value.end > now }
    openBytes = open.values.reduce(0) { $0 + $1.bytes }
  }

  // MARK: Waking

  /// From now on the signal is raised when there is room again.
  func add(_ signal: LinkSignal) { lock.withLock { signals[ObjectIdentifier(signal)] = signal } }

  func remove(_ signal: LinkSignal) { lock.withLock { signals[ObjectIdentifier(signal)] = nil } }

  private func change(_ body: () -> Void) {
    lock.withLock {
      body()
      for signal in signals.values { signal.raise() }
    }
  }
}

/// Wakes the `poll` of a link's thread.
///
/// `@unchecked Sendable`: `isRaised` is only touched under `lock`; the pipe is constant.
final class LinkSignal: @unchecked Sendable {
  private let pipe = Pipe()
  private let lock = NSLock()
  private var isRaised = false

  /// Readable while it is raised.
  var descriptor: Int32 { pipe.fileHandleForReading.fileDescriptor }

  func raise() {
    lock.withLock {
      guard !isRaised else { return }
      isRaised = true
      try? pipe.fileHandleForWriting.write(contentsOf: [0])
    }
  }

  func take() {
    lock.withLock {
      guard isRaised else { return }
      isRaised = false
      var byte: UInt8 = 0
      // One byte for each time that the flag was set.
      _ = read(descriptor, &byte, 1)
    }
  }
}
