// CellGrid.swift: a screen as values: rows of cells, and where the cursor rests.

/// A terminal's size in character cells.
public struct ScreenSize: Hashable, Sendable {
  /// Cells in a row, 0 or more.
  public var columns: Int
  /// Rows of the screen, 0 or more.
  public var rows: Int

  /// Negative sizes count as 0.
  public init(columns: Int, rows: Int) {
    self.columns = max(0, columns)
    self.rows = max(0, rows)
  }
}

/// One column of one row.
public struct Cell: Hashable, Sendable {
  /// One printable grapheme cluster; empty for the columns after the first of a wide cluster.
  public var text: String
  /// The look of the cluster, and of the blank behind it.
  public var style: Style

  /// A space without any style.
  public static let blank = Cell(text: " ", style: .plain)
}

/// Columns of a row by which the terminal leads to a page.
public struct CellLink: Hashable, Sendable {
  /// Neighbours, never empty.
  public var columns: Range<Int>
  /// Printable ASCII without blanks, as `WebLink.target`.
  public var target: String
}

/// What is to be seen on the whole screen, row by row; compared to find out which rows have to be painted.
public struct CellGrid: Equatable, Sendable {
  /// A cell's place.
  public struct Position: Hashable, Sendable {
    /// From 0, at the top.
    public var row: Int
    /// From 0, at the left.
    public var column: Int
  }

  /// Fixed for a grid; another size needs another grid.
  public let size: ScreenSize
  /// Where the cursor rests; nil hides it.
  public var cursor: Position?
  private var cells: [Cell]
  /// By row: few rows have any.
  private var links: [Int: [CellLink]] = [:]

  /// All blank, the cursor hidden.
  public init(size: ScreenSize) {
    self.size = size
    cells = Array(repeating: .blank, count: size.rows * size.columns)
  }

  /// The cells of a row from left to right, `size.columns` of them; none for a row that is not on the screen.
  public func cells(inRow row: Int) -> ArraySlice<Cell> {
    guard (0..<size.rows).contains(row) else { return [] }
    return cells[row * size.columns..<(row + 1) * size.columns]
  }

  /// From left to right; most rows have none.
  public func links(inRow row: Int) -> [CellLink] { links[row] ?? [] }

  /// The row as text, without the blanks at its end.
  public func text(inRow row: Int) -> String {
    var text = cells(inRow: row).map(\.text).joined()
    while text.last == " " { text.removeLast() }
    return text
  }

  /// Every row as `text(inRow:)` has it, from the top.
  public var lines: [String] { (0..<size.rows).map(text(inRow:)) }

  /// Writes clusters from `column` on and stops before `end`; a wide cluster that does not fit is left out whole.
  /// Whatever `text` holds, only printable clusters reach the grid. `link` is where they lead. Returns the column after the last one written.
  @discardableResult
  mutating func write(
    _ text: String, row: Int, column: Int, end: Int? = nil, style: Style = .plain, link: String? = nil
  ) -> Int {
    let end = min(end ?? size.columns, size.columns)
    guard (0..<size.rows).contains(row), column >= 0 else { return column }
    let first = column
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
    if first < column { setLink(link, row: row, columns: first..<column) }
    return column
  }

  /// What is written over a link is none any more.
  private mutating func setLink(_ target: String?, row: Int, columns: Range<Int>) {
    links[row]?.removeAll { $0.columns.overlaps(columns) }
    if let target { links[row, default: []].append(CellLink(columns: columns, target: target)) }
    if links[row]?.isEmpty == true { links[row] = nil }
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
    let first = max(0, column)
    let next = write(text, row: row, column: first, end: end, style: style)
    guard next > first else { return }
    let end = min(end, size.columns)
    guard next == first + 1 else {
      if next < end { fill(row: row, from: next, to: end, with: text, style: style) }
      return
    }
    guard next < end else { return }
    // What was written first is repeated, without looking at it again.
    clearCutClusters(row: row, columns: first..<end)
    let start = row * size.columns
    let cell = cells[start + first]
    for index in start + next..<start + end { cells[index] = cell }
    setLink(nil, row: row, columns: next..<end)
  }
}
