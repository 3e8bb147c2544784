// ScreenPicture.swift: a terminal's cells with their colours, read from what tmux captures, and written as an SVG picture
import Foundation
import TestSupport

/// Rows of cells as a terminal shows them: the text of each and its look.
struct ScreenPicture: Equatable {
  struct Look: Equatable {
    /// As "#rrggbb"; nil is the terminal's own.
    var foreground: String?
    var background: String?
    var isBold = false
    var isDim = false
    var isUnderlined = false
    var isReversed = false
  }

  struct Cell: Equatable {
    var text: String
    var look: Look
    /// 2 for a wide character.
    var columns = 1
  }

  /// The colours of a terminal.
  struct Palette {
    var foreground: String
    var background: String
    var sixteen: [String]

    static let dark = Palette(
      foreground: "#d8dee9", background: "#16181d",
      sixteen: [
        "#16181d", "#e0605e", "#8fbf7f", "#d8b062", "#6c9fd8", "#b48ead", "#6fb3b8", "#d8dee9",
        "#5c6370", "#ff7b78", "#a8d898", "#f0c878", "#8cb8f0", "#cba8c4", "#8fd0d4", "#f4f6f8",
      ])
  }

  let columns: Int
  var rows: [[Cell]]

  /// - Parameter captured: lines of `tmux capture-pane -e -p`.
  init(captured: [String], columns: Int, palette: Palette = .dark) {
    self.columns = columns
    var look = Look()
    rows = captured.map { Self.cells(of: $0, look: &look, palette) }
  }

  var text: [String] { rows.map { $0.map(\.text).joined() } }

  // MARK: Reading

  private static func cells(of line: String, look: inout Look, _ palette: Palette) -> [Cell] {
    var cells: [Cell] = []
    var rest = line[...]
    while let character = rest.first {
      rest.removeFirst()
      guard character == "\u{1B}" else {
        cells.append(Cell(text: String(character), look: look, columns: width(character)))
        continue
      }
      let kind = rest.first
      if kind != nil { rest.removeFirst() }
      switch kind {
      case "[":
        let sequence = rest.prefix { !$0.isLetter }
        rest = rest.dropFirst(sequence.count)
        if rest.first == "m" { apply(sequence.split(separator: ";").map { Int($0) ?? 0 }, to: &look, palette) }
        rest = rest.dropFirst()
      case "]":
        // A link: to its end.
        while let next = rest.first, next != "\u{7}", next != "\\" { rest.removeFirst() }
        rest = rest.dropFirst()
      default: break
      }
    }
    return cells
  }

  private static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 1 }
    return scalar.properties.isEmojiPresentation || (0x2E80...0x9FFF).contains(scalar.value) ? 2 : 1
  }

  private static func apply(_ numbers: [Int], to look: inout Look, _ palette: Palette) {
    var numbers = numbers[...]
    if numbers.isEmpty { look = Look() }
    while let number = numbers.popFirst() {
      switch number {
      case 0: look = Look()
      case 1: look.isBold = true
      case 2: look.isDim = true
      case 4: look.isUnderlined = true
      case 7: look.isReversed = true
      case 22: (look.isBold, look.isDim) = (false, false)
      case 24: look.isUnderlined = false
      case 27: look.isReversed = false
      case 30...37: look.foreground = palette.sixteen[number - 30]
      case 90...97: look.foreground = palette.sixteen[number - 82]
      case 39: look.foreground = nil
      case 40...47: look.background = palette.sixteen[number - 40]
      case 100...107: look.background = palette.sixteen[number - 92]
      case 49: look.background = nil
      case 38, 48:
        guard numbers.popFirst() == 5, let index = numbers.popFirst() else { return }
        let color = color(index, palette)
        if number == 38 { look.foreground = color } else { look.background = color }
      default: break
      }
    }
  }

  private static func color(_ index: Int, _ palette: Palette) -> String {
    if palette.sixteen.indices.contains(index) { return palette.sixteen[index] }
    func hex(_ red: Int, _ green: Int, _ blue: Int) -> String {
      "#" + [red, green, blue].map { String($0 + 256, radix: 16).suffix(2) }.joined()
    }
    if index >= 232 {
      let grey = 8 + 10 * (index - 232)
      return hex(grey, grey, grey)
    }
    let levels = [0, 95, 135, 175, 215, 255]
    return hex(levels[(index - 16) / 36 % 6], levels[(index - 16) / 6 % 6], levels[(index - 16) % 6])
  }

  // MARK: Writing

  /// The picture: a rectangle for each stretch of a background, a text for each stretch of one look.
  func svg(title: String, palette: Palette = .dark) -> String {
    let (width, height, margin) = (8.4, 19.0, 12.0)
    func number(_ value: Double) -> String { String(format: "%g", (value * 10).rounded() / 10) }
    var lines = [
      """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(Double(columns) * width + 2 * margin)) \
      \(number(Double(rows.count) * height + 2 * margin))" font-family="'DejaVu Sans Mono', 'Liberation Mono', Menlo, \
      Consolas, monospace" font-size="14">
      """,
      "<title>\(Self.escaped(title))</title>",
      "<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"\(palette.background)\"/>",
    ]
    for (row, cells) in rows.enumerated() {
      var column = 0
      let top = margin + Double(row) * height
      var texts: [String] = []
      for run in Self.runs(of: cells) {
        let (look, span) = (run.look, run.columns)
        var (foreground, background) = (look.foreground ?? palette.foreground, look.background)
        if look.isReversed { (foreground, background) = (background ?? palette.background, foreground) }
        let left = number(margin + Double(column) * width)
        if let background {
          lines.append(
            "<rect x=\"\(left)\" y=\"\(number(top))\" width=\"\(number(Double(span) * width))\" "
              + "height=\"\(number(height))\" fill=\"\(background)\"/>")
        }
        if run.text.contains(where: { $0 != " " }) {
          // The length keeps the columns whatever font is there.
          texts.append(
            "<text x=\"\(left)\" y=\"\(number(top + 14))\" textLength=\"\(number(Double(span) * width))\" "
              + "lengthAdjust=\"spacingAndGlyphs\" fill=\"\(foreground)\" xml:space=\"preserve\""
              + (look.isBold ? " font-weight=\"bold\"" : "") + (look.isDim ? " opacity=\"0.6\"" : "")
              + (look.isUnderlined ? " text-decoration=\"underline\"" : "") + ">\(Self.escaped(run.text))</text>")
        }
        column += span
      }
      lines += texts
    }
    return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  /// Neighbouring cells of one look; wide characters and blanks between words stand alone, so that each stretch begins
  /// in its column.
  private static func runs(of cells: [Cell]) -> [Cell] {
    var runs: [Cell] = []
    for cell in cells {
      if let last = runs.last, last.look == cell.look, cell.columns == 1, last.text.count == last.columns {
        runs[runs.count - 1].text += cell.text
        runs[runs.count - 1].columns += 1
      } else {
        runs.append(cell)
      }
    }
    return runs
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
