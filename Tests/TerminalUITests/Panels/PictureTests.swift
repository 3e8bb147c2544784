// PictureTests.swift: sizes of pictures by their headers, and what of a decoder's output a terminal gets.
import Foundation
import Testing

@testable import TerminalUI

@Suite struct PictureHeaderTests {
  private static func big(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private static func png(_ width: Int, _ height: Int) -> [UInt8] {
    [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8) + big(width, 4) + big(height, 4)
      + [8, 6, 0, 0, 0]
  }

  /// With a segment before the frame's header, and an orientation.
  private static func jpeg(_ width: Int, _ height: Int, orientation: Int? = nil, bigEndian: Bool = true) -> [UInt8] {
    var bytes: [UInt8] = [0xFF, 0xD8]
    if let orientation {
      func value(_ number: Int, _ count: Int) -> [UInt8] {
        bigEndian ? big(number, count) : big(number, count).reversed()
      }
      let tiff =
        Array((bigEndian ? "MM" : "II").utf8) + value(42, 2) + value(8, 4) + value(1, 2) + value(0x0112, 2)
        + value(3, 2)
        + value(1, 4) + value(orientation, 2) + [0, 0] + value(0, 4)
      let exif = Array("Exif\0\0".utf8) + tiff
      bytes += [0xFF, 0xE1] + big(exif.count + 2, 2) + exif
    }
    bytes +=
      [0xFF, 0xFF, 0xC4, 0, 4, 1, 2] + [0xFF, 0xC2, 0, 11, 8] + big(height, 2) + big(width, 2) + [1, 1, 0x11, 0]
    return bytes
  }

  @Test func eachFormatsSizeIsRead() throws {
    let gif = Array("GIF89a".utf8) + [0x40, 0x01, 0xF0, 0x00, 0]
    let lossy =
      Array("RIFF\0\0\0\0WEBPVP8 ".utf8) + [0, 0, 0, 0, 0, 0, 0, 0x9D, 0x01, 0x2A, 0x20, 0x03, 0x58, 0x02]
    let extended = Array("RIFF\0\0\0\0WEBPVP8X".utf8) + [10, 0, 0, 0, 0, 0, 0, 0, 0x7F, 0x07, 0, 0x37, 0x04, 0]
    let found = [Self.png(640, 480), Self.jpeg(1920, 1080), gif, lossy, extended].map { PictureHeader($0) }
    #expect(found.map { $0?.format } == [.png, .jpeg, .gif, .webp, .webp])
    #expect(found.map { $0?.width } == [640, 1920, 320, 800, 1920])
    #expect(found.map { $0?.height } == [480, 1080, 240, 600, 1080])
  }

  @Test(arguments: [true, false])
  func aTurnedPhotographIsAsHighAsItIsWide(bigEndian: Bool) throws {
    for orientation in 1...8 {
      let header = try #require(PictureHeader(Self.jpeg(4000, 3000, orientation: orientation, bigEndian: bigEndian)))
      #expect(header.width == (orientation >= 5 ? 3000 : 4000))
    }
  }

  @Test func whatIsBrokenOrNoneIsNone() {
    for whole in [Self.png(640, 480), Self.jpeg(640, 480, orientation: 6)] {
      // Every beginning that is too short to hold the size.
      for count in 0..<whole.count - 10 { #expect(PictureHeader(whole.prefix(count)) == nil) }
    }
    #expect(PictureHeader(Self.png(0, 5)) == nil)
    #expect(PictureHeader(Array("<svg xmlns=\"http://www.w3.org/2000/svg\"/>".utf8)) == nil)
    let endless: [UInt8] = [0xFF, 0xD8] + (0..<1000).flatMap { _ in [0xFF, 0xE0, 0, 2] as [UInt8] }
    #expect(PictureHeader(endless) == nil)
  }
}

@Suite struct PictureSequencesTests {
  private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func kittysPictureKeepsItsDataAndAsksForNoAnswer() {
    let made = "\u{1B}_Ga=T,f=32,s=2,v=1,c=4,r=2,m=1\u{1B}\\\u{1B}_Gm=0;/wAA//8AAP8=\u{1B}\\\n"
    #expect(
      PictureSequences(Self.bytes(made), .kitty)?.bytes
        == Self.bytes("\u{1B}_Ga=T,f=32,s=2,v=1,c=4,r=2,m=1,q=2\u{1B}\\\u{1B}_Gm=0;/wAA//8AAP8=\u{1B}\\"))
  }

  @Test func kittyScalesThePictureToItsCells() {
    let made = "\u{1B}_Ga=T,f=24,s=80,v=40,c=99,r=77,m=0;AAAA\u{1B}\\"
    let picture = PictureSequences(Self.bytes(made), .kitty, cells: ScreenSize(columns: 8, rows: 2))
    #expect(picture?.bytes == Self.bytes("\u{1B}_Ga=T,f=24,s=80,v=40,m=0,c=8,r=2,q=2;AAAA\u{1B}\\"))
  }

  @Test(arguments: [
    "\u{1B}_Ga=T,t=f,f=100;L2V0Yy9wYXNzd2Q=\u{1B}\\", "\u{1B}_Ga=T,t=s,f=100;eA==\u{1B}\\", "\u{1B}_Ga=d\u{1B}\\",
    "\u{1B}_Ga=T,f=32;not base64!\u{1B}\\", "\u{1B}_Ga=T,f=32;\u{7}eA==\u{1B}\\", "\u{1B}]52;c;eA==\u{1B}\\", "",
    "\u{1B}_Ga=T,f=32;eA==", "\u{1B}[2J", "\u{1B}_Gf=4294967296000;eA==\u{1B}\\", "\u{1B}_Ga=T,i=99999999999;\u{1B}\\",
  ])
  func whatIsNoPictureOfKittysIsRefused(output: String) {
    #expect(PictureSequences(Self.bytes(output), .kitty) == nil)
  }

  @Test func whatStandsBetweenSequencesIsLeftOut() {
    let made = "\u{1B}[?25l\u{1B}]0;title\u{7}text\u{1B}_Ga=T,f=24;AAAA\u{1B}\\\u{1B}[6n"
    #expect(PictureSequences(Self.bytes(made), .kitty)?.bytes == Self.bytes("\u{1B}_Ga=T,f=24,q=2;AAAA\u{1B}\\"))
  }

  @Test func aSixelPictureTellsItsSize() throws {
    let made = "\u{1B}[?25l\u{1B}P0;1;0q\"1;1;320;120#0;2;0;0;99~~$-!12?\u{1B}\\\n"
    let picture = try #require(PictureSequences(Self.bytes(made), .sixel))
    #expect(picture.bytes == Self.bytes("\u{1B}P0;1;0q\"1;1;320;120#0;2;0;0;99~~$-!12?\u{1B}\\"))
    #expect(picture.pixels?.width == 320)
    #expect(picture.pixels?.height == 120)
  }

  @Test(arguments: [
    "\u{1B}P0;1;0q#0~~\u{1B}\\", "\u{1B}Pq\"1;1;320;120~\u{7}~\u{1B}\\", "\u{1B}Pq\"1;1;0;120~\u{1B}\\",
    "\u{1B}P+q544e\u{1B}\\", "\u{1B}Pq\"1;1;320;120~", "\u{1B}Pq\"1;1;320;99999999999999999999~\u{1B}\\",
  ])
  func whatIsNoSixelPictureIsRefused(output: String) {
    #expect(PictureSequences(Self.bytes(output), .sixel) == nil)
  }
}

@Suite struct PicturePanelTests {
  @Test func aPictureKeepsItsShapeAndIsNotMadeLarger() {
    let area = ScreenSize(columns: 80, rows: 20)
    let large = PicturePanel.fit(width: 4000, height: 3000, area: area, cell: (8, 16))
    #expect(large.pixels == (426, 320))
    #expect(large.cells == ScreenSize(columns: 54, rows: 20))
    let wide = PicturePanel.fit(width: 4000, height: 100, area: area, cell: (8, 16))
    #expect(wide.cells == ScreenSize(columns: 80, rows: 1))
    let small = PicturePanel.fit(width: 16, height: 16, area: area, cell: (8, 16))
    #expect(small.pixels == (16, 16))
    #expect(small.cells == ScreenSize(columns: 2, rows: 1))
  }

  @Test func anyKeyClosesItAndIsNotTyped() throws {
    var interface = Fixtures.interface()
    let picture = try #require(PictureSequences(Array("\u{1B}_Ga=T,f=24;AAAA\u{1B}\\".utf8), .kitty))
    interface.screen.picture = PicturePanel(title: "a\u{1B}[2Jb.png", picture: picture, columns: 4, rows: 2)
    #expect(!interface.showsNewest)
    #expect(interface.grid.lines.contains { $0.contains("any key goes back") })
    #expect(interface.press(.character("x")).isEmpty)
    #expect(interface.screen.picture == nil)
    #expect(interface.screen.input.isEmpty)
  }
}
