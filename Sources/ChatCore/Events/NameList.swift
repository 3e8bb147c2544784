// NameList.swift: names in the text of an error: the first few, and how many more there are.

/// Lists that stay readable however many names there are.
public enum NameList {
  /// More do not help, and an account may have a thousand rooms.
  static let shown = 8

  /// All names, or the first eight and how many more there are.
  public static func text(_ names: [String], separator: String = ", ") -> String {
    guard names.count > shown + 1 else { return names.joined(separator: separator) }
    return names.prefix(shown).joined(separator: separator) + " and \(names.count - shown) more"
  }

  /// Those that have `part` in them first, else in the same order.
  static func nearest(to part: String, _ names: [String]) -> [String] {
    let wanted = part.lowercased()
    let near = names.filter { $0.lowercased().contains(wanted) }
    return near + names.filter { !$0.lowercased().contains(wanted) }
  }
}
