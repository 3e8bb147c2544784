// LiveCheck+Cleanup.swift: rooms, keys, devices and registrations of a check are removed, whatever became of it
import ChatCore
import Foundation
import Lime
import MessageFormats
import SIPAgent

extension LiveCheck {
  /// Seconds for what is being tried to notice an interruption, and for what has been made to be removed then.
  private static let lastWords = 0.8
  private static let hastyCleanup = 3.6
  /// As long as single requests register for, in seconds.
  private static let bindingLifetime: TimeInterval = 120

  func makeDevice(_ account: AccountConfiguration) throws -> TemporaryDevice {
    guard let note else {
      throw StepFailure(
        "no folder for its keys can be made in \((notes ?? FileManager.default.temporaryDirectory).path)",
        [CheckCause("the disk of this machine is full")])
    }
    let folder = note.folder(ofDevice: account.address.description)
    return try TemporaryDevice(account, folder: folder, logger: logger, trace: trace)
  }

  // MARK: Single requests

  func noteBinding(_ instance: String) {
    let binding = CheckNote.Binding(
      address: account.address.description, instance: instance, until: Date() + Self.bindingLifetime)
    note?.change { contents in
      contents.bindings.removeAll { $0.instance == instance }
      contents.bindings.append(binding)
    }
  }

  func forgetBinding(_ instance: String) {
    note?.change { contents in contents.bindings.removeAll { $0.instance == instance } }
  }

  func noteTrialRoom(_ room: SIPURI) {
    let entry = CheckNote.TrialRoom(creator: account.address.description, room: room.description)
    note?.change { $0.trialRooms.append(entry) }
  }

  /// Has a room that nobody is in yet deleted: one for nobody is refused (488), and that ends it. A list with an
  /// address, even our own, would have the focus ask the registrar for its devices, and wait for one that may join.
  func giveUp(_ room: SIPURI, over probe: SIPProbe, as gruu: SIPURI, in note: CheckNote? = nil) async -> String {
    let answer = await invite(room, over: probe, as: gruu, members: [])
    let isGone = answer.final.map { [403, 404, 481, 488, 603].contains($0.status) } ?? false
    if isGone { (note ?? self.note)?.change { $0.trialRooms.removeAll { $0.room == room.description } } }
    return isGone ? "given up again (\(answer.summary))" : "which is not given up again: \(answer.summary)"
  }

  /// Takes a registration of a single request back.
  private func unregister(_ instance: String, over probe: SIPProbe) async {
    let contact = self.contact(probe, instance)
    let answer = await probe.perform(
      "REGISTER", registrar, from: account.address, to: account.address,
      headers: [
        SIPHeader("Contact", contact + ";expires=0"), SIPHeader("Expires", "0"), SIPHeader("Supported", "gruu, path"),
      ], credentials: credentials)
    if answer.final?.isSuccess == true { forgetBinding(instance) }
  }

  // MARK: At the end

  /// Waits a moment until what is being tried has noticed that it is not wanted any more.
  func giveUp(_ work: Task<Void, Never>) async {
    probe?.stop()
    work.cancel()
    _ = try? await capped(Self.lastWords) { await work.value }
    // The old connection may still be in use.
    let (peer, transport) = (probe, self.reconnect)
    guard peer != nil, let transport else { return }
    probe = try? await capped(1) { try transport() }
  }

  /// Leaves the rooms, deletes the temporary devices' keys and unregisters them; also those of earlier checks.
  func cleanUp() async {
    let isPressed = isInterrupted
    let start = ContinuousClock.now
    var left: [String] = []
    var done: [String] = []
    if isPressed {
      do {
        (left, done) = try await capped(Self.hastyCleanup) { await self.removeWhatWasMade() }
      } catch { left = ["the server does not answer in time"] }
    } else {
      (left, done) = await removeWhatWasMade()
    }
    if !isPressed, hasPassed(.registration) {
      let earlier = await takeUpEarlierChecks()
      left += earlier.left
      done += earlier.done
    }
    let isClean = left.isEmpty && note?.isEmpty != false
    if isClean { note?.remove() }
    guard !isClean || !done.isEmpty else {
      return notTried(
        .cleanup, probeDevice == nil ? "there was nothing to clean up" : "only a registration, which is gone")
    }
    _ = await passes(.cleanup, since: start) {
      guard isClean else {
        throw StepFailure(
          left.joined(separator: "; "),
          [
            CheckCause(
              isPressed
                ? "the check was interrupted: the next one with the same account removes it"
                : "a step before this one has failed; the next check with the same account tries again")
          ])
      }
      return done.joined(separator: ", ")
    }
  }

  private func removeWhatWasMade() async -> (left: [String], done: [String]) {
    var left: [String] = []
    var done: [String] = []
    let devices = [there, here].compactMap { $0 }
    if let making { _ = try? await capped(Self.lastWords) { _ = try? await making.value } }
    if isInterrupted {
      // One that does not answer keeps nobody.
      await withTaskGroup(of: [String].self) { group in
        for device in devices { group.addTask { await self.remove(device, from: self.note).left } }
        for await lines in group { left += lines }
      }
    } else {
      var rooms = 0
      for device in devices {
        let removed = await remove(device, from: note)
        left += removed.left
        rooms = max(rooms, removed.rooms)
      }
      if !devices.isEmpty { done = ["\(rooms) room(s) left, keys deleted, devices unregistered"] }
    }
    if isInterrupted, left.isEmpty, !devices.isEmpty { done = ["rooms left, keys deleted, devices unregistered"] }
    left += await removeTraces(of: note)
    return (left, done)
  }

