// FirstRun.swift: limeade chat without a configuration: asks for the account, tries it, and writes the file.
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

/// A short dialogue, line by line, before the screen is taken. Nothing is written before the account works, or the user
/// says so.
struct FirstRun {
  /// What is asked for; `prompt` and `hint` are shown, `key` is the setting.
  private enum Question: String, CaseIterable {
    case address, password
    case outboundProxy = "outbound-proxy"
    case keyServer = "key-server"
    case fileServer = "file-server"

    var prompt: String {
      switch self {
      case .address: "SIP address (sip:you@your.domain)"
      case .password: "Password (not shown)"
      case .outboundProxy: "Server, if not found by the domain (sip:sip.example.org;transport=tls)"
      case .keyServer: "LIME key server, without which nothing is encrypted (https://…)"
      case .fileServer: "File server, without which files are only received (https://…)"
      }
    }
    var isOptional: Bool { ![.address, .password].contains(self) }
    /// By which it is chosen to be corrected.
    var letter: Character { rawValue.first ?? " " }
  }

  private let options: GlobalOptions
  private let path: String
  private var answers: [Question: String] = [:]
  /// Prints the password, in place of its answer.
  private var passwordCommand: String?
  /// What the server asks the password for, where the user says that it is right although it is not the domain.
  private var realm: String?

