// SafeFileName.swift: a name from the network as a name in one of our folders
import Foundation

/// What a file may be called in a folder of the user's.
public enum SafeFileName {
  /// Most bytes of UTF-8. File systems take 255; the rest is for the number of a double.
  public static let maximumLength = 200
  /// Longest ending that survives shortening, in bytes.
  private static let maximumExtension = 20
  /// For names of which nothing is left.
  public static let fallback = "file"

  /// Devices on Windows and its file shares, whatever the ending.
  private static let reserved: Set<String> = Set(
    ["con", "prn", "aux", "nul"] + (0...9).flatMap { ["com\($0)", "lpt\($0)"] })

  /// The last part of the path, without what is hidden, invisible, taken for an option, or special to a file system.
  /// Never empty.
  public static func make(from name: String?) -> String {
    // U+2215 and the like only look like separators; these two are some.
    let last = (name ?? "").split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
    var kept = String.UnicodeScalarView()
    for scalar in last.precomposedStringWithCanonicalMapping.unicodeScalars where !isInvisible(scalar) {
      kept.append(#":*?"<>|"#.unicodeScalars.contains(scalar) ? "_" : scalar)
    }
    var text = String(kept)
    text = trimmed(text)
    while text.hasPrefix(".") { text = trimmed(String(text.dropFirst())) }
    if text.hasPrefix("-") || text.hasPrefix("~") { text = "_" + text.dropFirst() }
    let base = text.prefix { $0 != "." }.lowercased().trimmingCharacters(in: .whitespaces)
    if reserved.contains(base) { text = "_" + text }
    text = shortened(text)
    return text.isEmpty ? fallback : text
  }

  /// `report (2).pdf` for 2 and `report.pdf`; 0 gives the name itself.
  public static func numbered(_ name: String, _ number: Int) -> String {
    guard number > 0 else { return name }
    let (base, ending) = split(name)
    return "\(base) (\(number))\(ending)"
  }

  /// Control and format characters turn text round, or make two names look the same. The joiners inside emoji stay.
  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: true
    case .format: scalar.value != 0x200D && scalar.value != 0x200C
    default: false
    }
  }

  /// Windows drops blanks and dots at the end.
  private static func trimmed(_ text: String) -> String {
    var text = text.trimmingCharacters(in: .whitespaces)
    while text.hasSuffix(".") || text.hasSuffix(" ") { text.removeLast() }
    return text
  }

  private static func shortened(_ text: String) -> String {
    guard text.utf8.count > maximumLength else { return text }
    var (base, ending) = split(text)
    if ending.utf8.count > maximumExtension { (base, ending) = (text, "") }
    // By scalars: a letter with many marks is one character, and could be all there is.
    var scalars = base.unicodeScalars
    var count = base.utf8.count
    while count + ending.utf8.count > maximumLength, let last = scalars.popLast() { count -= UTF8.width(last) }
    return trimmed(String(scalars)) + ending
  }

  private static func split(_ name: String) -> (base: String, ending: String) {
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return (name, "") }
    return (String(name[..<dot]), String(name[dot...]))
  }
}
