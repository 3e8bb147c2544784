// Theme+Shipped.swift: the themes that need no file, for terminals of 256, 16 and 8 colours.

extension Theme {
  /// For a dark background.
  public static let dark: Theme = {
    var theme = Theme()
    theme.header = Style(foreground: Color(255), background: Color(24), bold: true)
    theme.headerWarning = Style(foreground: Color(231), background: Color(124), bold: true)
    theme.headerPlain = Style(foreground: Color(231), background: Color(94), bold: true)
    theme.promptPlain = Style(foreground: Color(215), bold: true)
    theme.status = Style(foreground: Color(252), background: Color(236))
    theme.statusError = Style(foreground: Color(231), background: Color(124), bold: true)
    theme.openRoom = Style(foreground: Color(231), background: Color(238), bold: true)
    theme.importantRoom = Style(foreground: Color(215), bold: true)
    theme.selection = Style(foreground: Color(255), background: Color(24), bold: true)
    theme.faint = Style(foreground: Color(245))
    theme.border = Style(foreground: Color(240))
    theme.separator = Style(foreground: Color(245))
    theme.notice = Style(foreground: Color(109))
    theme.quote = Style(foreground: Color(109))
    theme.unreadLine = Style(foreground: Color(209), bold: true)
    theme.warning = Style(foreground: Color(215), bold: true)
    theme.error = Style(foreground: Color(209), bold: true)
    theme.verified = Style(foreground: Color(114), bold: true)
    theme.read = Style(foreground: Color(114), bold: true)
    theme.prompt = Style(foreground: Color(75), bold: true)
    theme.mention = Style(foreground: Color(222), bold: true)
    theme.match = Style(foreground: Color(16), background: Color(222))
    theme.senderColors = [75, 114, 141, 173, 180, 79, 212, 110, 149, 209, 147, 186].map(Color.init)
    return theme
  }()

  /// For a light background.
  public static let light: Theme = {
    var theme = Theme()
    theme.header = Style(foreground: Color(231), background: Color(25), bold: true)
    theme.headerWarning = Style(foreground: Color(231), background: Color(124), bold: true)
    theme.headerPlain = Style(foreground: Color(231), background: Color(94), bold: true)
    theme.promptPlain = Style(foreground: Color(94), bold: true)
    theme.status = Style(foreground: Color(235), background: Color(252))
    theme.statusError = Style(foreground: Color(231), background: Color(124), bold: true)
    theme.openRoom = Style(foreground: Color(16), background: Color(153), bold: true)
    theme.importantRoom = Style(foreground: Color(94), bold: true)
    theme.selection = Style(foreground: Color(231), background: Color(25), bold: true)
    theme.faint = Style(foreground: Color(241))
    theme.border = Style(foreground: Color(245))
    theme.separator = Style(foreground: Color(241))
    theme.notice = Style(foreground: Color(24))
    theme.quote = Style(foreground: Color(24))
    theme.unreadLine = Style(foreground: Color(160), bold: true)
    theme.warning = Style(foreground: Color(94), bold: true)
    theme.error = Style(foreground: Color(160), bold: true)
    theme.verified = Style(foreground: Color(22), bold: true)
    theme.read = Style(foreground: Color(22), bold: true)
    theme.prompt = Style(foreground: Color(25), bold: true)
    theme.mention = Style(foreground: Color(88), bold: true)
    theme.match = Style(foreground: Color(16), background: Color(222))
    theme.senderColors = [25, 22, 91, 94, 126, 23, 54, 61, 58, 124, 95, 18].map(Color.init)
    return theme
  }()

  /// `dark` in the first sixteen colours, or with `basic` in the first eight, which are the Linux console's.
  static func dark(basic: Bool) -> Theme {
    var theme = palette
    func bright(_ index: UInt8) -> Color { Color(basic ? index - 8 : index) }
    theme.header = Style(foreground: bright(15), background: Color(4), bold: true)
    theme.headerWarning = Style(foreground: bright(15), background: Color(1), bold: true)
    theme.headerPlain = Style(foreground: Color(0), background: Color(3))
    theme.promptPlain = Style(foreground: bright(11), bold: true)
    theme.status = Style(foreground: Color(7), background: Color(4))
    theme.statusError = theme.headerWarning
    theme.openRoom = theme.header
    theme.selection = theme.header
    theme.importantRoom = Style(foreground: bright(11), bold: true)
    if !basic {
      theme.faint = Style(foreground: Color(8))
      theme.border = theme.faint
      theme.separator = theme.faint
    }
    theme.unreadLine = Style(foreground: bright(9), bold: true)
    theme.warning = Style(foreground: bright(11), bold: true)
    theme.error = Style(foreground: bright(9), bold: true)
    theme.verified = Style(foreground: bright(10), bold: true)
    theme.read = theme.verified
    theme.prompt = Style(foreground: bright(14), bold: true)
    theme.mention = Style(foreground: bright(11), bold: true)
    theme.match = Style(foreground: Color(0), background: Color(3))
    theme.notice = Style(foreground: Color(6))
    theme.quote = Style(foreground: Color(6))
    theme.senderColors = (basic ? [6, 2, 5, 3, 7] : [14, 10, 13, 11, 6, 2, 3]).map(Color.init)
    return theme
  }

