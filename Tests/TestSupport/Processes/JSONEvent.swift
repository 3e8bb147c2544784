// JSONEvent.swift: a line of JSON that a program printed, its values as strings.
import Foundation

public struct JSONEvent: Sendable {
  private let fields: [String: String]

  /// nil when the line is not a JSON object.
  public init?(_ line: String) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else { return nil }
    fields = object.mapValues { value in
      switch value {
      case let string as String: string
      case let number as NSNumber where isBoolean(number): number.boolValue ? "true" : "false"
      default: "\(value)"
      }
    }
  }

  public subscript(name: String) -> String? { fields[name] }
}

/// JSONSerialization gives booleans as NSNumber; only their Objective-C type tells them from 0 and 1.
private func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

extension PeerProcess {
  /// Waits for a JSON line with these values, one that came already included.
  @discardableResult
  public func event(
    _ event: String, within seconds: Double = 20, _ expected: [String: String] = [:]
  ) async throws -> JSONEvent {
    let line = try await line(within: seconds, "event \(event) \(expected)", where: Self.matching(event, expected))
    return try Self.parsed(line)
  }

  /// As `event`, but among the lines after the one that the last call of this or of `nextLine` returned.
  @discardableResult
  public func nextEvent(
    _ event: String, within seconds: Double = 20, _ expected: [String: String] = [:]
  ) async throws -> JSONEvent {
    let line = try await nextLine(within: seconds, "event \(event) \(expected)", where: Self.matching(event, expected))
    return try Self.parsed(line)
  }

  private static func matching(_ event: String, _ expected: [String: String]) -> @Sendable (String) -> Bool {
    { line in
      guard let json = JSONEvent(line), json["event"] == event else { return false }
      return expected.allSatisfy { json[$0.key] == $0.value }
    }
  }

  private static func parsed(_ line: String) throws -> JSONEvent {
    guard let json = JSONEvent(line) else { throw TestFailure("not JSON: \(line)") }
    return json
  }
}
