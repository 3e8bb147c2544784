// Version.swift: the version this program calls itself on the wire and in --version.

public enum Version {
  public static let current = "0.2.0"
}