  /// What single requests have made.
  private func removeTraces(of note: CheckNote?) async -> [String] {
    guard let note, let probe else {
      return (note?.current.trialRooms ?? []).map { "the room \($0.room) is not given up" }
    }
    let own = account.address.description
    var left: [String] = []
    for entry in note.current.trialRooms where entry.creator == own {
      guard let room = SIPURI(entry.room), let gruu = probeDevice?.gruu else { continue }
      let end = await giveUp(room, over: probe, as: gruu, in: note)
      if note.current.trialRooms.contains(entry) { left.append("the factory's room \(room), \(end)") }
    }
    for binding in note.current.bindings where binding.address == own && binding.until > Date() {
      await unregister(binding.instance, over: probe)
    }
    return left
  }

  private func remove(_ device: TemporaryDevice, from note: CheckNote?) async -> (left: [String], rooms: Int) {
    let subject = note?.current.subject ?? subject
    let limit = isInterrupted ? Self.lastWords : timeouts.answer
    var left: [String] = []
    var rooms = 0
    _ = try? await capped(isInterrupted ? Self.lastWords : timeouts.arrival) { try await device.returnIfAway() }
    let client = device.client
    // What was being made when the check was interrupted may be there only at the second look.
    for _ in 0..<(isInterrupted ? 2 : 1) {
      let own = ((try? await client.rooms()) ?? []).filter {
        $0.room.subject.hasPrefix(subject) && $0.room.state != .left
      }
      left = []
      for summary in own {
        let room = summary.room.address
        // Else the other's own devices would stay in it: ours has not come yet, or the room's state never did.
        let members = summary.participants.compactMap { SIPURI($0.address)?.addressOfRecord }
        if device === here, isInterrupted || !hasPassed(.joined), let other = other?.address.addressOfRecord,
          members.isEmpty || members.contains(other)
        {
          _ = try? await capped(min(limit, 2)) { try await client.remove(other, from: room) }
        }
        do {
          try await capped(limit) { try await client.leave(room) }
          rooms += 1
        } catch ChatError.refused(_, let status, _) where [403, 404, 481, 488, 603].contains(status) {
          // The focus does not have us in it, or had not filled it yet and has deleted it.
        } catch { left.append("\(device.address) has not left \(room): \(Self.text(of: error))") }
      }
    }
    if let cause = await deleteKeys(of: device) { left.append(cause) }
    _ = try? await capped(max(limit, 2)) { await device.giveUp() }
    if left.isEmpty { note?.forget(device: device.folder) }
    return (left, rooms)
  }

  /// Returns what went wrong. Also of keys whose arrival was not acknowledged.
  private func deleteKeys(of device: TemporaryDevice) async -> String? {
    guard device.account.keyServer != nil, let id = await device.client.device else { return nil }
    let isSure = await device.hasPublishedKeys()
    do {
      let request = KeyServerRequest(curve: device.account.curve, content: .deleteDevice)
      let answer = try await capped(isInterrupted ? 2 : timeouts.answer * 2) {
        try await self.exchange(request, for: device.account, device: id)
      }
      switch answer.content {
      case .acknowledged(.deviceDeleted), .error(.deviceNotFound, _): return nil
      default: return isSure ? "the keys of \(id) are not deleted" : nil
      }
    } catch { return isSure ? "the keys of \(id) are not deleted: \(Self.text(of: error))" : nil }
  }

  // MARK: Earlier checks

  /// What checks have left that were killed, or found a server that did not answer any more.
  private func takeUpEarlierChecks() async -> (left: [String], done: [String]) {
    let accounts = Dictionary(
      [account, other].compactMap { $0 }.map { ($0.address.description, $0) }, uniquingKeysWith: { first, _ in first })
    var left: [String] = []
    var done: [String] = []
    for note in notes.map({ CheckNote.leftBehind(in: $0, by: Set(accounts.keys)) }) ?? [] {
      let begun = note.current.begun.formatted(.iso8601)
      var lines: [String] = []
      for entry in note.current.devices {
        guard let account = accounts[entry.address] else { continue }
        let folder = note.url(of: entry.folder)
        guard FileManager.default.fileExists(atPath: folder.path) else {
          note.forget(device: folder)
          continue
        }
        do {
          let device = try TemporaryDevice(account, folder: folder, logger: logger, trace: trace)
          do { try await capped(timeouts.arrival) { try await device.start() } } catch {
            await device.giveUp()
            throw error
          }
          lines += await remove(device, from: note).left
        } catch { lines.append("\(entry.address): \(Self.text(of: error))") }
      }
      lines += await removeTraces(of: note)
      if note.isEmpty { note.remove() }
      left += lines.map { "of the check of \(begun): \($0)" }
      if lines.isEmpty { done.append("what the check of \(begun) had left is removed too") }
    }
    return (left, done)
  }
}
