// LiveCheck+Rooms.swift: two temporary devices make rooms and write to each other, plain and encrypted
import ChatCore
import Foundation
import Lime
import MessageFormats
import SIPAgent

extension LiveCheck {
  /// Until a server has noticed that a connection is closed.
  private static let absence = Duration.seconds(1)

  /// Everything that needs a second account.
  func tryRooms() async {
    guard let other else {
      let later = CheckStep.allCases.drop { $0 != .devices }
      for step in later where step != .cleanup { notTried(step, "needs a second account: --with ACCOUNT2") }
      return
    }
    let before: [CheckStep] = [.name, .reachability, .challenge, .registration, .gruu, .factory]
    guard !before.contains(where: hasFailed) else { return }
    guard let (here, there) = await startDevices(with: other) else { return }
    await tryCapabilities(of: [here, there])
    let hasKeys = await tryKeys(here, there)
    guard let room = await tryPlainRoom(here, there) else { return }
    await tryMessages(room, here, there)
    if hasKeys {
      await tryEncryptedRoom(here, there)
    } else {
      for step in [CheckStep.encryptedRoom, .encryptedMessage, .encryptedReply] {
        notTried(step, "without keys nothing can be encrypted")
      }
    }
    await tryOfflineMessage(room, here, there)
  }

  // MARK: Devices

  private func startDevices(with other: AccountConfiguration) async -> (TemporaryDevice, TemporaryDevice)? {
    let devices = await step(.devices) { () -> (seen: String, value: (TemporaryDevice, TemporaryDevice)) in
      let here = try makeDevice(account)
      self.here = here
      let there = try makeDevice(other)
      self.there = there
      for device in [here, there] {
        do { try await capped(timeouts.arrival) { try await device.start() } } catch {
          throw StepFailure("\(device.address): \(Self.text(of: error))", registrationCauses(error, device))
        }
      }
      let names = await [here.client.device, there.client.device].compactMap { $0 }
      return (names.joined(separator: " and "), (here, there))
    }
    return devices
  }

  private func registrationCauses(_ error: any Error, _ device: TemporaryDevice) -> [CheckCause] {
    switch error {
    case ChatError.wrongCredentials, ChatError.otherRealm: causes.wrongPassword(challenges)
    case ChatError.serverUnreachable where Self.server(of: device.account) != Self.server(of: account):
      [
        CheckCause(
          "the server of \(device.address) is another than ours, and takes no connection: compare outbound-proxy "
            + "(\(Self.server(of: device.account))) with \(Self.server(of: account))")
      ] + causes.noRegistrar()
    case ChatError.noGRUU: causes.noGRUU
    case ChatError.refused(_, 403, _): causes.domainForbidden
    case is TookTooLong: causes.noRegistrar()
    default: causes.noRegistrar()
    }
  }

  /// What the registrar keeps of what each side's device says that it can do (`+org.linphone.specs`).
  private func tryCapabilities(of devices: [TemporaryDevice]) async {
    guard probe != nil else { return notTried(.capabilities, "single requests are sent over TCP only") }
    let start = ContinuousClock.now
    var kept: [(device: TemporaryDevice, specs: String?)] = []
    // Only our own server is asked.
    let own = Self.server(of: account)
    for device in devices where Self.server(of: device.account) == own {
      kept.append((device, await keptSpecs(of: device)))
    }
    guard kept.contains(where: { $0.specs != nil }) else {
      // Some registrars keep what they do not show; with those that lose it, the room's INVITE fails.
      showsNoSpecs = true
      return notTried(.capabilities, "the registrar's answers do not show +org.linphone.specs")
    }
    _ = await passes(.capabilities, since: start) {
      let seen = kept.map { "\($0.device.address): \($0.specs ?? "none")" }.joined(separator: "; ")
      let isLacking = kept.contains { entry in
        let wanted = entry.device.account.keyServer == nil ? ["groupchat"] : ["groupchat", "lime"]
        let names = (entry.specs ?? "").split(separator: ",")
          .compactMap { $0.split(separator: "/").first.map { $0.trimmingCharacters(in: .whitespaces) } }
        return wanted.contains { !names.contains($0) }
      }
      if isLacking {
        throw StepFailure("+org.linphone.specs lacks groupchat or lime: \(seen)", causes.lostCapabilities)
      }
      return "+org.linphone.specs of \(seen)"
    }
  }

