// SearchTokenizer.swift: words as the search index compares them, folded (Unicode §3.13 and §3.11, SQLite FTS5 §7)
import Foundation
import GRDB

/// SQLite's `unicode61`, and after it what that leaves: "Straße" is "strasse", "ﬁnal" is "final", "Ｆｏｏ" is "foo".
///
/// A connection without it can read and write everything but what the index is made of: see `AccountStore`.
final class SearchTokenizer: FTS5CustomTokenizer {
  static let name = "limeade"

  private let folding: FoldingTokenizer

  init(db: Database, arguments: [String]) throws { folding = try FoldingTokenizer(db: db, arguments: arguments) }

  func tokenize(
    context: UnsafeMutableRawPointer?, tokenization: FTS5Tokenization, pText: UnsafePointer<CChar>?, nText: CInt,
    tokenCallback: @escaping FTS5TokenCallback
  ) -> CInt {
    // Most texts have nothing to fold, and need not leave SQLite.
    let text = UnsafeBufferPointer(start: pText, count: max(0, Int(nText)))
    let tokenizer: any FTS5Tokenizer = text.allSatisfy { $0 >= 0 } ? folding.wrappedTokenizer : folding
    return tokenizer.tokenize(
      context: context, tokenization: tokenization, pText: pText, nText: nText, tokenCallback: tokenCallback)
  }

  private final class FoldingTokenizer: FTS5WrapperTokenizer {
    static let name = "limeade_folding"
    let wrappedTokenizer: any FTS5Tokenizer

    init(db: Database, arguments: [String]) throws {
      wrappedTokenizer = try db.makeTokenizer(.unicode61(diacritics: .remove))
    }

    func accept(
      token: String, flags: FTS5TokenFlags, for tokenization: FTS5Tokenization, tokenCallback: FTS5WrapperTokenCallback
    ) throws { try tokenCallback(SearchTokenizer.folded(token), flags) }
  }

  /// Capitals are where ligatures and "ß" come apart.
  static func folded(_ word: String) -> String {
    word.precomposedStringWithCompatibilityMapping.uppercased().lowercased()
  }
}
