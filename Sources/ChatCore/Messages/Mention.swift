// Mention.swift: whether a text calls somebody by name.
import Foundation

/// The name is a word of the text: "alice: look", "thanks @alice", but not "malice". Case does not matter.
public struct Mention: Sendable, Hashable {
  /// Empty means that nothing is a mention.
  public let name: String

  /// - Parameter name: as the user part of an address; an empty one is mentioned nowhere.
  public init(_ name: String) { self.name = name }

  /// Whether the text calls the name.
  public func isIn(_ text: String) -> Bool {
    guard !name.isEmpty else { return false }
    var rest = text[...]
    while let found = rest.range(of: name, options: .caseInsensitive) {
      let before = text[..<found.lowerBound].last
      let after = text[found.upperBound...].first
      if !Self.isPartOfWord(before), !Self.isPartOfWord(after) { return true }
      rest = text[found.upperBound...]
    }
    return false
  }

  /// For `LIKE … ESCAPE '\'`; matches more than `isIn`. Case is ignored for ASCII only, so other letters match any.
  var pattern: String {
    guard name.allSatisfy(\.isASCII) else { return "%" }
    return "%" + name.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_") + "%"
  }

  private static func isPartOfWord(_ character: Character?) -> Bool {
    guard let character else { return false }
    return character.isLetter || character.isNumber || character == "_"
  }
}