  private static func server(of account: AccountConfiguration) -> String {
    account.outboundProxy.map(\.description) ?? account.address.host
  }

  // MARK: Rooms

  private func makeRoom(_ here: TemporaryDevice, _ there: TemporaryDevice, encrypted: Bool) async throws -> RoomSummary
  {
    let client = here.client
    let member = there.account.address
    let subject = subject + (encrypted ? " encrypted" : "")
    // It goes on when nobody waits any more, so that it can be undone.
    let making = Task {
      try await client.createRoom(named: subject, members: [member], encrypted: encrypted)
    }
    self.making = making
    return try await capped(timeouts.answer * 2 + timeouts.arrival) { try await making.value }
  }

  /// The room, when the other device is in it too.
  private func tryPlainRoom(_ here: TemporaryDevice, _ there: TemporaryDevice) async -> String? {
    // One call does two steps: the room is stored between them.
    let start = ContinuousClock.now
    let made: Result<RoomSummary, any Error>
    do { made = .success(try await makeRoom(here, there, encrypted: false)) } catch { made = .failure(error) }
    let stored = try? await here.client.rooms().first { $0.room.subject == subject }
    let accepted = await passes(.roomInvite, since: start) {
      if let stored { return "200, \(stored.room.address)" }
      guard case .failure(let error) = made else { return "200" }
      let refused = if case ChatError.refused = error { true } else { false }
      throw StepFailure(
        Self.text(of: error),
        (showsNoSpecs && refused ? causes.lostCapabilities : []) + roomCauses(error, there))
    }
    guard accepted else { return nil }
    let room = await step(.notify, since: start) { () -> (seen: String, value: RoomSummary) in
      switch made {
      case .success(let room):
        return ("version \(room.room.version), \(room.participants.count) member(s)", room)
      case .failure(let error):
        var passes: Bool?
        var subscribed: ProbeAnswer?
        if let room = stored.flatMap({ SIPURI($0.room.address) }) {
          subscribed = await answerToSubscribe(room)
          passes = await focusPasses(room)
        }
        if let subscribed, !Self.isOfFocus(subscribed.final) {
          throw StepFailure(
            "no room state: SUBSCRIBE gets \(subscribed.summary)",
            causes.noSubscription(status: subscribed.final?.status))
        }
        let reached = passes != false ? await answer(of: here) : nil
        let isReached = reached.map { $0.final?.isSuccess == true }
        let seen = [
          passes.map { "; a request in its name is \($0 ? "let in" : "challenged")" },
          isReached == false ? "; OPTIONS to our device gets \(reached?.summary ?? "nothing")" : nil,
        ].compactMap { $0 }.joined()
        // The focus asks elsewhere for who is registered of a domain that is not its own, and is kept by that.
        let other = there.account.address
        let isWaiting = error is TookTooLong && passes != false && causes.isElsewhere(other)
        throw StepFailure(
          (isWaiting ? "the room is not complete: " : "SUBSCRIBE accepted, but no NOTIFY: ")
            + "\(Self.text(of: error))\(seen)",
          (passes == false ? [] : await [lostToProxy()].compactMap { $0 })
            + (isWaiting ? causes.nobodyInvited(other).prefix(1) : [])
            + causes.noNotify(focusPasses: passes, isReached: isReached, status: reached?.final?.status))
      }
    }
    guard let address = room?.room.address else { return nil }
    guard await tryInvitation(address, here, there) else { return nil }
    return address
  }

  /// The focus answers with what it thinks of the one who asks; other servers and the proxy, with what they are.
  private static func isOfFocus(_ answer: SIPResponse?) -> Bool {
    guard let status = answer?.status else { return false }
    return ![408, 489, 500, 501, 502, 503, 504].contains(status)
  }

