// LabCommand+FlexisipConf.swift: limeade lab --print-config: the lab's users and addresses as files for a real Flexisip.
import ArgumentParser
import FlexisipCheck
import Foundation
import Lab

extension LabFault: ExpressibleByArgument {}
extension LabConfiguration.RoomAddresses: ExpressibleByArgument {}

extension LabCommand {
  func writeFlexisipConf(_ lab: LabConfiguration) throws {
    var template = ConfTemplate(
      domain: lab.domain, users: lab.users.map { ($0.name, $0.password) }, host: lab.address,
      port: lab.port == 0 ? (lab.usesTLS ? 5061 : 5060) : Int(lab.port))
    template.factoryUser = lab.factoryUser
    template.usesTLS = lab.usesTLS
    template.version = (flexisipVersion ?? Self.installedFlexisip()).flatMap { .init(for: $0) } ?? .v26
    guard let configFolder else {
      Output.line(template.conf)
      if let conference = template.conferenceConf {
        Output.line("# \(template.conferencePath):\n")
        Output.line(conference)
      }
      Output.line("# \(template.usersPath):")
      for line in template.usersFile.split(separator: "\n") { Output.line("#   \(line)") }
      return
    }
    template.folder = URL(fileURLWithPath: configFolder).standardizedFileURL.path
    try AccountWriter.writePrivately(template.usersFile, to: template.usersPath)
    if lab.usesTLS, !FileManager.default.fileExists(atPath: template.certificatePath) {
      // For tries. Certificates of one's own stay.
      let identity = try LabIdentity(lab)
      try AccountWriter.writePrivately(identity.certificate, to: template.certificatePath)
      try AccountWriter.writePrivately(identity.key, to: template.keyPath)
      try AccountWriter.writePrivately(identity.authority, to: "\(template.folder)/ca.pem")
    }
    let path = "\(template.folder)/flexisip.conf"
    try AccountWriter.writePrivately(template.conf, to: path)
    Output.line(path)
    guard let conference = template.conferenceConf else { return }
    try AccountWriter.writePrivately(conference, to: template.conferencePath)
    Output.line(template.conferencePath)
  }

  /// The version of the program on this machine, such as `2.2.0`; nil when there is none.
  static func installedFlexisip() -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let candidates = (folders + ["/opt/belledonne-communications/bin"]).map { "\($0)/flexisip" }
    guard let program = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      return nil
    }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["--version"]
    process.environment = EnvironmentSecrets.environmentForOthers
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (text.firstMatch(of: /version:?\s+v?(\d+\.\d+(?:\.\d+)?)/) ?? text.firstMatch(of: /(\d+\.\d+(?:\.\d+)?)/))
      .map { String($0.output.1) }
  }
}
