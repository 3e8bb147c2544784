// Version.swift: the version this program calls itself on the wire and in --version.

/// Which limeade this is.
public enum Version {
  /// By semantic versioning.
  public static let current = "0.2.0"
}
