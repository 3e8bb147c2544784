// ChatSlashCommands.swift: what the commands of the chat's input line do.
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

enum ChatSlashCommands {
  /// The commands of the terminal UI that this program carries out.
  static let table = CommandTable(
    CommandTable.standard.commands.filter {
      ["help", "join", "create", "invite", "remove", "admin", "leave", "rename", "members", "info", "verify", "trust",
        "distrust", "quit"]
        .contains($0.name)
    })
}

extension ChatScreen {
  func run(_ call: CommandCall) async {
    switch call.name {
    case "help":
      for line in interface.commands.help(for: call.arguments.first) { note(line) }
      if call.arguments.isEmpty { for line in Keymap.help { note(line) } }
    case "join": startChat(with: call.arguments[0])
    case "create": create(named: call.arguments[0], addresses: Array(call.arguments.dropFirst()))
    case "info": await info()
    case "verify": await verify(call.arguments[0])
    case "trust", "distrust": await changeTrust(call)
    default: change(call)
    }
  }

  private func create(named name: String, addresses: [String]) {
    let client = client
    do {
      let members = try addresses.map(address)
      let progress = note("making the room \(name)…")
      inBackground {
        let room: RoomSummary
        do { room = try await client.createRoom(named: name, members: members) } catch {
          await self.withdraw(progress)
          throw error
        }
        await self.withdraw(progress)
        await self.reloadRooms()
        await self.open(room.room.address)
        await self.paintSoon()
      }
    } catch { complain(ExitStatus.text(of: error)) }
  }

  /// Commands that change the open room.
  private func change(_ call: CommandCall) {
    guard let room = openRoom?.room.address else { return complain("no room is open: /join ROOM") }
    let client = client
    do {
      switch call.name {
      case "leave": inBackground { try await client.leave(room) }
      case "rename":
        let name = call.arguments.joined(separator: " ")
        inBackground { try await client.rename(room, to: name) }
      case "invite", "remove", "admin":
        let members = try call.arguments.map(address)
        inBackground {
          for member in members {
            switch call.name {
            case "invite": try await client.invite(member, to: room)
            case "remove": try await client.remove(member, from: room)
            default: try await client.makeAdmin(member, in: room)
            }
          }
        }
      default: complain("no command /\(call.name)")
      }
    } catch { complain(ExitStatus.text(of: error)) }
  }

  private func info() async {
    guard let summary = openRoom else { return complain("no room is open: /join ROOM") }
    note("address \(summary.room.address)")
    note(summary.room.isEncrypted ? "end-to-end encrypted (LIME)" : "not encrypted")
    let devices = (try? await client.store.devices(room: summary.room.address)) ?? []
    for member in summary.participants {
      note("\(member.address)\(member.isAdmin ? ", admin" : "")")
      for device in devices where device.participant == member.address { note("  device \(device.gruu)") }
    }
    guard let last = try? await client.store.history(room: summary.room.address, limit: 1).last else { return }
    let device = last.message.senderDevice.map { " from device \($0)" } ?? ""
    note("last message \(last.message.messageID)\(device)")
    for delivery in last.deliveries { note("  \(delivery.state.rawValue) \(delivery.participant)") }
  }

  private func verify(_ address: String) async {
    await attempt {
      let lines = VerificationLines.all(try await self.client.verification(of: address))
      for line in lines { self.note(line) }
    }
  }

  private func changeTrust(_ call: CommandCall) async {
    let (store, curve) = (client.store, client.account.curve)
    await attempt {
      let device = call.arguments[0]
      let trust = call.name == "trust"
        ? try await store.trust(device: device, curve: curve) : try await store.distrust(device: device, curve: curve)
      self.note("\(trust.device) is now \(trust.status.rawValue)", level: trust.isUnsafe ? .warning : .information)
      await self.refreshOpenRoom()
    }
  }

  /// `bob` means bob of the account's own domain.
  private func address(_ text: String) throws -> SIPURI {
    if let uri = SIPAddress.parse(text, domain: client.account.address.host) { return uri }
    throw CommandFailure.badInput("'\(text)' is not a SIP address")
  }
}
