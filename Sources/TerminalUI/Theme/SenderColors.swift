// SenderColors.swift: which colour the name of each speaker has.

/// Chosen by a hash of the address, so that it stays in every run; members of the open room have different ones as long
/// as there are enough.
struct SenderColors {
  /// More members are not told apart: a redraw must not wait for it.
  static let maximumMembers = 64

  private let theme: Theme
  private var chosen: [String: Color] = [:]

  init(_ theme: Theme, members: [MemberRow] = []) {
    self.theme = theme
    let colors = theme.senderColors
    guard !colors.isEmpty, members.count <= Self.maximumMembers else { return }
    var free = colors
    for id in members.lazy.filter({ !$0.isSelf }).map(\.id).sorted() {
      let wished = Self.index(of: id, among: colors.count)
      // The next that nobody has; a second round when all are taken.
      if free.isEmpty { free = colors }
      let color = (0..<colors.count).lazy.map { colors[(wished + $0) % colors.count] }.first(where: free.contains)
      free.removeAll { $0 == color }
      chosen[id] = color
    }
  }

  func style(of senderID: String, isOwn: Bool) -> Style {
    if isOwn { return theme.ownName }
    let colors = theme.senderColors
    guard !colors.isEmpty else { return theme.text }
    return Style(foreground: chosen[senderID] ?? colors[Self.index(of: senderID, among: colors.count)])
  }

  /// The same in every run.
  private static func index(of senderID: String, among count: Int) -> Int {
    Int(StableHash.of(senderID) % UInt32(count))
  }
}
