// FileNameEscapes.swift: `file-name` of a file transfer, which Linphone escapes from 5.3 on and not before (RFC 3986 §2.1)
import Foundation

/// Linphone ≥ 5.3 escapes all but `A–Z a–z 0–9 - _ . [ ]` and undoes what it reads; 5.1 does neither. So only what
/// means the same to both is written bare, and only what 5.3 may have written is undone.
public enum FileNameEscapes {
  /// A name without `%` is the same escaped or not for every reader. With one, 5.3 would undo what is no escape; 5.1
  /// then shows the escapes, which is the smaller harm: the file has a name that can be read.
  public static func write(_ name: String) -> String {
    guard name.utf8.contains(ASCII.percent) else { return name }
    return PercentEncoding.encode(name.utf8, where: isBare)
  }

  /// A byte that 5.3 would have escaped, a `%` that is no escape, or escapes that are no UTF-8: nobody escaped this.
  public static func read(_ text: String) -> String {
    guard text.utf8.allSatisfy({ isBare($0) || $0 == ASCII.percent }) else { return text }
    return PercentEncoding.decodeWhole(text) ?? text
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    ASCII.isAlphanumeric(byte) || "-_.[]".utf8.contains(byte)
  }
}
