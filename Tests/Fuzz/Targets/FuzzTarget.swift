// FuzzTarget.swift: a parser or operation that must survive any input, with what must hold afterwards
import Foundation
import TestSupport

/// One parser or operation that gets input from others.
public struct FuzzTarget: Sendable {
  /// Its name on the command line, and its folder in Tests/Fuzz/Corpus.
  public let name: String
  /// Genuine inputs, which mutations start from; those of the folder come on top.
  public let seeds: @Sendable () throws -> [Data]
  /// Takes an input. Throws when it refuses it; false says that what must hold did not.
  public let holds: @Sendable (Data) throws -> Bool
  /// Whether each seed is accepted.
  public let acceptsSeeds: Bool
  /// How much slower than a parser an input is.
  public let cost: Int

  init(
    _ name: String, seeds: @escaping @Sendable () throws -> [Data], acceptsSeeds: Bool = true, cost: Int = 1,
    holds: @escaping @Sendable (Data) throws -> Bool
  ) {
    (self.name, self.seeds, self.holds) = (name, seeds, holds)
    (self.acceptsSeeds, self.cost) = (acceptsSeeds, cost)
  }

  public static let all: [FuzzTarget] = formats + addresses + digest + servers + traces + terminal + lime + belief

  /// Inputs worth keeping, above all those that once went wrong.
  public func corpus() throws -> [Data] {
    let folder = Self.corpusFolder.appendingPathComponent(name)
    guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .map { try Data(contentsOf: folder.appendingPathComponent($0)) }
  }

  public static let corpusFolder = TestPaths.package.appendingPathComponent("Tests/Fuzz/Corpus")

  struct Refused: Error {}

  /// A target that reads; where that succeeds, writes and reads again, and both values must be the same.
  static func read<Value: Equatable & Sendable>(
    _ name: String, _ seeds: @escaping @Sendable () throws -> [Data],
    parse: @escaping @Sendable (Data) throws -> Value, write: @escaping @Sendable (Value) -> Data
  ) -> FuzzTarget {
    FuzzTarget(name, seeds: seeds) { data in
      let value = try parse(data)
      return try parse(write(value)) == value
    }
  }

  static func text(_ lines: [String]) -> @Sendable () throws -> [Data] { { lines.map { Data($0.utf8) } } }

  /// A parser of strings that answers nil as one that throws.
  static func parsed<Value>(_ read: @escaping @Sendable (String) -> Value?) -> @Sendable (Data) throws -> Value {
    { data in
      guard let value = read(String(decoding: data, as: UTF8.self)) else { throw Refused() }
      return value
    }
  }
}
