// StableHash.swift: a hash that is the same in every run (FNV-1a, 32 bits), which Swift's own is not.

enum StableHash {
  static func of(_ text: String) -> UInt32 {
    text.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
  }
}
