// Style.swift: how a cell looks: attributes and palette colours.

/// A colour of the 256-colour palette; terminals with 8 colours get its nearest relative.
public struct Color: Hashable, Sendable {
  public let index: UInt8

  public init(_ index: UInt8) { self.index = index }

  /// The palette index for a terminal with `colors` colours, or nil when it has none.
  public func reduced(to colors: Int) -> Int? {
    if colors > Int(index) { return Int(index) }
    if colors < 8 { return nil }
    if index < 16 { return Int(index) % 8 }
    if index >= 232 { return index < 240 ? 0 : 7 }
    // The 6x6x6 cube: each component above its middle sets one bit of the basic eight (red 1, green 2, blue 4).
    let cube = Int(index) - 16
    let (red, green, blue) = (cube / 36, cube / 6 % 6, cube % 6)
    let strongest = max(red, green, blue)
    if strongest == 0 { return 0 }
    func bit(_ component: Int, _ value: Int) -> Int { component * 2 > strongest ? value : 0 }
    return bit(red, 1) | bit(green, 2) | bit(blue, 4)
  }
}

public struct Style: Hashable, Sendable {
  public var foreground: Color?
  public var background: Color?
  public var isBold: Bool
  public var isDim: Bool
  public var isUnderlined: Bool
  public var isReversed: Bool

  public init(
    foreground: Color? = nil, background: Color? = nil, bold: Bool = false, dim: Bool = false,
    underlined: Bool = false, reversed: Bool = false
  ) {
    self.foreground = foreground
    self.background = background
    isBold = bold
    isDim = dim
    isUnderlined = underlined
    isReversed = reversed
  }

  public static let plain = Style()
}
