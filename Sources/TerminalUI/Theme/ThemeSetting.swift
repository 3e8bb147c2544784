// ThemeSetting.swift: which theme is wanted, and what becomes of it on a terminal with its colours and background.
import Foundation

/// Whether the terminal's own background is dark or light.
public enum TerminalBackground: Hashable, Sendable {
  case dark, light

  /// The background by rxvt's variable COLORFGBG, as "15;0": the last number is one of the first sixteen colours.
  public init?(colorfgbg: String?) {
    guard let last = colorfgbg?.split(separator: ";").last, let color = Int(last), (0..<16).contains(color) else {
      return nil
    }
    self = color == 7 || color > 8 ? .light : .dark
  }

  /// By the components of its colour, 0 to 1 (relative luminance of WCAG 2.1, without its gamma: a half is enough here).
  init(red: Double, green: Double, blue: Double) {
    self = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 ? .light : .dark
  }
}

/// A theme as it was asked for: one of those that are shipped, with the changes of a file.
public struct ThemeSetting: Hashable, Sendable {
  /// The themes that are shipped.
  public enum Base: String, CaseIterable, Sendable {
    /// `dark` or `light`, as the terminal's background is.
    case auto
    case dark, light
    /// Nothing faint; for either background.
    case contrast
    /// The terminal's own sixteen colours; for either background.
    case palette
    /// No colours.
    case none
  }

  /// What `init(named:)` takes, the default first.
  public static let names = Base.allCases.map(\.rawValue)

  /// The theme that is changed.
  public var base: Base
  private var styles: [String: Style] = [:]
  private var senderColors: [Color]?

  public init(_ base: Base = .auto) { self.base = base }

  /// A theme that is shipped; nil when none has that name.
  public init?(named name: String) {
    guard let base = Base(rawValue: name) else { return nil }
    self.init(base)
  }

  /// Sets one part: "warning" to "bold 215 on black".
  public mutating func set(_ part: String, to style: String) throws(Theme.Failure) {
    var theme = Theme.monochrome
    try theme.set(part, to: style)
    if let path = Theme.parts[part] { styles[part] = theme[keyPath: path] }
  }

  /// Replaces the colours of senders' names, as `Theme.setSenderColors`.
  public mutating func setSenderColors(_ names: [String]) throws(Theme.Failure) {
    var theme = Theme.monochrome
    try theme.setSenderColors(names)
    senderColors = theme.senderColors
  }

  /// - Parameters:
  ///   - colors: how many the terminal has; fewer than eight mean none.
  ///   - background: nil when it is not known; then it is taken for dark.
  public func theme(colors: Int, background: TerminalBackground?) -> Theme {
    if colors < 8 { return .monochrome }
    let isBasic = colors < 16
    let isLight = base == .light || (base == .auto && background == .light)
    var theme: Theme =
      switch base {
      case .none: .monochrome
      case .contrast: .contrast(basic: colors < 256)
      case .palette: .palette
      case .auto, .dark, .light:
        if colors >= 256 { isLight ? .light : .dark } else { isLight ? .light(basic: isBasic) : .dark(basic: isBasic) }
      }
    for (part, style) in styles { if let path = Theme.parts[part] { theme[keyPath: path] = style } }
    theme.senderColors = senderColors ?? theme.senderColors
    return theme
  }
}
