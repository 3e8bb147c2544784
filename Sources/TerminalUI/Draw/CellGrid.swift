// CellGrid.swift: a screen as values: rows of cells, and where the cursor rests.

public struct ScreenSize: Hashable, Sendable {
  public var columns: Int
  public var rows: Int

  /// Negative sizes count as 0.
  public init(columns: Int, rows: Int) {
    self.columns = max(0, columns)
    self.rows = max(0, rows)
  }
}

public struct Cell: Hashable, Sendable {
  /// One printable grapheme cluster; empty for the columns after the first of a wide cluster.
  public var text: String
  public var style: Style

  public static let blank = Cell(text: " ", style: .plain)
}

public struct CellGrid: Equatable, Sendable {
  public struct Position: Hashable, Sendable {
    public var row: Int
    public var column: Int
  }

  public let size: ScreenSize
  /// Where the cursor rests; nil hides it.
  public var cursor: Position?
  private var cells: [Cell]

  public init(size: ScreenSize) {
    self.size = size
    cells = Array(repeating: .blank, count: size.rows * size.columns)
  }

  public func cells(inRow row: Int) -> ArraySlice<Cell> {
    guard (0..<size.rows).contains(row) else { return [] }
    return cells[row * size.columns..<(row + 1) * size.columns]
  }

  /// The row as text, without the blanks at its end.
  public func text(inRow row: Int) -> String {
    var text = cells(inRow: row).map(\.text).joined()
    while text.last == " " { text.removeLast() }
    return text
  }

  public var lines: [String] { (0..<size.rows).map(text(inRow:)) }

  /// Writes clusters from `column` on and stops before `end`; a wide cluster that does not fit is left out whole.
  /// Whatever `text` holds, only printable clusters reach the grid. Returns the column after the last one written.
  @discardableResult
  mutating func write(_ text: String, row: Int, column: Int, end: Int? = nil, style: Style = .plain) -> Int {
    let end = min(end ?? size.columns, size.columns)
    guard (0..<size.rows).contains(row), column >= 0 else { return column }
    var column = column
    for cluster in text {
      let printable = DisplayText.cluster(cluster)
      let width = cluster.isASCII ? 1 : ClusterWidth.columns(of: printable)
      guard column + width <= end else { break }
      guard width > 0 else { continue }
      let start = row * size.columns + column
      clearCutClusters(row: row, columns: column..<column + width)
      cells[start] = Cell(text: printable, style: style)
      for rest in start + 1..<start + width { cells[rest] = Cell(text: "", style: style) }
      column += width
    }
    return column
  }

  /// Blanks the wide clusters that a write to `columns` would leave without their other half.
  private mutating func clearCutClusters(row: Int, columns: Range<Int>) {
    let base = row * size.columns
    var left = columns.lowerBound
    while left > 0, cells[base + left].text.isEmpty { left -= 1 }
    for column in left..<columns.lowerBound { cells[base + column] = .blank }
    var right = columns.upperBound
    while right < size.columns, cells[base + right].text.isEmpty {
      cells[base + right] = .blank
      right += 1
    }
  }

  mutating func fill(row: Int, from column: Int, to end: Int, with text: String = " ", style: Style) {
    var column = column
    while column < end {
      let next = write(text, row: row, column: column, end: end, style: style)
      if next == column { break }
      column = next
    }
  }
}
