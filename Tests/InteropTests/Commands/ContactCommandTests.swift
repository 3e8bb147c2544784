// ContactCommandTests.swift: limeade contact, and names in place of addresses on the command line
import Foundation
import TestSupport
import Testing

@Suite struct ContactCommands {
  private struct Folder {
    let folder: TemporaryFolder
    var file: URL { folder.file("contacts.toml") }

    init(_ contacts: String? = nil) throws {
      folder = try TemporaryFolder()
      let config = "[account.a]\naddress = \"sip:alice@sip.example.org\"\npassword-command = \"false\"\n"
      try Data(config.utf8).write(to: folder.file("config.toml"))
      if let contacts { try write(contacts) }
    }

    func write(_ text: String) throws {
      try Data(text.utf8).write(to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    }

    func text() throws -> String { try String(contentsOf: file, encoding: .utf8) }

    func run(_ arguments: String...) async throws -> CommandRun {
      try await CommandRun(
        TestPaths.limeade, ["--config", folder.file("config.toml").path, "contact"] + arguments,
        environment: ["XDG_DATA_HOME": folder.file("data").path])
    }
  }

  @Test func contactsAreAddedListedAndRemovedInAFileOfTheUsersOwn() async throws {
    let folder = try Folder(
      "# my people\n\n[contacts] # all of them\n# from work\nBob = \"sip:bob@sip.example.org\" # the builder\n")
    #expect(try await folder.run("add", "Carol C", "carol").exitCode == 0)
    #expect(try await folder.run("add", "dave", "sips:dave@Other.Example").output == "dave  sip:dave@other.example\n")
    let text = try folder.text()
    for line in [
      "# my people", "[contacts] # all of them", "# from work", "Bob = \"sip:bob@sip.example.org\" # the builder",
    ] {
      #expect(text.contains(line + "\n"), "\(text)")
    }
    #expect(text.contains("\"Carol C\" = \"sip:carol@sip.example.org\"\n"))
    let mode = try FileManager.default.attributesOfItem(atPath: folder.file.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let list = try await folder.run("list")
    #expect(
      list.lines == [
        "Bob  sip:bob@sip.example.org", "Carol C  sip:carol@sip.example.org", "dave  sip:dave@other.example",
      ])
    let again = try await folder.run("add", "bob", "sip:eve@sip.example.org")
    #expect(again.exitCode == 65 && again.errors.contains("--replace"), "\(again.errors)")
    #expect(try await folder.run("add", "Bob", "sip:eve@sip.example.org", "--replace").exitCode == 0)
    #expect(try await folder.run("remove", "CAROL C").exitCode == 0)
    let none = try await folder.run("remove", "Carol C")
    #expect(none.exitCode == 65 && none.errors.contains("there are: Bob, dave"), "\(none.errors)")
    #expect(try folder.text().contains("# from work\n"))
    #expect(
      try await folder.run("list", "--json").lines.first
        == #"{"addresses":["sip:eve@sip.example.org"],"event":"contact","name":"Bob"}"#)
  }

  @Test(arguments: ["sip:carol@sip.example.org", "carol@sip.example.org", "", "name:x"])
  func whatLooksLikeAnAddressIsNoName(_ name: String) async throws {
    let folder = try Folder()
    let run = try await folder.run("add", name, "sip:bob@sip.example.org")
    #expect(run.exitCode == 65, "\(run.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.file.path))
  }

  @Test(arguments: [
    ("[contacts]\n\nBob = 7\n", "line 3"), ("[contacts]\n\"a@b\" = \"sip:b@h\"\n", "looks like an address"),
    ("[contacts\n", "line 1"), ("[people]\n", "unknown setting 'people'"), ("contacts = 1\n", "is a table"),
  ])
  func aFaultInTheFileIsNamed(_ text: String, _ says: String) async throws {
    let folder = try Folder(text)
    for arguments in [["list"], ["add", "x", "sip:x@h"]] {
      let run = try await CommandRun(
        TestPaths.limeade, ["--config", folder.folder.file("config.toml").path, "contact"] + arguments)
      #expect(run.exitCode == 78 && run.errors.contains(says), "\(run.errors)")
    }
    #expect(try folder.text() == text)
  }

