// NonceCountWindow.swift: which nonce counts were used, against replayed requests (RFC 7616 section 5.5)
import Foundation

/// Remembers the nonce counts seen, in bounded memory.
///
/// Requests sent side by side may overtake each other, so the last 64 counts of a nonce are told apart one by one.
struct NonceCountWindow {
  /// Most nonces remembered. When full, the older half goes, and every nonce as old counts as used up.
  let capacity: Int
  private var entries: [String: Entry] = [:]
  private var forgottenUpTo = Date.distantPast

  private struct Entry {
    var issued: Date
    var highest: UInt32
    /// Bit n: `highest - n` was used.
    var used: UInt64
  }

  init(capacity: Int) { self.capacity = capacity }

  /// Notes the use of a nonce and says whether it is the first with this count.
  mutating func use(_ nonce: String, issued: Date, count: UInt32) -> Bool {
    guard var entry = entries[nonce] else {
      guard issued > forgottenUpTo else { return false }
      if entries.count >= capacity { forgetOlderHalf() }
      entries[nonce] = Entry(issued: issued, highest: count, used: 1)
      return true
    }
    if count > entry.highest {
      let step = count - entry.highest
      entry.used = step < 64 ? entry.used << UInt64(step) | 1 : 1
      entry.highest = count
    } else {
      let age = entry.highest - count
      guard age < 64, entry.used & (1 << UInt64(age)) == 0 else { return false }
      entry.used |= 1 << UInt64(age)
    }
    entries[nonce] = entry
    return true
  }

  private mutating func forgetOlderHalf() {
    let dates = entries.values.map(\.issued).sorted()
    guard !dates.isEmpty else { return }
    forgottenUpTo = max(forgottenUpTo, dates[dates.count / 2])
    entries = entries.filter { $0.value.issued > forgottenUpTo }
  }
}
