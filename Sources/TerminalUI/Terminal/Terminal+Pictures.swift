// Terminal+Pictures.swift: whether the terminal shows pictures, and a picture on its screen (kitty graphics, sixels).
import CNcurses
import Foundation

extension Terminal {
  /// A character's pixels; nil where the terminal does not tell.
  public var cellPixels: (width: Int, height: Int)? {
    var width: Int32 = 0
    var height: Int32 = 0
    return cncurses_cell_size(&width, &height) == 0 ? (Int(width), Int(height)) : nil
  }

  /// Which pictures the terminal shows, as it says itself; it is asked once.
  /// - Parameter time: how long it may take; a later answer counts for the next call.
  public func pictureProtocol(within time: Duration) async -> PictureProtocol? {
    guard let reader, cncurses_can_ask() != 0 else { return nil }
    if let known = reader.pictures { return known }
    let name = ProcessInfo.processInfo.environment["TERM"] ?? ""
    // These take kitty's question for a title, or show it.
    let isMultiplexer = name.hasPrefix("tmux") || name.hasPrefix("screen")
    reader.awaitPictures()
    cncurses_ask_pictures(isMultiplexer ? 0 : 1)
    let deadline = ContinuousClock.now + time
    while ContinuousClock.now < deadline {
      if let answer = reader.pictures { return answer }
      try? await Task.sleep(for: .milliseconds(5))
    }
    return nil
  }

  /// Puts a picture over the cells that were painted there.
  public func show(_ picture: PictureSequences, row: Int, column: Int) {
    guard reader != nil else { return }
    picture.bytes.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return }
      cncurses_picture(Int32(clamping: row), Int32(clamping: column), start, bytes.count)
    }
  }

  /// Takes all pictures away, and the next `paint` sends everything.
  public func removePictures() {
    if case .some(.some(.kitty)) = reader?.pictures { send("\u{1B}_Ga=d,d=A,q=2\u{1B}\\") }
    repaint()
  }
}
