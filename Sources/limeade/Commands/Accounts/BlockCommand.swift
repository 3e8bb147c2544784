// BlockCommand.swift: limeade block: people whose messages are kept and not shown, on this device.
import AccountService
import ArgumentParser
import ChatCore
import Foundation

struct BlockCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "block", abstract: "Show nothing of somebody, tell them nothing, and list who is blocked.",
    discussion: """
      limeade block sip:mallory@sip.example.org
      limeade block --undo mallory
      limeade block                              who is blocked

      Their messages are kept, count as read and get no receipts; the chat and 'limeade history' show that there was \
      one. Nobody is told. Other members of a room see them as before, and so do your other devices.
      """)

  @OptionGroup var options: GlobalOptions
  @Argument(help: "SIP addresses; NAME means one of your own domain.") var addresses: [String] = []
  @Flag(help: "Take the block back: what was kept is shown.") var undo = false

  func validate() throws {
    guard !undo || !addresses.isEmpty else { throw ValidationError("--undo needs an address") }
  }

  func run() async throws {
    var blocked = try await options.perform(ListBlocked())
    for address in addresses {
      blocked =
        undo
        ? try await options.perform(UnblockAddress(address)) : try await options.perform(BlockAddress(address))
    }
    for address in blocked {
      Output.line(options.json ? JSONLine.string(["event": "blocked", "address": address]) : address)
    }
  }
}
