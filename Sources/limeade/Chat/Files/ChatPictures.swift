// ChatPictures.swift: /picture: a saved picture of the room on the screen, where the terminal shows pictures.
import ChatCore
import Foundation
import TerminalUI

extension ChatScreen {
  /// How long the terminal may take to say what it can.
  private static let queryPatience: Duration = .seconds(1)
  /// Where the terminal does not tell a character's size, and only its shape counts.
  private static let usualCell = (width: 8, height: 16)

  /// `/picture [NAME]`: of the chosen message, the newest, or one whose name begins so.
  func showPicture(named name: String?) async {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let entries = await chosenOrRecentEntries(of: room)
    let wanted = name?.lowercased() ?? ""
    let files = entries.reversed().flatMap(\.message.files).filter { file in
      file.name.lowercased().hasPrefix(wanted) && (name != nil || file.contentType.hasPrefix("image/"))
    }
    guard let file = files.first else {
      return complain(name.map { "no file in this room begins with '\($0)'" } ?? "there is no picture to show")
    }
    guard let path = file.path, file.state != .offered else {
      return complain("\(SafeLine.text(file.name)) is not here yet: Alt-o saves it, then Alt-v shows it")
    }
    await show(picture: path, size: file.size)
  }

  private func show(picture path: String, size: Int?) async {
    let header: PictureHeader
    do { header = try PictureDecoder.header(of: path) } catch { return complain(ExitStatus.text(of: error)) }
    let name = SafeLine.text(URL(fileURLWithPath: path).lastPathComponent)
    let title = "\(name), \(header.width)×\(header.height)" + (size.map { ", " + FileText.size($0) } ?? "")
    func instead(_ why: String) { note("\(title); \(why), /open opens it") }
    guard configuration.showsImages else { return instead("pictures are switched off") }
    guard let form = await terminal.pictureProtocol(within: Self.queryPatience) else {
      return instead("this terminal shows no pictures")
    }
    guard PictureDecoder.isThere else {
      return complain("pictures are shown with chafa: install the package chafa, or /open \(name)")
    }
    let cell = terminal.cellPixels ?? Self.usualCell
    let fit = PicturePanel.fit(width: header.width, height: header.height, area: interface.pictureArea, cell: cell)
    guard fit.cells.rows > 0, fit.cells.columns > 0 else { return instead("there is no room for it") }
    let opened = (interface.screen.openRoom, interface.size)
    inBackground {
      let picture = try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<PictureSequences, any Error>) in
        DispatchQueue.global().async {
          continuation.resume(
            with: Result { try PictureDecoder.picture(of: path, form, pixels: fit.pixels, cells: fit.cells) })
        }
      }
      await self.show(
        PicturePanel(title: title, picture: picture, columns: fit.cells.columns, rows: fit.cells.rows), if: opened)
    }
  }

  /// Unless the user has gone on meanwhile.
  private func show(_ panel: PicturePanel, if opened: (RoomRow.ID?, ScreenSize)) {
    guard opened == (interface.screen.openRoom, interface.size), !interface.screen.hasPanel else { return }
    interface.screen.picture = panel
    paintSoon()
  }
}