  private func roomCauses(_ error: any Error, _ there: TemporaryDevice) -> [CheckCause] {
    switch error {
    case ChatError.refused(_, 488, _): causes.nobodyInvited(there.account.address)
    case ChatError.refused(_, 403, _): causes.nobodyInvited(there.account.address)
    case ChatError.refused(_, 603, _): causes.creatorUnknown + causes.nobodyInvited(there.account.address)
    case ChatError.refused(_, 404, _): causes.unknownRoom
    // The focus asks elsewhere for the registrations of a domain that is not its own, in vain.
    case ChatError.refused(_, 503, _) where causes.isElsewhere(there.account.address):
      causes.nobodyInvited(there.account.address) + causes.brokenFactory(status: 503)
    case is TookTooLong where causes.isElsewhere(there.account.address):
      causes.nobodyInvited(there.account.address) + causes.brokenFactory(status: nil)
    case ChatError.factoryDidNotRedirect: causes.noRoomFromFactory
    case ChatError.wrongCredentials, ChatError.otherRealm: causes.wrongPassword(challenges)
    default: causes.brokenFactory(status: nil)
    }
  }

  private func tryInvitation(_ room: String, _ here: TemporaryDevice, _ there: TemporaryDevice) async -> Bool {
    let member = there.address
    let isListed =
      ((try? await here.client.rooms()) ?? []).first { $0.room.address == room }?
      .participants.contains { $0.address == member } ?? false
    let invited = await passes(.invitation) {
      guard await hasState(of: room, there) else {
        throw StepFailure(
          "no INVITE came to \(member)" + (isListed ? "" : ", which the room's state does not list"),
          isListed
            ? await [lostToProxy()].compactMap { $0 } + causes.notInvited(there.account.address)
            : causes.nobodyInvited(there.account.address))
      }
      return "INVITE of the room to \(member)"
    }
    guard invited else { return false }
    return await passes(.joined) { try await deviceIsIn(room, here, there) }
  }

  /// Whether the device has been invited, has come and has been told the room's state in time.
  private func hasState(of room: String, _ device: TemporaryDevice) async -> Bool {
    await device.first(within: timeouts.arrival) { event -> Bool? in
      if case .room(let summary, _) = event, summary.room.address == room { return true }
      return nil
    } ?? false
  }

  /// Waits until the creator's room state has the other's device.
  private func deviceIsIn(_ room: String, _ here: TemporaryDevice, _ there: TemporaryDevice) async throws -> String {
    guard let device = await there.client.device else { throw StepFailure("\(there.address) is offline", []) }
    let joined = await here.first(within: timeouts.arrival) { event -> Bool? in
      if case .device(room, _, device, .added) = event { return true }
      return nil
    }
    guard joined == true else {
      throw StepFailure(
        "NOTIFY never shows \(device)",
        causes.leftOutOfEncryptedRoom(there.account.address, hasKeyServer: there.account.keyServer != nil))
    }
    return "NOTIFY shows \(device)"
  }

  // MARK: Messages

  private func tryMessages(_ room: String, _ here: TemporaryDevice, _ there: TemporaryDevice) async {
    guard let sent = await trySending(.message, room, from: here, to: there) else { return }
    _ = await passes(.notification) { try await awaitDelivery(of: sent, to: here, by: there.address) }
    _ = await trySending(.reply, room, from: there, to: here)
  }

  private func tryEncryptedRoom(_ here: TemporaryDevice, _ there: TemporaryDevice) async {
    let room = await step(.encryptedRoom) { () -> (seen: String, value: String) in
      let room: RoomSummary
      do { room = try await makeRoom(here, there, encrypted: true) } catch {
        if case ChatError.refused(_, 488, _) = error {
          throw StepFailure(
            Self.text(of: error),
            causes.leftOutOfEncryptedRoom(there.account.address, hasKeyServer: there.account.keyServer != nil))
        }
        throw StepFailure(Self.text(of: error), roomCauses(error, there))
      }
      let seen = try await deviceIsIn(room.room.address, here, there)
      // Flexisip's focus lists a device before it has come. What is written until then waits for its next REGISTER.
      guard await hasState(of: room.room.address, there) else {
        throw StepFailure("\(there.address) got no NOTIFY of the room", causes.notInvited(there.account.address))
      }
      return (seen, room.room.address)
    }
    guard let room else { return }
    let sent = await trySending(.encryptedMessage, room, from: here, to: there)
    if sent != nil { _ = await trySending(.encryptedReply, room, from: there, to: here) }
  }

