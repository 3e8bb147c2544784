// RoomSetCommand.swift: limeade room set: what a room is told of reading and writing, by this account's wish alone.
import AccountService
import ArgumentParser
import ChatCore
import Foundation

extension RoomCommand {
  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a room is told of messages that came and of writing, and what of it is announced.",
      discussion: """
        limeade room set Ops --receipts none --typing off --notify mentions

        Receipts tell the senders that their messages were delivered and displayed. 'account' takes the room's own \
        setting away: the account's is good then.
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Option(help: "all, delivered (not whether they were displayed), none, or account.") var receipts: String?
    @Option(help: "Whether others see that you are writing: on, off, or account.") var typing: String?
    @Option(help: "What the chat announces: all, mentions, none, or account.") var notify: String?

    func validate() throws {
      guard receipts != nil || typing != nil || notify != nil else {
        throw ValidationError("nothing to set: --receipts, --typing or --notify")
      }
      do { try SetRoomNotices(room, receipts: receipts, typing: typing, notify: notify).check() } catch {
        throw ValidationError(ExitStatus.text(of: error))
      }
    }

    func run() async throws {
      var account = try options.accountConfiguration(withPassword: false)
      account = await (try options.store(for: account, exclusive: false)).settled(account)
      let wish = SetRoomNotices(room, receipts: receipts, typing: typing, notify: notify)
      let room = try await options.withAccount { session in
        _ = try await session.perform(wish)
        return try await session.perform(ShowRoom(wish.room)).summary.room
      }
      if options.json {
        var fields: [String: Any] = [
          "event": "room", "room": room.address, "receipts": room.receipts(in: account).rawValue,
          "typing": room.typing(in: account),
        ]
        fields["notify"] = room.notify?.rawValue
        Output.line(JSONLine.string(fields))
      } else {
        RoomNoticeLines.all(room, account).forEach(Output.line)
      }
    }
  }
}
