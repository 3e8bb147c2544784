// GridRun.swift: neighbouring cells of one style, as they are sent to the terminal.
import CNcurses

struct GridRun: Equatable {
  /// What becomes of clusters whose width terminals disagree on.
  enum Contested {
    /// Spaces of the same width.
    case blank
    /// Runs by themselves.
    case alone
  }

  var column: Int
  var text: String
  var style: Style
  var isContested = false

  static func runs(of cells: ArraySlice<Cell>, contested treatment: Contested) -> [GridRun] {
    var runs: [GridRun] = []
    var isAfterContested = false
    for (column, cell) in cells.enumerated() {
      if cell.text.isEmpty {
        if isAfterContested, treatment == .blank { runs[runs.count - 1].text += " " }
        continue
      }
      let isContested = ClusterWidth.isContested(cell.text)
      let text = isContested && treatment == .blank ? " " : cell.text
      let standsAlone = treatment == .alone && (isContested || isAfterContested)
      if let last = runs.last, last.style == cell.style, !standsAlone {
        runs[runs.count - 1].text += text
      } else {
        runs.append(GridRun(column: column, text: text, style: cell.style, isContested: isContested))
      }
      isAfterContested = isContested
    }
    return runs
  }

  /// Calls `body` with text, attributes, foreground and background as CNcurses takes them.
  func withArguments(_ body: (UnsafePointer<CChar>, Int32, Int32, Int32) -> Void) {
    var attributes = 0
    if style.isBold { attributes |= CNCURSES_BOLD }
    if style.isDim { attributes |= CNCURSES_DIM }
    if style.isUnderlined { attributes |= CNCURSES_UNDERLINE }
    if style.isReversed { attributes |= CNCURSES_REVERSE }
    let colors = Int(cncurses_colors())
    let foreground = style.foreground?.reduced(to: colors) ?? -1
    let background = style.background?.reduced(to: colors) ?? -1
    text.withCString { body($0, Int32(attributes), Int32(foreground), Int32(background)) }
  }
}
