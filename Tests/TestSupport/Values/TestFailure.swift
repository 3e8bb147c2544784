// TestFailure.swift: why a peer or the test's own equipment did not do its part

public struct TestFailure: Error, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }
}
