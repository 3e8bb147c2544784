// Style.swift: how a cell looks: attributes and palette colours.

/// A colour of the 256-colour palette; terminals with 8 colours get its nearest relative.
public struct Color: Hashable, Sendable {
  /// 0 to 15 are the terminal's own colours, 16 to 231 the cube, 232 to 255 greys.
  public let index: UInt8

  public init(_ index: UInt8) { self.index = index }

  /// The palette index for a terminal with `colors` colours, or nil when it has none.
  public func reduced(to colors: Int) -> Int? {
    if colors > Int(index) { return Int(index) }
    if colors < 8 { return nil }
    if index < 16 { return Int(index) % 8 }
    if colors >= 16 {
      let (red, green, blue) = components
      // The nearest by the eye's weights, of xterm's first sixteen.
      func distance(_ other: Int) -> Int {
        let (otherRed, otherGreen, otherBlue) = Color(UInt8(other)).components
        let (red, green, blue) = (red - otherRed, green - otherGreen, blue - otherBlue)
        return 3 * red * red + 6 * green * green + blue * blue
      }
      return (0..<16).min { distance($0) < distance($1) }
    }
    if index >= 232 { return index < 240 ? 0 : 7 }
    // The 6x6x6 cube: each component above its middle sets one bit of the basic eight (red 1, green 2, blue 4).
    let cube = Int(index) - 16
    let (red, green, blue) = (cube / 36, cube / 6 % 6, cube % 6)
    let strongest = max(red, green, blue)
    if strongest == 0 { return 0 }
    func bit(_ component: Int, _ value: Int) -> Int { component * 2 > strongest ? value : 0 }
    return bit(red, 1) | bit(green, 2) | bit(blue, 4)
  }

  /// Red, green and blue, 0 to 255, as xterm has them; the first sixteen are often others.
  var components: (red: Int, green: Int, blue: Int) {
    let number = Int(index)
    if number >= 232 {
      let grey = 8 + 10 * (number - 232)
      return (grey, grey, grey)
    }
    if number >= 16 {
      let levels = [0, 95, 135, 175, 215, 255]
      let cube = number - 16
      return (levels[cube / 36], levels[cube / 6 % 6], levels[cube % 6])
    }
    let (strong, bright) = (number == 4 ? 238 : 205, number & 8 != 0)
    switch number {
    case 7: return (229, 229, 229)
    case 8: return (127, 127, 127)
    case 12: return (92, 92, 255)
    default:
      func component(_ bit: Int) -> Int { number & bit == 0 ? 0 : bright ? 255 : strong }
      return (component(1), component(2), component(4))
    }
  }
}

/// Colours and attributes of a cell.
public struct Style: Hashable, Sendable {
  /// nil: the terminal's own.
  public var foreground: Color?
  /// nil: the terminal's own.
  public var background: Color?
  /// Bright on some terminals.
  public var isBold: Bool
  /// Left out by terminals that do not know it.
  public var isDim: Bool
  /// Under the whole cell, blanks too.
  public var isUnderlined: Bool
  /// Foreground and background exchanged.
  public var isReversed: Bool

  /// Without arguments the same as `plain`.
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

  /// The terminal's own colours and no attribute.
  public static let plain = Style()
}