  @Test func aFileThatOthersCanWriteIsNotBelieved() async throws {
    let folder = try Folder("[contacts]\nBob = \"sip:bob@h\"\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o662], ofItemAtPath: folder.file.path)
    let run = try await folder.run("list")
    #expect(run.exitCode == 78 && run.errors.contains("chmod 600"), "\(run.errors)")
  }

  @Test func valuesOfSeveralLinesAreKeptThoughWrittenAnew() async throws {
    let folder = try Folder(
      "# mine\n[contacts]\nkim = [\n  \"sip:kim@a.example\", # home\n  \"sip:kim@b.example\",\n]\n")
    #expect(try await folder.run("add", "Bob", "sip:bob@h").exitCode == 0)
    #expect(try await folder.run("list").lines == ["Bob  sip:bob@h", "kim  sip:kim@a.example, sip:kim@b.example"])
    #expect(try folder.text().hasPrefix("# mine\n"))
  }

  @Test func cardsAreImported() async throws {
    let folder = try Folder("[contacts]\nBob = \"sip:other@h\"\n")
    let cards = """
      BEGIN:VCARD
      VERSION:4.0
      FN:Bob
      IMPP:sip:bob@h
      END:VCARD
      BEGIN:VCARD
      VERSION:3.0
      N:Jones;Ann;;;
      X-SIP:ann@h
      END:VCARD
      BEGIN:VCARD
      FN:sip:eve@h
      IMPP:sip:mallory@h
      END:VCARD
      BEGIN:VCARD
      FN:No Address
      END:VCARD

      """
    try Data(cards.utf8).write(to: folder.folder.file("people.vcf"))
    let run = try await folder.run("import", folder.folder.file("people.vcf").path)
    #expect(run.exitCode == 0 && run.output == "1 contact from 4 cards, 1 without a SIP address\n", "\(run.output)")
    #expect(run.errors.contains("left as it is: Bob") && run.errors.contains("left out"), "\(run.errors)")
    #expect(try await folder.run("list").lines == ["Ann Jones  sip:ann@h", "Bob  sip:other@h"])
    #expect(try await folder.run("import", folder.folder.file("people.vcf").path, "--replace").exitCode == 0)
    #expect(try await folder.run("list").lines == ["Ann Jones  sip:ann@h", "Bob  sip:bob@h"])
    try Data("no card\n".utf8).write(to: folder.folder.file("people.vcf"))
    #expect(try await folder.run("import", folder.folder.file("people.vcf").path).exitCode == 65)
  }

  @Test func aNameDoesForAnAddressAndNoRoomTakesItAway() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let (alice, bob, carol) = (
      try await lab.listener("alice"), try await lab.listener("bob"), try await lab.listener("carol")
    )
    func run(_ arguments: String...) async throws -> CommandRun { try await lab.run(as: "alice", arguments) }
    // Carol makes a room that is called as alice's contact will be.
    let made = try await lab.run(as: "carol", "room", "create", "The Builder", "alice", "--json")
    try await alice.event("room", ["room": try #require(made.events.first?["room"])])
    #expect(try await run("contact", "add", "The Builder", "bob").exitCode == 0)
    let sent = try await run("send", "the builder", "for bob", "--wait", "delivered")
    #expect(sent.exitCode == 0, "\(sent.errors)")
    try await bob.event("message", ["text": "for bob"])
    // Somebody of the own domain, by the name alone.
    let other = try await run("send", "carol", "for carol", "--wait", "delivered")
    #expect(other.exitCode == 0, "\(other.errors)")
    try await carol.event("message", ["text": "for carol"])
    #expect(!carol.output.contains { $0.contains("for bob") })
    let group = try await run("room", "create", "Two", "The Builder", "carol")
    #expect(group.exitCode == 0 && group.output.contains("sip:bob@sip.example.org (The Builder)"), "\(group.output)")
    #expect(try await run("history", "The Builder").output.contains("for bob"))
    #expect(try await run("history").output.contains("The Builder: "))
    #expect(try await run("room", "list").lines.contains { $0.hasPrefix("The Builder (encrypted") })
    #expect(try await run("keys", "verify", "The Builder").output.contains("contact     The Builder"))
    // Nobody is called so.
    let nobody = try await run("send", "nobody-here", "hello")
    #expect(
      nobody.exitCode == 65 && nobody.errors.contains("no room and no contact is called 'nobody-here'"),
      "\(nobody.errors)")
    #expect(try await run("contact", "remove", "The Builder").exitCode == 0)
    for process in [alice, bob, carol] { process.stop() }
  }

  @Test func whatAServerAnsweredIsForThoseWhoAsk() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    for (options, isShown) in [([String](), false), (["-v"], true)] {
      let run = try await lab.run(as: "alice", ["send", "sip:nobody@sip.example.org", "hello"] + options)
      #expect(run.exitCode == 76 && run.errors.contains("nobody has not signed in yet"), "\(run.errors)")
      #expect(run.errors.contains("[SIP 488 ") == isShown, "\(run.errors)")
    }
  }
}
