// CellGridTests.swift: writing to the grid, widths, runs and colours.
import Testing

@testable import TerminalUI

@Suite struct CellGridTests {
  @Test(
    arguments: [
      ("a", 1), ("é", 1), ("e\u{301}", 1), ("日", 2), ("한", 2), ("ｱ", 1), ("Ａ", 2), ("👍", 2), ("👍🏽", 2),
      ("👨‍👩‍👧‍👦", 2),
      ("🇫🇷", 2), ("❤️", 2), ("❤", 1), ("1️⃣", 2), ("\u{301}", 0), ("\u{1B}", 1), ("…", 1),
      ("\u{1100}\u{1161}\u{11A8}", 2),
    ] as [(Character, Int)])
  func clusterWidths(cluster: Character, columns: Int) {
    #expect(ClusterWidth.columns(of: cluster) == columns)
  }

  @Test(arguments: ["👍🏽", "👨‍👩‍👧", "🇫🇷", "❤️", "1️⃣"])
  func joinedClustersAreContested(cluster: String) {
    #expect(ClusterWidth.isContested(cluster))
  }

  @Test(arguments: ["a", "é", "e\u{301}", "日", "👍", "…", "ß", " ", ""])
  func ordinaryClustersAreNot(cluster: String) {
    #expect(!ClusterWidth.isContested(cluster))
  }

  @Test func aWideClusterThatDoesNotFitIsLeftOut() {
    var grid = CellGrid(size: ScreenSize(columns: 4, rows: 1))
    #expect(grid.write("a日本", row: 0, column: 0) == 3)
    #expect(grid.cells(inRow: 0).map(\.text) == ["a", "日", "", " "])
  }

  @Test func overwritingHalfAWideClusterBlanksTheOther() {
    var grid = CellGrid(size: ScreenSize(columns: 5, rows: 1))
    grid.write("日本", row: 0, column: 0)
    grid.write("x", row: 0, column: 1)
    #expect(grid.cells(inRow: 0).map(\.text) == [" ", "x", "本", "", " "])
    grid.write("y", row: 0, column: 2)
    #expect(grid.cells(inRow: 0).map(\.text) == [" ", "x", "y", " ", " "])
  }

  @Test func writingOutsideTheGridDoesNothing() {
    var grid = CellGrid(size: ScreenSize(columns: 3, rows: 1))
    let before = grid
    grid.write("x", row: 1, column: 0)
    grid.write("x", row: -1, column: 0)
    grid.write("x", row: 0, column: 3)
    grid.write("x", row: 0, column: -1)
    #expect(grid == before)
    #expect(grid.cells(inRow: 7).isEmpty)
  }

  @Test func runsJoinCellsOfOneStyle() {
    var grid = CellGrid(size: ScreenSize(columns: 8, rows: 1))
    let bold = Style(bold: true)
    grid.write("ab", row: 0, column: 0, style: bold)
    grid.write("日c", row: 0, column: 2)
    #expect(
      GridRun.runs(of: grid.cells(inRow: 0), contested: .blank) == [
        GridRun(column: 0, text: "ab", style: bold), GridRun(column: 2, text: "日c   ", style: .plain),
      ])
  }

  @Test func whatFollowsAContestedClusterIsARunOfItsOwn() {
    var grid = CellGrid(size: ScreenSize(columns: 7, rows: 1))
    grid.write("a👍🏽🇫🇷b", row: 0, column: 0)
    let cells = grid.cells(inRow: 0)
    #expect(GridRun.runs(of: cells, contested: .blank) == [GridRun(column: 0, text: "a    b ", style: .plain)])
    #expect(
      GridRun.runs(of: cells, contested: .alone) == [
        GridRun(column: 0, text: "a", style: .plain),
        GridRun(column: 1, text: "👍🏽", style: .plain, isContested: true),
        GridRun(column: 3, text: "🇫🇷", style: .plain, isContested: true),
        GridRun(column: 5, text: "b ", style: .plain),
      ])
  }

  @Test(arguments: [(203, 1), (114, 2), (75, 6), (231, 7), (16, 0), (236, 0), (252, 7), (240, 7), (9, 1), (3, 3)])
  func coloursHaveARelativeAmongEight(index: UInt8, expected: Int) {
    #expect(Color(index).reduced(to: 256) == Int(index))
    #expect(Color(index).reduced(to: 8) == expected)
    #expect(Color(index).reduced(to: 0) == nil)
  }
}

@Suite struct FillTests {
  @Test func aRowIsFilledBetweenItsEdgesWithWholeClusters() {
    for (text, expected) in [("─", "a────f"), ("日", "a日日f"), (" ", "a    f")] {
      var grid = CellGrid(size: ScreenSize(columns: 6, rows: 1))
      grid.write("abcdef", row: 0, column: 0, link: "https://example.org/")
      grid.fill(row: 0, from: 1, to: 5, with: text, style: .plain)
      #expect(grid.text(inRow: 0) == expected)
      #expect(grid.links(inRow: 0).isEmpty)
    }
    var grid = CellGrid(size: ScreenSize(columns: 6, rows: 1))
    grid.write("日本語", row: 0, column: 0)
    grid.fill(row: 0, from: 1, to: 5, with: "─", style: .plain)
    #expect(grid.cells(inRow: 0).map(\.text) == [" ", "─", "─", "─", "─", " "])
    grid.fill(row: 0, from: 4, to: 99, with: "x", style: .plain)
    grid.fill(row: 0, from: 5, to: 5, with: "y", style: .plain)
    grid.fill(row: 3, from: 0, to: 2, with: "y", style: .plain)
    #expect(grid.text(inRow: 0) == " ───xx")
  }

  @Test func linesAreOneColumnAndNothingElseIsTakenForThem() {
    for line: Character in ["─", "│", "╿", "▌", "━"] { #expect(ClusterWidth.columns(of: line) == 1) }
    #expect(
      !ClusterWidth.isLine("◇".utf8) && !ClusterWidth.isLine("─\u{301}".utf8)
        && !ClusterWidth.isLine("─".utf8.prefix(2)))
    #expect(ClusterWidth.isLine("─".utf8))
  }
}
