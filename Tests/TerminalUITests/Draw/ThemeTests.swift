// ThemeTests.swift: which theme a terminal gets, and that each can be read on its background.
import Foundation
import Testing

@testable import TerminalUI

@Suite struct ThemeTests {
  /// WCAG 2.1: relative luminance.
  private static func luminance(_ color: (red: Int, green: Int, blue: Int)) -> Double {
    func linear(_ component: Int) -> Double {
      let value = Double(component) / 255
      return value <= 0.03928 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue)
  }

  /// - Parameter isBoldBright: as terminals of eight colours, such as the Linux console, draw bold.
  private static func contrast(
    _ style: Style, _ ground: (red: Int, green: Int, blue: Int), dark: Bool, isBoldBright: Bool = false
  ) -> Double {
    var color = style.foreground
    if isBoldBright, style.isBold, let index = color?.index, index < 8 { color = Color(index + 8) }
    let text = color?.components ?? (dark ? (229, 229, 229) : (0, 0, 0))
    let (first, second) = (luminance(text), luminance(style.background?.components ?? ground))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)
  }

  /// Borders only separate, and are not read.
  private static let parts = Theme.parts.filter { $0.key != "border" }

  @Test(arguments: [256, 16, 8], [true, false])
  func everythingCanBeReadOnADarkAndOnALightBackground(colors: Int, isDark: Bool) throws {
    let grounds = isDark ? [(0, 0, 0), (30, 30, 30)] : [(255, 255, 255), (253, 246, 227)]
    for base in [ThemeSetting.Base.auto, isDark ? .dark : .light, .contrast] {
      let theme = ThemeSetting(base).theme(colors: colors, background: isDark ? .dark : .light)
      for (name, path) in Self.parts {
        for ground in grounds where !theme[keyPath: path].isReversed {
          let contrast = Self.contrast(theme[keyPath: path], ground, dark: isDark, isBoldBright: colors == 8)
          // A palette of sixteen has one grey, and one red.
          let needed = base == .contrast ? 7 : colors >= 256 ? 4.5 : 3.4
          #expect(contrast >= needed, "\(base) \(colors) \(name): \(contrast)")
        }
      }
      for color in theme.senderColors {
        let contrast = Self.contrast(Style(foreground: color), grounds[1], dark: isDark)
        #expect(contrast >= (colors >= 256 ? 4.2 : 3.4), "\(base) \(colors) \(color.index): \(contrast)")
      }
    }
  }

  /// What a terminal with few colours would make of one it has not is seen to before.
  @Test(arguments: [8, 16], ThemeSetting.Base.allCases)
  func aTerminalWithFewColoursGetsOnlyThese(colors: Int, base: ThemeSetting.Base) {
    for background in [TerminalBackground.dark, .light] {
      let theme = ThemeSetting(base).theme(colors: colors, background: background)
      let used = Theme.parts.values.flatMap { path in
        [theme[keyPath: path].foreground, theme[keyPath: path].background].compactMap(\.self)
      }
      for color in used + theme.senderColors { #expect(Int(color.index) < colors, "\(base): \(color.index)") }
    }
    #expect(ThemeSetting(base).theme(colors: 0, background: nil) == .monochrome)
  }

  @Test func automaticFollowsTheBackgroundAndTheOthersDoNot() {
    func theme(_ base: ThemeSetting.Base, _ background: TerminalBackground?) -> Theme {
      ThemeSetting(base).theme(colors: 256, background: background)
    }
    #expect(theme(.auto, nil) == .dark && theme(.auto, .dark) == .dark && theme(.auto, .light) == .light)
    #expect(theme(.dark, .light) == .dark && theme(.light, .dark) == .light && theme(.none, .light) == .monochrome)
    #expect(ThemeSetting(named: "purple") == nil)
    #expect(ThemeSetting.names == ["auto", "dark", "light", "contrast", "palette", "none"])
  }

  @Test func theScreenChangesItsColoursWhenTheTerminalTellsItsBackground() {
    var interface = Fixtures.interface()
    interface.use(ThemeSetting(), colors: 256, background: nil)
    #expect(interface.theme == .dark)
    #expect(interface.handle(.background(.light)).isEmpty)
    #expect(interface.theme == .light)
    interface.use(ThemeSetting(.dark), colors: 256, background: nil)
    _ = interface.handle(.background(.light))
    #expect(interface.theme == .dark)
  }

  @Test(
    arguments: [
      ("15;0", .dark), ("0;15", .light), ("0;default;15", .light), ("7;8", .dark), ("0;7", .light), ("15;default", nil),
      ("", nil), ("0;99", nil),
    ] as [(String, TerminalBackground?)])
  func theBackgroundByCOLORFGBG(value: String, expected: TerminalBackground?) {
    #expect(TerminalBackground(colorfgbg: value) == expected)
    #expect(TerminalBackground(colorfgbg: nil) == nil)
  }

  @Test func aSendersColourComesFromTheAddressAlone() {
    let colors = SenderColors(.dark)
    #expect(
      colors.style(of: "sip:bob@example.org", isOwn: false) == colors.style(of: "sip:bob@example.org", isOwn: false))
    let all = Set((0..<100).map { colors.style(of: "sip:user\($0)@example.org", isOwn: false) })
    #expect(all.count == Theme.dark.senderColors.count)
  }

  @Test func membersOfARoomHaveDifferentColoursAsLongAsThereAreEnough() {
    let members = (0..<12).map { MemberRow(id: "sip:user\($0)@example.org", name: "user \($0)") }
    let colors = SenderColors(.dark, members: members)
    #expect(Set(members.map { colors.style(of: $0.id, isOwn: false) }).count == 12)
    // Whatever the order in which they are listed.
    let turned = SenderColors(.dark, members: members.reversed())
    for member in members {
      #expect(turned.style(of: member.id, isOwn: false) == colors.style(of: member.id, isOwn: false))
    }
  }

  @Test(
    arguments: [
      (["LANG": "en_GB.UTF-8"], .standard), (["LC_ALL": "C", "LANG": "en_GB.UTF-8"], .ascii),
      (["LC_ALL": "", "LC_CTYPE": "de_DE.utf8"], .standard), (["LANG": "de_DE@euro"], .ascii), ([:], .ascii),
      (["LANG": "C.UTF-8", "TERM": "linux"], Glyphs(lines: .box, marks: .letters)),
    ] as [([String: String], Glyphs)])
  func signsAreThoseOfTheLocale(environment: [String: String], expected: Glyphs) {
    #expect(Glyphs.ofLocale(environment) == expected)
  }

  @Test func everySignHasTheWidthThatItIsPlacedWith() {
    let encryptions: [MessageRow.Encryption] = [
      .notEncrypted, .encrypted, .trusted, .unsafe, .undecryptable, .stranger,
    ]
    for glyphs in [Glyphs.standard, .ascii] {
      for encryption in encryptions { #expect(ClusterWidth.columns(of: glyphs.mark(encryption)) == 1) }
      for sign in [glyphs.vertical, glyphs.horizontal, glyphs.pointer] {
        #expect(ClusterWidth.columns(of: sign) == 1 && !ClusterWidth.isContested(sign))
      }
      #expect(glyphs.marks == .letters || ClusterWidth.columns(of: glyphs.lock) == 3)
      #expect(Set(glyphs.legend).count == glyphs.legend.count)
    }
    #expect(Glyphs.ascii.legend.joined().utf8.allSatisfy { $0 < 0x80 })
  }
}
