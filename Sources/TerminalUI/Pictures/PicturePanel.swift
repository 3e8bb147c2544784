// PicturePanel.swift: room for a picture in the panes' place; the picture itself goes past the cells.

/// A picture that is looked at until a key closes it.
public struct PicturePanel: Hashable, Sendable {
  /// Shown in the last row, beside the keys.
  public var title: String
  /// What the terminal gets, once the panel is painted.
  public var picture: PictureSequences
  /// Cells that it takes, from the top left.
  public var columns: Int
  /// Cells that it takes, from the top left.
  public var rows: Int

  public init(title: String, picture: PictureSequences, columns: Int, rows: Int) {
    self.title = title
    self.picture = picture
    self.columns = columns
    self.rows = rows
  }

  /// How many cells a picture takes, and how many pixels it is to have: it keeps its shape, and is not made larger.
  /// - Parameters:
  ///   - width: of the picture, in pixels.
  ///   - height: of the picture, in pixels.
  ///   - area: columns and rows that are free.
  ///   - cell: one character's pixels.
  public static func fit(
    width: Int, height: Int, area: ScreenSize, cell: (width: Int, height: Int)
  ) -> (cells: ScreenSize, pixels: (width: Int, height: Int)) {
    let room = (width: Double(max(1, area.columns * cell.width)), height: Double(max(1, area.rows * cell.height)))
    let scale = min(1, room.width / Double(max(1, width)), room.height / Double(max(1, height)))
    let pixels = (width: max(1, Int(Double(width) * scale)), height: max(1, Int(Double(height) * scale)))
    let cells = ScreenSize(
      columns: min(area.columns, (pixels.width + cell.width - 1) / cell.width),
      rows: min(area.rows, (pixels.height + cell.height - 1) / cell.height))
    return (cells, pixels)
  }
}

extension ScreenPainter {
  mutating func paint(_ panel: PicturePanel) {
    guard layout.body.count > 1 else { return }
    let last = layout.body.upperBound - 1
    grid.fill(row: last, from: 0, to: grid.size.columns, style: theme.header)
    let text = " \(DisplayText.line(panel.title))  any key goes back"
    grid.write(text.clipped(to: grid.size.columns), row: last, column: 0, style: theme.header)
    grid.cursor = nil
  }
}

extension UserInterface {
  /// Cells that a picture can have.
  public var pictureArea: ScreenSize {
    ScreenSize(columns: size.columns, rows: max(0, ScreenLayout(screen, size: size).body.count - 1))
  }

  /// Row of the picture's first line.
  public var pictureRow: Int { ScreenLayout(screen, size: size).body.lowerBound }

  mutating func closePicture() -> [Intent] {
    screen.picture = nil
    return []
  }
}
