// SendCommand.swift: limeade send: one message to a room or a person, and waiting for what becomes of it.
import AccountService
import ArgumentParser
import ChatCore
import Foundation

struct SendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send",
    abstract: "Send a message, or files.",
    discussion: """
      limeade send sip:bob@sip.example.org "hello"
          to a person, encrypted; the room is made if absent
      limeade send "Lab team" "deployed" --wait delivered
          until every member's device has it
      limeade send Ops "the key is …" --require-trust
          only if every device is trusted; else exit code 10
      limeade send Ops "at 9:30" --reply-to hT3kQzV0aWsd
          an answer to a message; 'last' is the newest of others
      limeade send Ops "for now" --ephemeral 60
          deleted everywhere a minute after being read
      limeade send Ops "for now" --ephemeral-unread 3600
          deleted everywhere after an hour if it is not read
      uptime | limeade send Ops -
          text from standard input
      limeade send --wait delivered Ops "$text"
          whatever the text is: options stand before TO
      limeade send Ops "the plan" --file plan.pdf --file map.png
      tar cz site | limeade send Ops --file - --file-name site.tar.gz

      Somebody whose device you trusted may get a new one. Nothing is sent to it, and nothing to its room, until you \
      trust it or let it in: exit code 10, and standard error says how (limeade keys admit; limeade keys exclude \
      sends to the others only).

      Files go to the account's file server, encrypted if the room is. Ctrl-C while they are uploaded cancels the \
      message.

      While the server is away the message is kept: "queued" and its id are printed, the exit code is 75, and it is \
      sent once, by whatever command connects next, or by the limeade that runs beside. With --no-queue it is not \
      kept, and the exit code is 69. Somebody to whom there is no room yet cannot be written to meanwhile.
      """)

  enum Goal: String, ExpressibleByArgument, CaseIterable { case sent, delivered, displayed }

  @OptionGroup var options: GlobalOptions

  @Argument(
    help: "A SIP address, a contact, a room address, or the beginning of a room's name.",
    completion: .custom(Completions.rooms))
  var to: String

  @Argument(
    help: ArgumentHelp(
      "The text; '-', or nothing without --file, reads standard input. Directly after TO it is taken as it is, also if it begins with a dash."
    ))
  var text: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Send this file; may be given several times. '-' is standard input.", valueName: "path"),
    completion: .file())
  var file: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The name of what '--file -' reads from standard input.", valueName: "name"))
  var fileName: String?

  @Option(help: "Return when the message is: sent (the server has it), delivered or displayed (every member).")
  var wait: Goal = .sent

  @Option(help: "Give up waiting after this many seconds without any progress (exit code 75).")
  var timeout: Double = 60

  @OptionGroup var queue: QueueOption

  @Flag(help: "Mark it as a program's answer, which no other program answers (listen --reply).") var automatic = false

  @Flag(help: "Send nothing unless every device that would get it is trusted (exit code 10).")
  var requireTrust = false

  @Option(parsing: .unconditional, help: "Answer the message with this id, or 'last'.")
  var replyTo: String?

  @Option(help: "Let the message delete itself this many seconds after being read.")
  var ephemeral: Int?

  @Option(
    help: ArgumentHelp(
      "Let the message delete itself this many seconds after arriving if it is not read (Linphone from 5.5 on); without --ephemeral, also that long after being read.",
      valueName: "seconds"))
  var ephemeralUnread: Int?

  func validate() throws {
    guard timeout > 0 else { throw ValidationError("--timeout is a number of seconds above 0") }
    let inputs = file.count { $0 == "-" }
    guard inputs <= 1, inputs == 0 || text != "-" else { throw ValidationError("standard input can be read once") }
    guard (inputs == 1) == (fileName != nil) else {
      throw ValidationError("'--file -' and --file-name NAME go together: the name is what others save it as")
    }
    if let fileName, fileName.isEmpty || fileName.contains("/") || [".", ".."].contains(fileName) {
      throw ValidationError("--file-name is the name of a file, without a folder")
    }
  }

  func run() async throws {
    Output.onlyReports = true
    let text = try message()
    // Who wrote "--" knows.
    if FreeText.commands["send"]?.isOption(text) == true, !CommandLine.arguments.contains("--") {
      Output.note("limeade: '\(text)' is sent as the text; options stand before TO")
    }
    let account = try options.accountConfiguration(withPassword: false)
    let files = try await GivenFiles(
      file, data: ConfigurationFile.dataDirectory(account: account.name), inputName: fileName)
    defer { files.remove() }
    let order = SendText(
      to: to, text: text, requireTrust: requireTrust, replyTo: replyTo, ephemeral: ephemeral,
      ephemeralUnread: ephemeralUnread, files: files.paths, queue: queue.parameter,
      automatic: automatic ? true : nil)
    try await options.withOutbox(queue, timeout: timeout) { session, connection in
      let goal = wait
      let sign = Deadline.Sign()
      // From the start: a server that takes the connection may still never answer.
      let message = try await Deadline.run(
        seconds: timeout, since: sign, or: "the server did not answer within \(timeout.brief) s; nothing was sent"
      ) { try await session.perform(order) }
      // The copy is made.
      files.remove()
      sign.give()
      let interruption = cancelOnInterruption(message, session)
      defer { interruption?.cancel() }
      let progress = SendProgress(
        message, until: goal, session: session, connection: connection, json: options.json, sign: sign)
      let needsTrust = requireTrust || session.account.requiresTrust
      try await progress.within(
        seconds: timeout, or: "the message was not \(goal.rawValue) within \(timeout.brief) s"
      ) {
        do { try await progress.follow() } catch let failure as CommandFailure where failure.code == 76 {
          // A device that came into the room between the first look and the sending.
          let trust = try await session.perform(ShowRoom(message.room)).trust
          let isHeld = trust.devices.contains { $0.isHeld(by: session.account.newDevices) }
          throw trust.level == .unsafe || isHeld || (needsTrust && trust.level != .trusted)
            ? CommandFailure(code: ExitStatus.untrusted, text: failure.text) : failure
        }
      }
    }
  }

  /// Texts are in the outbox at once; files take long enough for a user to change their mind.
  private func cancelOnInterruption(_ message: Message, _ session: AccountSession) -> Task<Void, Never>? {
    guard !file.isEmpty else { return nil }
    return Task {
      var isFirst = true
      for await signal in Interruption.signals() {
        guard isFirst else { _exit(128 + signal) }
        isFirst = false
        Task { try? await session.perform(CancelTransfers(room: message.room, id: message.messageID)) }
      }
    }
  }

  private func message() throws -> String {
    if let text, text != "-" { return text }
    if text == nil, !file.isEmpty { return "" }
    return TextLines.withoutLastEnd(try StandardInput.text(limit: ChatClient.textLimit))
  }
}
