// FlexisipVersion.swift: which Flexisip answers, from its Server header: what settings mean differs between versions

struct FlexisipVersion: Sendable, Comparable, CustomStringConvertible {
  var major: Int
  var minor: Int

  init(major: Int, minor: Int) { (self.major, self.minor) = (major, minor) }

  /// From `Flexisip/2.2.0 (sofia-sip-nta/2.0)`; nil for other servers.
  init?(server: String) {
    guard let match = server.firstMatch(of: /[Ff]lexisip[^\/ ]*\/v?(\d{1,4})\.(\d{1,4})/), let major = Int(match.1),
      let minor = Int(match.2)
    else { return nil }
    self.init(major: major, minor: minor)
  }

  var description: String { "\(major).\(minor)" }

  static func < (one: FlexisipVersion, other: FlexisipVersion) -> Bool {
    (one.major, one.minor) < (other.major, other.minor)
  }
}
