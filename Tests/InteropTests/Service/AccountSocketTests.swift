// AccountSocketTests.swift: the account's socket as a program in another language uses it, and as an attacker would.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct AccountSockets {
  private static let bob = "sip:bob@sip.example.org"

  /// A lab in which alice listens, and a way to her socket.
  private struct Scene {
    let lab: LabProgram
    let holder: PeerProcess
    let folder: String

    init() async throws {
      lab = try await LabProgram()
      holder = try await lab.listener("alice")
      folder = lab.folder.file("data/limeade/alice").path
    }

    /// Python's json and sockets at the other end (Tests/Peers/socket-lines.py).
    func connect() async throws -> PeerProcess {
      let script = TestPaths.package.appendingPathComponent("Tests/Peers/socket-lines.py").path
      let client = try PeerProcess(
        URL(fileURLWithPath: "/usr/bin/env"), ["python3", "-u", script, folder], name: "socket client")
      try await client.nextLine("CONNECTED") { $0 == "CONNECTED" }
      return client
    }

    func stop() {
      holder.stop()
      lab.stop()
    }
  }

  private static func object(_ line: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  /// Sends a request and returns the answer to it; events come between.
  private static func ask(_ client: PeerProcess, _ request: String, id: String = "1") async throws -> [String: Any] {
    try client.send(request)
    // Python's json sorts the names, so an answer begins with its error or its id; events have neither.
    return try object(
      try await client.nextLine("answer \(id) to \(request)") {
        $0.hasPrefix("{\"id\": \(id), \"jsonrpc\"")
          || ($0.hasPrefix("{\"error\":") && $0.contains("}, \"id\": \(id), \"jsonrpc\""))
      })
  }

  private static func code(_ answer: [String: Any]) -> Int? { (answer["error"] as? [String: Any])?["code"] as? Int }

  @Test func theSocketRefusesWhatTheCommandLineRefuses() async throws {
    let scene = try await Scene()
    let bob = try await scene.lab.listener("bob")
    let client = try await scene.connect()
    func params(_ object: [String: Any]) throws -> String {
      String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
    }
    let own = "SIP:alice@SIP.example.org;transport=tcp"
    for (method, object) in [
      ("message.send", ["to": own, "text": "to whom?"]), ("message.sendAll", ["to": own, "texts": ["to whom?"]]),
      ("room.open", ["to": own]), ("room.show", ["room": own]), ("message.history", ["room": own]),
      ("message.send", ["to": Self.bob, "text": "half\0of it"]),
      ("message.send", ["to": Self.bob, "text": " \u{200B}"]),
      ("room.create", ["name": "Ops\0x", "members": ["bob"]]), ("message.send", ["to": "sip:bo", "text": "x"]),
    ] as [(String, [String: Any])] {
      let answer = try await Self.ask(
        client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\(method)\",\"params\":\(try params(object))}")
      #expect(Self.code(answer) == 65, "\(method) \(object): \(answer)")
    }
    #expect(!bob.output.contains { $0.contains("whom") || $0.contains("half") })
    bob.stop()
    client.stop()
    scene.stop()
  }

  @Test func severalTextsGoOutTogetherInOrderAndOnce() async throws {
    let scene = try await Scene()
    let bob = try await scene.lab.listener("bob")
    let client = try await scene.connect()
    func request(_ id: Int, _ texts: [String], _ ids: [String]) throws -> String {
      let params: [String: Any] = ["to": Self.bob, "texts": texts, "ids": ids]
      let object: [String: Any] = ["jsonrpc": "2.0", "id": id, "method": "message.sendAll", "params": params]
      return String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
    }
    let texts = (0..<40).map { "number \($0)" }
    let ids = texts.indices.map { "together\($0)" }
    for number in 1...2 {
      let answer = try await Self.ask(client, try request(number, texts, ids), id: "\(number)")
      let messages = try #require(answer["result"] as? [[String: Any]])
      #expect(messages.map { $0["messageID"] as? String } == ids)
    }
    let many = try await Self.ask(
      client, try request(3, Array(repeating: "x", count: 65), Array(repeating: "y", count: 65)), id: "3")
    #expect((many["error"] as? [String: Any])?["message"] as? String == "at most 64 texts can be sent at a time")
    let oversize = try await Self.ask(
      client, try request(4, ["not sent", String(repeating: "x", count: 70_000)], ["one", "two"]), id: "4")
    #expect(oversize["error"] != nil)
    let last = try await Self.ask(client, try request(5, ["last"], ["last"]), id: "5")
    #expect(last["error"] == nil)
    try await bob.event("message", ["text": "last"])
    let arrived = bob.output.filter { $0.contains(#""event":"message""#) }
    #expect(arrived.count == texts.count + 1)
    for (line, text) in zip(arrived, texts + ["last"]) { #expect(line.contains(#""text":"\#(text)""#)) }
    client.stop()
    bob.stop()
    scene.stop()
  }

  @Test func aProgramInAnotherLanguageSendsInOrderAndHearsWhatHappens() async throws {
    let scene = try await Scene()
    let bob = try await scene.lab.listener("bob")
    let client = try await scene.connect()
    let shown = try await Self.ask(client, #"{"jsonrpc":"2.0","id":1,"method":"account.show"}"#)
    let account = try #require(shown["result"] as? [String: Any])
    #expect(account["address"] as? String == "sip:alice@sip.example.org")
    let subscribed = try await Self.ask(client, #"{"jsonrpc":"2.0","id":"s","method":"events.subscribe"}"#, id: "\"s\"")
    #expect(subscribed["result"] as? [String: String] == [:])
    // All at once and without waiting: they arrive in this order.
    let texts = (0..<8).map { "number \($0) ü" }
    for (index, text) in texts.enumerated() {
      try client.send(
        #"{"jsonrpc":"2.0","id":\#(100 + index),"method":"message.send","params":{"to":"\#(Self.bob)","text":"\#(text)"}}"#
      )
    }
    for text in texts { try await bob.nextEvent("message", ["text": text, "encrypted": "true"]) }
    for index in texts.indices {
      let answer = try Self.object(
        try await client.line("answer \(index)") { $0.hasPrefix("{\"id\": \(100 + index), ") })
      let id = try #require((answer["result"] as? [String: Any])?["messageID"] as? String)
      try await client.line("delivery of \(index)") { $0.contains(#""event": "delivered""#) && $0.contains(id) }
    }
    // By its standard name for a person who is not there: the exit code of the command line.
    let failed = try await Self.ask(
      client, #"{"jsonrpc":"2.0","id":2,"method":"message.send","params":{"to":"Nowhere","text":"x"}}"#, id: "2")
    #expect(Self.code(failed) == 65)
    scene.holder.stop()
    try await client.line("closing") { $0.contains(#""method": "closing""#) }
    try await client.line("the end") { $0 == "END" }
    bob.stop()
    scene.stop()
  }

  @Test func aScreenOfItsOwnHasEverythingItNeeds() async throws {
    let scene = try await Scene()
    let bob = try await scene.lab.listener("bob")
    let client = try await scene.connect()
    var number = 0
    func ask(_ method: String, _ parameters: [String: Any] = [:]) async throws -> [String: Any] {
      number += 1
      let request: [String: Any] = ["jsonrpc": "2.0", "id": number, "method": method, "params": parameters]
      let data = try JSONSerialization.data(withJSONObject: request)
      return try await Self.ask(client, String(decoding: data, as: UTF8.self), id: "\(number)")
    }
    func listed(_ parameters: [String: Any]) async throws -> [[String: Any]] {
      let entries = try #require(try await ask("message.history", parameters)["result"] as? [[String: Any]])
      return entries.compactMap { $0["message"] as? [String: Any] }
    }
    _ = try await ask("events.subscribe")
    // The same request twice, as after a lost answer: one message.
    let send: [String: Any] = ["to": Self.bob, "text": "number 1", "id": "chosenByMe01"]
    let sent = try #require(try await ask("message.send", send)["result"] as? [String: Any])
    #expect(sent["messageID"] as? String == "chosenByMe01")
    let again = try #require(try await ask("message.send", send)["result"] as? [String: Any])
    #expect(again["id"] as? Int == sent["id"] as? Int)
    let room = try #require(sent["room"] as? String)
    for count in 2...5 { _ = try await ask("message.send", ["to": room, "text": "number \(count)"]) }
    try await bob.event("message", ["text": "number 5"])
    #expect(bob.output.filter { $0.contains("number 1") }.count == 1)
    #expect(Self.code(try await ask("message.send", ["to": room, "text": "x", "id": "-no id"])) == 65)

    // Pages, and a search in them.
    let page = try await listed(["room": room, "limit": 2])
    #expect(page.map { $0["text"] as? String } == ["number 4", "number 5"])
    let oldest = try #require(page.first?["id"] as? Int)
    let older = try await listed(["room": room, "limit": 2, "before": oldest])
    #expect(older.map { $0["text"] as? String } == ["number 2", "number 3"])
    let newer = try await listed(["room": room, "limit": 1, "after": try #require(older.last?["id"] as? Int)])
    #expect(newer.map { $0["text"] as? String } == ["number 4"])
    #expect(
      try await listed(["search": "number", "before": oldest, "limit": 1]).first?["text"] as? String == "number 3")
    #expect(Self.code(try await ask("message.history", ["room": room, "before": 1, "after": 1])) == 65)
    #expect(Self.code(try await ask("message.history", ["room": room, "before": 99_999])) == 65)

    // Members with their devices and what is known of them; their keys; typing; mentions.
    let shown = try #require(try await ask("room.show", ["room": room])["result"] as? [String: Any])
    #expect((shown["devices"] as? [[String: Any]])?.contains { $0["participant"] as? String == Self.bob } == true)
    let keys = try #require(try await ask("keys.fetch", ["address": "bob"])["result"] as? [String: Any])
    #expect((keys["devices"] as? [[String: Any]])?.first?["code"] is String)
    _ = try await ask("message.composing", ["room": room, "active": true])
    try await bob.event("composing", ["active": "true"])
    #expect(try await scene.lab.run(as: "bob", "send", room, "alice: look").exitCode == 0)
    try await client.line("the mention") { $0.contains("alice: look") }
    let mentions = try #require(try await ask("room.mentions")["result"] as? [String: Int])
    #expect(mentions == [room: 1])

    // A file, with its progress.
    let folder = try TemporaryFolder()
    try Data("content".utf8).write(to: folder.file("note.txt"))
    let path = folder.file("note.txt").path
    #expect(try await scene.lab.run(as: "bob", "send", room, "--file", path).exitCode == 0)
    let offer = try Self.object(try await client.line("the offer") { $0.contains(#""state": "offered""#) })
    let event = try #require(offer["params"] as? [String: Any])
    let saved = folder.file("saved").path
    let id = try #require(event["id"] as? String)
    _ = try await ask("message.save", ["room": room, "id": id, "folder": saved])
    try await client.line("the file") { $0.contains(#""state": "saved""#) }
    #expect(try String(contentsOfFile: saved + "/note.txt", encoding: .utf8) == "content")
    #expect(Self.code(try await ask("message.save", ["room": room, "id": id, "folder": "saved"])) == 65)
    #expect(Self.code(try await ask("message.save", ["room": room, "id": id, "folder": saved, "index": 7])) == 65)
    bob.stop()
    scene.stop()
  }

  @Test func whatIsNoRequestIsAnsweredAsTheSpecificationSays() async throws {
    let scene = try await Scene()
    let client = try await scene.connect()
    let cases = [
      ("nonsense", "null", -32700), (#"{"jsonrpc":"2.0","id":1,"method":"no.such"}"#, "1", -32601),
      (#"{"jsonrpc":"2.0","id":2,"method":"room.show"}"#, "2", -32602),
      (#"{"jsonrpc":"2.0","id":3,"method":"room.show","params":{"room":1}}"#, "3", -32602),
      (#"{"jsonrpc":"2.0","id":4,"method":"room.list","params":{"al":true}}"#, "4", -32602),
      (#"{"jsonrpc":"2.0","id":5,"method":"room.list","params":[]}"#, "5", -32602),
      (#"{"id":6,"method":"room.list"}"#, "6", -32600), ("[]", "null", -32600),
    ]
    for (request, id, code) in cases {
      #expect(Self.code(try await Self.ask(client, request, id: id)) == code, "\(request)")
    }
    // A notification has no answer, a batch has one for each of its requests.
    try client.send(#"{"jsonrpc":"2.0","method":"room.list"}"#)
    try client.send(#"[{"jsonrpc":"2.0","id":8,"method":"room.list"},{"jsonrpc":"2.0","method":"room.list"},1]"#)
    let batch = try await client.nextLine("answer to the batch") { $0.hasPrefix("[") }
    let answers = try #require(try JSONSerialization.jsonObject(with: Data(batch.utf8)) as? [[String: Any]])
    #expect(answers.count == 2 && answers.first?["id"] as? Int == 8)
    #expect(!client.output.contains { $0.contains("\"id\": null, \"jsonrpc\": \"2.0\", \"result\"") })
    // A line that is too long ends this connection, and only this one.
    let other = try await scene.connect()
    try client.send(#"{"jsonrpc":"2.0","id":9,"method":""# + String(repeating: "x", count: 1_200_000) + #""}"#)
    try await client.line("too long") { $0.contains("-32001") }
    try await client.line("the end") { $0 == "END" }
    #expect(try await Self.ask(other, #"{"jsonrpc":"2.0","id":1,"method":"room.list"}"#)["result"] is [Any])
    scene.stop()
  }

  @Test func connectionsAreLimitedAndFreedAgain() async throws {
    let scene = try await Scene()
    var clients: [PeerProcess] = []
    for _ in 0..<32 { clients.append(try await scene.connect()) }
    // A connection is counted when it is taken, which an answer shows.
    for client in clients {
      #expect(try await Self.ask(client, #"{"jsonrpc":"2.0","id":1,"method":"room.list"}"#)["result"] is [Any])
    }
    let refused = try await scene.connect()
    try await refused.line("refusal") { $0.contains("too many connections") }
    try await refused.line("the end") { $0 == "END" }
    try clients[0].send("!close")
    try await clients[0].line("the end") { $0 == "END" }
    // The holder frees the place just after it closes its end.
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      let again = try await scene.connect()
      try again.send(#"{"jsonrpc":"2.0","id":1,"method":"room.list"}"#)
      if try await again.nextLine("an answer").contains("\"result\"") { break }
      try #require(ContinuousClock.now < deadline)
    }
    for client in clients { client.stop() }
    scene.stop()
  }

  @Test func theSocketIsForTheOwnerOnly() async throws {
    let scene = try await Scene()
    let path = scene.folder + "/socket"
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    #expect(try FileManager.default.attributesOfItem(atPath: scene.folder)[.posixPermissions] as? Int == 0o700)
    scene.stop()
  }

  /// Even when the folders' permissions let another user reach the socket, the kernel's word of who it is counts.
  @Test(.enabled(if: geteuid() == 0, "only root can act as another user"))
  func anotherUserIsNotServed() async throws {
    let scene = try await Scene()
    var folder = URL(fileURLWithPath: scene.folder)
    while folder.path.count > 1 {
      let mode = try FileManager.default.attributesOfItem(atPath: folder.path)[.posixPermissions] as? Int ?? 0
      if mode & 0o011 != 0o011 {
        try FileManager.default.setAttributes([.posixPermissions: mode | 0o011], ofItemAtPath: folder.path)
      }
      if folder.path == scene.lab.folder.url.path { break }
      folder.deleteLastPathComponent()
    }
    #expect(chmod(scene.folder + "/socket", 0o666) == 0)
    let probe = """
      import os, socket
      os.chdir("\(scene.folder)")
      os.setgid(65534); os.setuid(65534)
      s = socket.socket(socket.AF_UNIX); s.connect("socket"); print("CONNECTED", flush=True)
      try: s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"room.list"}\\n')
      except OSError: pass
      try: print("GOT", s.recv(100), flush=True)
      except OSError: print("GOT b''", flush=True)
      """
    let other = try PeerProcess(URL(fileURLWithPath: "/usr/bin/env"), ["python3", "-c", probe], keepsErrors: true)
    try await other.line("a connection") { $0 == "CONNECTED" }
    try await other.line("no answer") { $0 == "GOT b''" }
    scene.stop()
  }

  /// The holder is stopped with Ctrl-Z: said after a while, not waited for without end.
  @Test func aHolderThatDoesNotAnswerIsNamed() async throws {
    let scene = try await Scene()
    let shown = try await scene.lab.run(as: "alice", "account", "show", "--json")
    let holder = try #require(shown.events.first?["held-by"]?.split(separator: " ").last.flatMap { pid_t($0) })
    #expect(kill(holder, SIGSTOP) == 0)
    defer { kill(holder, SIGCONT) }
    let sent = try await scene.lab.run(as: "alice", "send", Self.bob, "x")
    #expect(sent.exitCode == 75)
    #expect(sent.errors.contains("process \(holder)) does not answer"))
    kill(holder, SIGCONT)
    scene.stop()
  }
}
