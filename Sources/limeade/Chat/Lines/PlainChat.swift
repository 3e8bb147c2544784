// PlainChat.swift: limeade chat --plain: a conversation line by line, for dumb terminals, screen readers and pipes.
import AccountService
import ChatCore
import Foundation

/// Lines from standard input are sent; what happens in the room is printed. Ends at the end of the input, once every
/// message was delivered to every member.
struct PlainChat: Sendable {
  /// How long the end waits for the next delivery.
  static let lastWait: Double = 30

  let session: AccountSession
  let room: RoomSummary
  let json: Bool

  func run() async throws {
    let (progress, sign) = (DeliveryProgress(), Deadline.Sign())
    let address = room.room.address
    try await Race.first(
      {
        var fields = EventFields(for: session.account.address) { _ in room }
        for try await event in session.events where event.room == nil || event.room == address {
          await fields.learn(event)
          if json {
            Output.line(fields.jsonLine(of: event))
          } else if let line = EventLine.text(of: event) {
            Output.line(line)
          }
          await progress.note(event)
          if case .security(address, _, let text) = event, try await isHeld() { await progress.wait(for: text) }
          if case .delivery = event { sign.give() }
          if case .message(let message) = event, !message.isOutgoing, let row = message.id {
            _ = try await session.perform(MarkRoomRead(address, messages: [row]))
          }
        }
        try await Task.sleep(for: .seconds(3600))
      },
      { try await sendLines(progress, sign) },
      { for await _ in Interruption.signals() { throw CommandFailure(code: 130, text: "interrupted") } })
  }

  /// Whether what is written waits for the user's decision on a device.
  private func isHeld() async throws -> Bool {
    try await session.perform(ShowRoom(room.room.address)).trust.devices.contains {
      $0.isHeld(by: session.account.newDevices)
    }
  }

  private func sendLines(_ progress: DeliveryProgress, _ sign: Deadline.Sign) async throws {
    let input = StandardInput(lines: SendTexts.maximumTexts, bytes: ChatClient.textLimit)
    for await _ in input.news {
      while let lines = input.take() {
        let texts = SendTexts(to: room.room.address, texts: lines)
        // Before they are sent: what becomes of them may be told before the answer is here.
        await progress.expect(texts.ids ?? [])
        let messages = try await session.perform(texts)
        if !json { for message in messages { Output.line(EventLine.line(for: message)) } }
      }
    }
    sign.give()
    try await Deadline.run(
      seconds: Self.lastWait, since: sign, or: "not every message was delivered to every member"
    ) {
      try await progress.waitUntilDone()
    }
  }
}

/// Which of our messages every member has.
private actor DeliveryProgress {
  private var open: Set<String> = []
  private var failure: String?
  /// Why the open ones are not sent until the user has decided.
  private var decision: String?
  private var waiter: CheckedContinuation<Void, Never>?

  func expect(_ messageIDs: [String]) { open.formUnion(messageIDs) }

  func note(_ event: ChatEvent) {
    switch event {
    case .delivery(_, let id, let by, let state, let reason, let isComplete):
      if state == .failed { failure = "\(by): \(reason ?? "not delivered")" }
      guard isComplete || state == .failed else { return }
      open.remove(id)
    case .messageState(let message) where message.state == .failed:
      failure = message.failure ?? "a message was refused"
      open.remove(message.messageID)
    default: return
    }
    if open.isEmpty {
      decision = nil
      waiter?.resume()
      waiter = nil
    }
  }

  func wait(for text: String) {
    guard !open.isEmpty else { return }
    decision = text
    // Nobody decides at the end of the input.
    waiter?.resume()
    waiter = nil
  }

  func waitUntilDone() async throws {
    if !open.isEmpty, decision == nil {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          if Task.isCancelled { continuation.resume() } else { waiter = continuation }
        }
      } onCancel: {
        Task { await self.giveUp() }
      }
    }
    if let decision { throw CommandFailure(code: ExitStatus.untrusted, text: decision) }
    if let failure { throw CommandFailure(code: 76, text: failure) }
  }

  private func giveUp() {
    waiter?.resume()
    waiter = nil
  }
}