  /// nil when there is a configuration, or nobody to ask.
  init?(_ options: GlobalOptions) {
    let path = options.config ?? ConfigurationFile.defaultPath
    guard !FileManager.default.fileExists(atPath: path), isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
      return nil
    }
    self.options = options
    self.path = path
  }

  /// - Throws: `CommandFailure` when the user gives up or the file cannot be written.
  mutating func run() async throws {
    Output.line("There is no account yet. Five questions, and the account is tried;\nthen \(path) is written.")
    Output.line("Without a server of your own: Ctrl-C leaves, and\nlimeade lab --write-config FILE makes one to try.")
    Output.line("")
    for question in Question.allCases { try ask(question) }
    while true {
      Output.line("")
      let wrong: Question
      var offered: String?
      do {
        try await tryAccount()
        break
      } catch let failure as CommandFailure where failure.code == AccountTrial.interrupted {
        throw failure
      } catch {
        let cause = "That does not work: \(SafeLine.text(ExitStatus.text(of: error)))"
        for line in TextWrap.lines(of: cause, width: ScreenSize.ofTerminal.columns) { Output.line(line) }
        wrong = Self.suspect(error)
        if case ChatError.otherRealm(_, let realms) = error { offered = realms.first }
      }
      guard try choose(wrong, realm: offered) else { break }
    }
    try AccountWriter.writePrivately("default = \(AccountWriter.quoted(name))\n" + table, to: path)
    Output.line("\(path) is written; only you can read it.")
  }

  // MARK: Asking

  private mutating func ask(_ question: Question) throws {
    if question == .password {
      Output.line("Enter alone: a command that prints it is asked for, as pass show sip/alice.")
    }
    if question == .address { realm = nil }
    while true {
      let old = question == .password ? nil : answers[question]
      let hint = old.map { " [\($0)]" } ?? (question.isOptional ? " [none]" : "")
      // What may be long gets a line of its own.
      let end = question.isOptional ? "\n \(hint) > " : "\(hint): "
      let text = try read("\(question.prompt)\(end)", isSecret: question == .password)
      if text.isEmpty, let old, !old.isEmpty { return }
      if text == "-", question.isOptional {
        answers[question] = nil
        return
      }
      if text.isEmpty, question.isOptional { return }
      if text.isEmpty, question == .password, let command = try askCommand() {
        (answers[question], passwordCommand) = (nil, command)
        return
      }
      do {
        answers[question] = try checked(text, question)
        if question == .password { passwordCommand = nil }
        return
      } catch { Output.line("  \(ExitStatus.text(of: error))") }
    }
  }

  /// nil to ask for the password again.
  private func askCommand() throws -> String? {
    let text = try read("Command that prints the password\n  [\(passwordCommand ?? "none")] > ")
    return text.isEmpty ? passwordCommand : text
  }

  /// - Throws: `CommandFailure` that says how to write it.
  private func checked(_ text: String, _ question: Question) throws -> String {
    switch question {
    case .address:
      let full = text.lowercased().hasPrefix("sip:") || text.lowercased().hasPrefix("sips:") ? text : "sip:\(text)"
      guard let uri = SIPURI(full), uri.user?.isEmpty == false else {
        throw CommandFailure.badInput("write it as sip:you@your.domain")
      }
      return full
    case .password:
      guard !text.isEmpty else { throw CommandFailure.badInput("an account without a password cannot register") }
      return text
    case .outboundProxy:
      let full = text.lowercased().hasPrefix("sip") ? text : "sip:\(text)"
      guard SIPURI(full) != nil else {
        throw CommandFailure.badInput("write it as sip:sip.example.org;transport=tls, or tcp")
      }
      return full
    case .keyServer, .fileServer:
      guard let url = URL(string: text), ["http", "https"].contains(url.scheme ?? ""), url.host != nil else {
        throw CommandFailure.badInput(
          "write it as https://"
            + (question == .keyServer ? "lime.example.org/lime-server.php" : "files.example.org/hft.php"))
      }
      return text
    }
  }

  private func read(_ prompt: String, isSecret: Bool = false) throws -> String {
    if isSecret { return try PasswordPrompt.ask(prompt) }
    Output.printed(prompt)
    guard let line = readLine() else { throw CommandFailure(code: 64, text: "no account was made") }
    return line.trimmingCharacters(in: .whitespaces)
  }

  /// What to do about a failure. False: write the file as it is.
  /// - Parameter offered: what the server asks the password for, when it is not the domain.
  private mutating func choose(_ suspect: Question, realm offered: String?) throws -> Bool {
    if let offered { Output.line("If \(SafeLine.text(offered)) may have the password: (r).") }
    while true {
      let text = try read(
        "Correct the address (a), password (p), server (o), key server (k) or file server (f),\n"
          + "try again (t), write it all the same (w), or leave (q)? [\(suspect.letter)] ")
      let letter = text.lowercased().first ?? suspect.letter
      switch letter {
      case "t": return true
      case "r" where offered != nil:
        realm = offered
        return true
      case "w": return false
      case "q": throw CommandFailure(code: 64, text: "no account was made")
      default:
        guard let question = Question.allCases.first(where: { $0.letter == letter }) else { continue }
        try ask(question)
        return true
      }
    }
  }

  /// The answer that an error is probably about.
  private static func suspect(_ error: any Error) -> Question {
    switch error {
    case ChatError.wrongCredentials: .password
    // No password can be right at a server of another domain.
    case ChatError.otherRealm: .address
    case let error as CommandFailure where error.text.contains("password-command"): .password
    case ChatError.keyServer, ChatError.noKeyServer: .keyServer
    case ChatError.serverUnreachable: .outboundProxy
    default: .address
    }
  }

  // MARK: The account

  /// What the account is called in the file.
  private var name: String {
    let user = answers[.address].flatMap(SIPURI.init)?.user ?? ""
    let plain = user.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    return plain.isEmpty ? "main" : plain
  }

  private var table: String {
    var values = Question.allCases.compactMap { question in answers[question].map { (question.rawValue, $0) } }
    if let passwordCommand { values.append(("password-command", passwordCommand)) }
    if let realm { values.append(("realm", realm)) }
    return AccountWriter.table(name: name, values: values)
  }

  private func tryAccount() async throws {
    let trial = AccountTrial(name: name, table: table, options: options)
    Output.line("Registering at \(answers[.outboundProxy] ?? answers[.address] ?? "")…")
    try await trial.run(checkingKeyServer: true) { step in Output.line("  \(step)") }
  }
}
