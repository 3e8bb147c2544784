// LoadResult.swift: what came of the load, in all and by the second

/// Texts and copies so far. A text has a copy for each member but its author.
public struct LoadCounts: Sendable, Equatable {
  /// Texts that fell due and were written.
  public var sent = 0
  /// Taken by the conference server.
  public var taken = 0
  /// Texts that every member has.
  public var receivedByAll = 0
  /// Every member has said that it came.
  public var acknowledged = 0
  /// Refused, not sent, or not readable for a member.
  public var failed = 0
  /// Not with all members in time.
  public var lost = 0
  /// Copies that a member got once more.
  public var doubled = 0
  /// Copies that members got, each once.
  public var copies = 0

  public init() {}
}

/// The counts and latencies of one second, for the picture.
public struct LoadSecond: Sendable {
  /// Since the first text was due.
  public var second: Int
  /// So far.
  public var counts: LoadCounts
  /// Texts that are under way.
  public var waiting: Int
  /// Of copies that came in this second.
  public var received: LoadLatency?
}

/// What a run measured, and whether it left anything behind.
public struct LoadResult: Sendable {
  /// What was to be sent.
  public var plan: LoadPlan
  /// Devices that were registered.
  public var devices = 0
  /// Rooms in which a first text came to all.
  public var rooms = 0
  /// At the end.
  public var counts = LoadCounts()
  /// From when a text was due until the conference server had it, a member had it, and all had said so.
  public var taken: LoadLatency?
  /// See `taken`.
  public var received: LoadLatency?
  /// See `taken`.
  public var acknowledged: LoadLatency?
  /// In their order, from the first text on.
  public var seconds: [LoadSecond] = []
  /// That texts were sent for.
  public var duration = 0.0
  /// Cores that this program kept busy meanwhile: near 1 and above it is itself what is slow.
  public var ownLoad = 0.0
  /// How late the latest text was written, in seconds: what is more than moments is the machine's fault.
  public var lag = 0.0
  /// Why it ended early.
  public var stopped: String?
  /// What could not be taken away.
  public var left: [String] = []

  public init(plan: LoadPlan) { self.plan = plan }

  /// Everything that was sent came, once, and nothing is left on the server.
  public var isGood: Bool {
    stopped == nil && left.isEmpty && counts.failed == 0 && counts.lost == 0 && counts.doubled == 0
  }
}