  /// Sends a text and waits until the other has read it, encrypted if the room is; in an encrypted room until it is
  /// acknowledged too. Returns its Message-ID.
  private func trySending(
    _ step: CheckStep, _ room: String, from sender: TemporaryDevice, to receiver: TemporaryDevice
  ) async -> String? {
    let isEncrypted = step == .encryptedMessage || step == .encryptedReply
    return await self.step(step) { () -> (seen: String, value: String) in
      let text = "limeade check: \(step.rawValue) \(UUID().uuidString.prefix(8))"
      var message = try await sender.client.send(text, to: room)
      var arrived = await self.arrival(of: [message.messageID], at: receiver, within: timeouts.arrival / 2)
      var note = ""
      if arrived == nil {
        // Flexisip's focus lists a device before it takes it for present. What comes until then waits in 2.2.0 for the
        // device's next REGISTER, although all is set up well: a second message shows that.
        let first = message.messageID
        message = try await sender.client.send(text, to: room)
        arrived = await self.arrival(of: [first, message.messageID], at: receiver, within: timeouts.arrival / 2)
        if arrived?.messageID == message.messageID { note = ", the second of two (the focus holds the first back)" }
        message.messageID = arrived?.messageID ?? message.messageID
      }
      guard let arrived else {
        let failure = await sender.first(within: 0) { event -> String? in
          guard case .messageState(let state) = event, state.messageID == message.messageID else { return nil }
          return state.failure ?? "taken by the focus"
        }
        let lost = causes.noMessage(somePass: hasPassed(.message))
        throw StepFailure(
          "\(receiver.address) got nothing (\(failure ?? sender.complaints.last ?? "not taken by the focus"))",
          isEncrypted && failure != nil
            ? causes.undecryptable + lost : lost + (isEncrypted ? causes.undecryptable : []))
      }
      guard arrived.state == .received, arrived.text == text, arrived.isEncrypted == isEncrypted else {
        throw StepFailure("it cannot be read: \(arrived.failure ?? "other text")", causes.undecryptable)
      }
      var seen = "\(text.utf8.count) bytes, \(isEncrypted ? "decrypted" : "not encrypted")" + note
      if step == .encryptedMessage {
        seen += ", " + (try await awaitDelivery(of: message.messageID, to: sender, by: receiver.address))
      }
      return (seen, message.messageID)
    }
  }

  /// The first of some messages to arrive.
  private func arrival(of ids: [String], at receiver: TemporaryDevice, within seconds: Double) async -> Message? {
    await receiver.first(within: seconds) { event -> Message? in
      guard case .message(let received) = event, ids.contains(received.messageID) else { return nil }
      return received
    }
  }

  private func awaitDelivery(of id: String, to sender: TemporaryDevice, by receiver: String) async throws -> String {
    let state = await sender.first(within: timeouts.arrival) { event -> Delivery.State? in
      if case .delivery(_, id, receiver, let state, _, _) = event { return state }
      return nil
    }
    guard let state else {
      throw StepFailure(
        "no notification (IMDN) of \(receiver) came back", causes.noMessage(somePass: hasPassed(.message)))
    }
    guard state >= .delivered else { throw StepFailure("\(receiver) reports: \(state.rawValue)", causes.undecryptable) }
    return "\(receiver) reports: \(state.rawValue)"
  }

  private func tryOfflineMessage(_ room: String, _ here: TemporaryDevice, _ there: TemporaryDevice) async {
    _ = await passes(.offlineMessage) {
      await there.stop()
      try await Task.sleep(for: Self.absence)
      let message = try await here.client.send("limeade check: offline \(UUID().uuidString.prefix(8))", to: room)
      let taken = await here.first(within: timeouts.answer) { event -> Bool? in
        guard case .messageState(let state) = event, state.messageID == message.messageID else { return nil }
        return state.state == .sent
      }
      guard taken == true else {
        throw StepFailure("the focus does not take it", causes.noMessage(somePass: hasPassed(.message)))
      }
      do { try await capped(timeouts.arrival) { try await there.restart() } } catch {
        throw StepFailure(
          "\(there.address) does not get back: \(Self.text(of: error))", registrationCauses(error, there))
      }
      let arrived = await there.first(within: timeouts.arrival) { event -> Bool? in
        guard case .message(let received) = event, received.messageID == message.messageID else { return nil }
        return true
      }
      guard arrived == true else {
        throw StepFailure("\(there.address) came back and got nothing", causes.noOfflineMessage)
      }
      return "delivered on the device's next REGISTER"
    }
  }
}