  /// `light` in the first sixteen colours, or with `basic` in the first eight.
  static func light(basic: Bool) -> Theme {
    var theme = palette
    let white = Color(basic ? 7 : 15)
    theme.header = Style(foreground: white, background: Color(4), bold: true)
    theme.headerWarning = Style(foreground: white, background: Color(1), bold: true)
    theme.headerPlain = Style(foreground: Color(0), background: Color(3))
    theme.promptPlain = Style(foreground: Color(basic ? 1 : 5), bold: true)
    theme.status = Style(foreground: Color(0), background: Color(7))
    theme.statusError = theme.headerWarning
    theme.openRoom = theme.header
    theme.selection = theme.header
    theme.importantRoom = Style(foreground: Color(basic ? 1 : 5), bold: true)
    if !basic {
      theme.faint = Style(foreground: Color(8))
      theme.border = theme.faint
      theme.separator = theme.faint
    }
    theme.unreadLine = Style(foreground: Color(1), bold: true)
    theme.warning = Style(foreground: Color(basic ? 1 : 5), bold: true)
    theme.error = Style(foreground: Color(1), bold: true)
    theme.verified = Style(foreground: Color(4), bold: true)
    theme.read = theme.verified
    theme.prompt = Style(foreground: Color(4), bold: true)
    theme.mention = Style(foreground: Color(basic ? 4 : 5), bold: true)
    theme.match = Style(foreground: Color(0), background: Color(3))
    theme.notice = Style(foreground: Color(4))
    theme.quote = Style(foreground: Color(4))
    theme.senderColors = [4, 5, 1].map(Color.init)
    return theme
  }

  /// Nothing is faint, and what matters has the strongest contrast there is; for either background.
  /// - Parameter basic: with the first eight colours, among which no red is strong enough.
  static func contrast(basic: Bool) -> Theme {
    var theme = Theme()
    theme.faint = .plain
    theme.border = .plain
    theme.separator = .plain
    theme.notice = .plain
    theme.quote = .plain
    theme.header = Style(bold: true, reversed: true)
    theme.headerWarning =
      basic
      ? Style(bold: true, underlined: true, reversed: true)
      : Style(foreground: Color(231), background: Color(88), bold: true)
    theme.status = Style(reversed: true)
    theme.statusError = theme.headerWarning
    theme.error = theme.headerWarning
    // Bold black is grey on terminals of eight colours.
    theme.warning = Style(foreground: Color(basic ? 0 : 16), background: Color(basic ? 3 : 220), bold: !basic)
    theme.importantRoom = theme.warning
    theme.headerPlain = theme.warning
    theme.promptPlain = theme.warning
    theme.unreadLine = Style(bold: true, reversed: true)
    theme.mention = Style(bold: true, underlined: true)
    theme.match = theme.warning
    return theme
  }

  /// The terminal's own colours, whatever palette the user gave it, on either background: none that is bright, because
  /// palettes as Solarized have greys there.
  public static let palette: Theme = {
    var theme = Theme()
    theme.header = Style(foreground: Color(4), bold: true, reversed: true)
    theme.headerWarning = Style(foreground: Color(1), bold: true, reversed: true)
    theme.headerPlain = Style(foreground: Color(3), reversed: true)
    theme.promptPlain = Style(foreground: Color(3), bold: true)
    theme.status = Style(reversed: true)
    theme.statusError = Style(foreground: Color(1), bold: true, reversed: true)
    theme.openRoom = Style(foreground: Color(4), bold: true, reversed: true)
    theme.selection = theme.openRoom
    theme.importantRoom = Style(foreground: Color(3), bold: true)
    theme.notice = Style(foreground: Color(6))
    theme.quote = Style(foreground: Color(6))
    theme.unreadLine = Style(foreground: Color(1), bold: true)
    theme.warning = Style(foreground: Color(3), bold: true)
    theme.error = Style(foreground: Color(1), bold: true)
    theme.verified = Style(foreground: Color(2), bold: true)
    theme.read = Style(foreground: Color(2), bold: true)
    theme.prompt = Style(foreground: Color(4), bold: true)
    theme.mention = Style(foreground: Color(3), bold: true)
    theme.match = Style(foreground: Color(3), reversed: true)
    theme.senderColors = [6, 2, 5, 3, 4].map(Color.init)
    return theme
  }()
}
