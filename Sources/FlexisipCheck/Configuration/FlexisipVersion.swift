// FlexisipVersion.swift: which Flexisip answers or reads a file: what settings mean differs between versions, to the patch

public struct FlexisipVersion: Sendable, Comparable, Hashable, CustomStringConvertible {
  /// Of a version that was given without its patch release: later than any.
  private static let newestPatch = 999

  var major: Int
  var minor: Int
  var patch: Int

  init(major: Int, minor: Int, patch: Int = 0) { (self.major, self.minor, self.patch) = (major, minor, patch) }

  /// From `2.6` (its newest patch release), `2.5.2` or `2.7.0-alpha`; nil for what is no version.
  public init?(_ text: String) {
    guard let match = text.wholeMatch(of: /v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,3})([^\d].*)?)?/), let major = Int(match.1),
      let minor = Int(match.2)
    else { return nil }
    self.init(major: major, minor: minor, patch: match.3.flatMap { Int($0) } ?? Self.newestPatch)
  }

  /// From `Flexisip/2.2.0 (sofia-sip-nta/2.0)`; nil for other servers.
  init?(server: String) {
    guard let match = server.firstMatch(of: /[Ff]lexisip[^\/ ]*\/(v?\d{1,4}\.\d{1,4}(?:\.\d{1,3})?)/) else {
      return nil
    }
    self.init(String(match.1))
  }

  public var description: String { patch == Self.newestPatch ? "\(major).\(minor)" : "\(major).\(minor).\(patch)" }

  public static func < (one: FlexisipVersion, other: FlexisipVersion) -> Bool {
    (one.major, one.minor, one.patch) < (other.major, other.minor, other.patch)
  }
}

/// From a version on until, not including, another; nil for no end.
package struct FlexisipVersionRange: Sendable, Hashable {
  var since: FlexisipVersion?
  var until: FlexisipVersion?

  init(since: FlexisipVersion? = nil, until: FlexisipVersion? = nil) { (self.since, self.until) = (since, until) }

  /// From `2.1.0..`, `..<2.6.0` or `2.1.0..<2.6.0`.
  init?(_ text: some StringProtocol) {
    guard let match = String(text).wholeMatch(of: /(\d+\.\d+\.\d+)?\.\.(?:<(\d+\.\d+\.\d+))?/) else { return nil }
    self.init(
      since: match.1.flatMap { FlexisipVersion(String($0)) }, until: match.2.flatMap { FlexisipVersion(String($0)) })
  }

  package func contains(_ version: FlexisipVersion) -> Bool {
    (since.map { $0 <= version } ?? true) && (until.map { version < $0 } ?? true)
  }
}

/// Which program reads a file, and its version if that is known.
package struct FlexisipProgram: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    /// Proxy, presence and other servers; until 2.5 the conference server too.
    case flexisip
    /// flexisip-conference, a package of its own beside Flexisip 2.6 and later.
    case conference
    /// The conference server, of whatever version.
    case anyConference
  }

  static let flexisip = FlexisipProgram(kind: .flexisip)
  /// The first Flexisip without a conference server.
  static let split = FlexisipVersion(major: 2, minor: 6)

  package var kind: Kind
  /// Its own: those of flexisip-conference begin with 1.0.
  package var version: FlexisipVersion?

  package init(kind: Kind, version: FlexisipVersion? = nil) { (self.kind, self.version) = (kind, version) }

  /// The Flexisip that its sections, but for `[conference-server]`, are those of.
  var core: FlexisipVersion? {
    switch kind {
    case .flexisip: version
    case .conference:
      version.map { FlexisipVersion(major: 2, minor: Self.split.minor + $0.minor, patch: $0.patch) } ?? Self.split
    case .anyConference: nil
    }
  }

  /// The flexisip-conference that belongs to a Flexisip.
  static func conference(besides version: FlexisipVersion) -> FlexisipVersion {
    FlexisipVersion(major: 1, minor: version.minor - split.minor, patch: version.patch)
  }

  /// As in "… refuses to start".
  var name: String {
    let name = kind == .conference ? "flexisip-conference" : "Flexisip"
    return version.map { "\(name) \($0)" } ?? name
  }

  /// Whether it is known to be no older than a Flexisip.
  func isAtLeast(_ version: FlexisipVersion) -> Bool { core.map { $0 >= version } ?? false }

  /// Whether it is known to be older than a Flexisip.
  func isBefore(_ version: FlexisipVersion) -> Bool { core.map { $0 < version } ?? false }
}
