// LiveCheck+Machine.swift: after a failure on the server's own machine: disk, rights, open files, units that do not run
import Foundation

extension LiveCheck {
  private static let flexisips: Set<CheckStep> = [
    .reachability, .tls, .challenge, .registration, .factory, .roomInvite, .notify, .invitation, .message,
    .offlineMessage,
  ]

  /// Faults of the machine that are seen on it. Looked for once a check, when a step of Flexisip's has failed.
  func causesOfMachine(at step: CheckStep) async -> [CheckCause] {
    guard Self.flexisips.contains(step), isServersMachine, !hasLookedAtMachine else { return [] }
    hasLookedAtMachine = true
    let places = files
    // Who does not speak SIP at all may be another than Flexisip.
    let port = step == .challenge && isSilent ? probe?.port : nil
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: Self.look(at: places, step: step, port: port)) }
    }
  }

  /// A file that the server reads or writes.
  struct ServerFile: Sendable {
    var section: String
    var key: String
    var path: String
    var isWritten: Bool
  }

  private static func look(at files: [ServerFile], step: CheckStep, port: UInt16?) -> [CheckCause] {
    func evident(_ text: String, _ file: ServerFile? = nil) -> CheckCause {
      var cause = CheckCause(text, section: file?.section, key: file?.key)
      cause.isEvident = true
      return cause
    }
    var causes: [CheckCause] = []
    for file in files where file.isWritten {
      if let text = ServerMachine.fullDisk(at: file.path), !causes.contains(where: { $0.text == text }) {
        causes.append(evident(text))
      }
    }
    if let user = ServerMachine.flexisips.first?.user {
      for file in files {
        var paths = [file.path]
        if file.isWritten { paths.append((file.path as NSString).deletingLastPathComponent) }
        for path in paths {
          guard let text = ServerMachine.denial(of: path, to: user, writing: file.isWritten) else { continue }
          causes.append(evident(text, file))
        }
      }
    }
    if let text = ServerMachine.exhaustedFiles() { causes.append(evident(text)) }
    let stopped = ServerMachine.stoppedUnits()
    if let port, let listener = ServerMachine.listener(at: port), !listener.isFlexisip, listener.isSeen,
      !ServerMachine.flexisips.isEmpty || !stopped.isEmpty
    {
      causes.append(evident("port \(port) is \(listener.name)'s, not Flexisip's"))
    }
    if [.reachability, .factory, .notify].contains(step) { causes += stopped.map { evident($0) } }
    if let text = ServerMachine.accessControl() { causes.append(CheckCause(text)) }
    return causes
  }
}
