// TestDomain.swift: a domain that is the tests' own: no /etc/hosts and no name server has it (RFC 6761 §6.2)

public enum TestDomain {
  /// Another one in each run, such as `x4f2a09c1.test`.
  public static let name = "x\(String(UInt32.random(in: .min ... .max), radix: 16)).test"
}
