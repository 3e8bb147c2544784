// ChatScreen+Panels.swift: searching messages, comparing devices, and exporting a room.
import AccountService
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

extension ChatScreen {
  private nonisolated static let searchPage = 50
  /// Keys typed in quick succession make one search.
  private nonisolated static let searchDelay: Duration = .milliseconds(60)

  // MARK: Search

  func search(_ request: SearchRequest) {
    let (store, report) = (store, report)
    searching?.cancel()
    searching = Task.detached {
      do {
        try await Task.sleep(for: Self.searchDelay)
        var query = HistoryRequest(room: request.room, search: request.text, limit: Self.searchPage)
        if let number = request.before.flatMap({ Int64($0.dropFirst()) }) {
          query.before = MessagePosition(time: .distantPast, id: number)
        }
        let found = try await store.history(query)
        report.yield(.found(request, found.reversed(), hasMore: found.count == Self.searchPage))
      } catch is CancellationError {
        return
      } catch { report.yield(.chat(.error(room: nil, text: ExitStatus.text(of: error)))) }
    }
  }

  func show(_ found: [MessageWithDeliveries], for request: SearchRequest, hasMore: Bool) {
    let roomNames = Dictionary((summaries + leftRooms).map { ($0.room.address, names.room($0)) }) { first, _ in first }
    let results = found.filter { roomNames[$0.message.room] != nil }.map { entry in
      SearchResult(
        id: MessageRow.id(of: entry.message), room: entry.message.room, roomName: roomNames[entry.message.room] ?? "",
        time: entry.message.time, sender: names.short(entry.message.sender), senderID: entry.message.sender,
        isOwn: entry.message.isOutgoing,
        text: blocked.contains(entry.message.sender) ? "(blocked)" : entry.message.text)
    }
    interface.showResults(results, for: request, hasMore: hasMore)
  }

  // MARK: Verification

  /// Opens the panel. Without an address: with the other of a one-to-one room.
  func verify(_ address: String?) async {
    let others = openRoom?.participants.map(\.address).filter { $0 != account.address.description } ?? []
    guard let address = address ?? (others.count == 1 ? others.first : nil) else {
      return complain("whose devices? /verify ADDRESS, as " + (others.first.map(names.short) ?? "bob"))
    }
    order { self.interface.show(self.panel(try await self.session.perform(FetchKeys(address)), with: address)) }
  }

  func decide(_ decision: VerificationPanel.Decision, device: String) async {
    guard let address = interface.screen.verification?.address else { return }
    order {
      try await self.change(decision, device: device)
      self.interface.show(self.panel(try await self.session.perform(VerifyKeys(address)), with: address))
    }
  }

  /// - Parameter device: its address or a part of it.
  func change(_ decision: VerificationPanel.Decision, device: String) async throws {
    let trust =
      switch decision {
      case .trust: try await session.perform(TrustDevice(device))
      case .admit: try await session.perform(AdmitDevice(device))
      case .exclude: try await session.perform(ExcludeDevice(device))
      case .distrust: try await session.perform(DistrustDevice(device))
      case .forget: try await session.perform(ForgetDevice(device))
      }
    let state =
      switch decision {
      case .admit: "let in"
      case .exclude: "excluded"
      case .forget: "forgotten"
      case .trust, .distrust: trust.status.rawValue
      }
    note("\(trust.device) is now \(state)", level: trust.isUnsafe ? .warning : .information)
    await refreshOpenRoom()
  }

  private func panel(_ verification: Verification, with address: String) -> VerificationPanel {
    let uri = try? store.person(address, for: account.address)
    return VerificationPanel(
      address: uri?.addressOfRecord.description ?? address, ownAddress: account.address.description,
      ownDevice: verification.ownDevice,
      ownFingerprint: verification.ownFingerprint,
      devices: verification.devices.map { device in
        VerificationPanel.Device(
          id: device.trust.device, trust: MemberRow.Trust(device.trust, account.newDevices), code: device.code,
          fingerprint: device.trust.fingerprint, refusedFingerprint: device.trust.refusedFingerprint)
      })
  }

  // MARK: Export

  /// Writes the open room's messages to a new file, beside the screen.
  func export(to path: String, as format: HistoryLines.Format) {
    guard let summary = openRoom else { return complain("no room is open: /join ROOM") }
    let (store, address, own) = (store, summary.room.address, account.address)
    inBackground {
      let file = try PrivateFile(creating: path)
      let lines = HistoryLines(
        format: format, account: own, rooms: [address: MessageSetting(summary, for: own)], names: [:], showsRoom: false)
      var count = 0
      try await store.eachPage(of: HistoryRequest(room: address)) { page in
        for entry in page {
          try file.write(lines.line(entry))
          if case .message = entry { count += 1 }
        }
      }
      await self.note("\(count) message\(count == 1 ? " is" : "s are") in \(file.path)", room: address)
      await self.paintSoon()
    }
  }
}
