// ProtocolPageTests.swift: Resources/docs/protocol.md has what limeade puts on the wire, all of it and nothing else.
import Foundation
import HostilePeer
import Lab
import Lime
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite(.serialized) struct ProtocolPageTests {
  @Test func everyRequestOfAConversationIsOnThePageAndNothingElse() async throws {
    let conversation = try await RecordedConversation()
    do { try await conversation.play() } catch {
      await conversation.end()
      throw error
    }
    await conversation.end()

    var page = try ProtocolPage()
    var unknown: [String] = []
    for message in try await conversation.messages() {
      unknown += try page.note(message.title, common: message.common, lines: message.lines)
    }
    #expect(Set(unknown).sorted().joined(separator: "\n") == "", "sent, and not on the page")
    // What only UDP has is compared with the page by SIPAgentTests.
    let titles = page.sections.keys.filter { $0 != "OPTIONS" }.sorted()
    #expect(page.unseen(in: titles).joined(separator: "\n") == "", "on the page, and not sent")
  }

  @Test func thePlacesInTheCodeThatThePageNamesAreThere() throws {
    let page = try ProtocolPage()
    let sources = try SourceFiles()
    for (title, section) in page.sections {
      #expect(!section.places.isEmpty, "\(title) names no place")
      for (name, file) in section.places where !sources.declares(name, in: file) {
        Issue.record("\(title): no \(name) in \(file)")
      }
    }
  }
}

/// Swift and C files under Sources, by name.
struct SourceFiles {
  private var texts: [String: String] = [:]

  init() throws {
    let folder = TestPaths.package.appendingPathComponent("Sources")
    let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    for case let file as URL in files where ["swift", "c"].contains(file.pathExtension) {
      texts[file.lastPathComponent, default: ""] += try String(contentsOf: file, encoding: .utf8)
    }
  }

  /// - Parameter name: `Type`, or `Type.member`: the file says both.
  func declares(_ name: String, in file: String) -> Bool {
    guard let text = texts[file] else { return false }
    let parts = name.split(separator: ".")
    guard let type = parts.first, let member = parts.last else { return false }
    let declaresType = ["struct", "enum", "class", "actor", "extension", "protocol"].contains {
      text.contains("\($0) \(type)")
    }
    guard parts.count > 1 else { return declaresType || text.contains("func \(type)(") }
    let declarations = ["func \(member)(", "var \(member)", "let \(member)", "case \(member)", "struct \(member)"]
    return declaresType && declarations.contains { text.contains($0) }
  }
}

/// alice with limeade, all of whose connections are recorded; bob with limeade, and carol by hand, who reads what alice
/// encrypts.
private struct RecordedConversation {
  /// One message, or what is inside one.
  struct Sent {
    var title: String
    var common: [String] = []
    var lines: [String]
  }

  private static let clock = MovableClock()
  let lab = Lab(.example)
  let sip: RecordingProxy
  let keys: RecordingProxy
  let files: RecordingProxy
  let alice: ChatAccount
  let bob: ChatAccount
  let carol: HostilePeer
  let lime: HostileDevice
  let folder: TemporaryFolder
  private let factory: String

  init() async throws {
    let addresses = try await lab.start()
    factory = addresses.factory
    folder = try TemporaryFolder()
    sip = try RecordingProxy(to: #require(SIPURI(addresses.sip)?.port))
    let (keyServer, fileServer) = (try #require(addresses.keyServer), try #require(addresses.fileServer))
    keys = try RecordingProxy(to: #require(keyServer.port))
    files = try RecordingProxy(to: #require(fileServer.port))
    func recorded(_ url: URL, _ recorder: RecordingProxy) throws -> URL {
      var parts = try #require(URLComponents(url: url, resolvingAgainstBaseURL: false))
      parts.port = recorder.port
      return try #require(parts.url)
    }
    alice = try ChatAccount(
      user: "alice", domain: addresses.domain, proxy: #require(SIPURI("sip:127.0.0.1:\(sip.port);transport=tcp")),
      factory: #require(SIPURI(factory)), keyServer: recorded(keyServer, keys),
      fileServer: recorded(fileServer, files), clock: Self.clock.clock)
    bob = try ChatPair.account("bob", addresses)
    carol = try HostilePeer("carol", sip: addresses.sip)
    try await carol.start()
    lime = try await carol.limeDevice(at: addresses)
    try await bob.start()
    try await alice.start()
  }

  func end() async {
    await alice.stop()
    await bob.stop()
    await carol.stop()
    await lab.stop()
    for recorder in [sip, keys, files] { recorder.stop() }
  }

  private var members: (bob: SIPURI, carol: SIPURI) {
    (SIPURI(user: "bob", host: WireClient.domain), SIPURI(user: "carol", host: WireClient.domain))
  }

  // MARK: What is said

  func play() async throws {
    let room = try await alice.client.createRoom(named: "Team", members: [members.bob, members.carol]).room.address
    _ = try await bob.room(named: "Team")
    #expect(try await carol.invitation() == room)
    try await alice.stored(room, "three devices", within: 20) { $0.deviceCount == 3 }

    let text = try await write(room)
    try await answer(room)
    try await misunderstand(room)
    try await change(room, text)
    try await others()

    let brief = try await alice.client.createRoom(named: "Brief", members: [members.bob], lifetime: 3600)
    try await alice.client.setLifetime(of: brief.room.address, to: 60)

    // After a restart there is no dialog with the room.
    try await alice.restart()
    try await alice.client.rename(room, to: "Squad")
    Self.clock.advance(days: 9)
    _ = try await alice.client.updateKeys()
    try await alice.client.leave(room)
    try await alice.client.giveUp()
  }

  /// What alice writes.
  private func write(_ room: String) async throws -> Message {
    let text = try await alice.client.send("hello", to: room)
    try await alice.outcome(of: text)
    try await alice.outcome(
      of: try await alice.client.send("more", to: room, MessageOptions(replyTo: text.messageID)))
    let brief = try await alice.client.send(
      "for now", to: room, MessageOptions(lifetime: 3600, unreadLifetime: 7200))
    try await alice.outcome(of: brief)
    try await alice.outcome(of: try await alice.client.send("beep", to: room, MessageOptions(isAutomatic: true)))
    _ = try await alice.client.edit(brief.messageID, in: room, to: "for an hour")
    try await alice.change(.edited, of: brief.messageID, "for an hour")
    try await alice.outcome(of: try await alice.client.forward(text.messageID, from: room, to: room))
    _ = try await alice.client.react("👍", to: text.messageID, in: room)
    try await alice.change(.reaction, of: text.messageID, "👍")
    _ = try await alice.client.edit(text.messageID, in: room, to: "hello all")
    try await alice.change(.edited, of: text.messageID, "hello all")
    _ = try await alice.client.retract(text.messageID, in: room)
    try await alice.change(.retracted, of: text.messageID)
    let note = folder.file("note.txt")
    try Data("a note\n".utf8).write(to: note)
    for (words, options) in [("", MessageOptions(replyTo: text.messageID)), ("look", MessageOptions(lifetime: 3600))] {
      try await alice.outcome(of: try await alice.client.send(words, files: [note.path], to: room, options))
    }
    await alice.client.sendComposing(true, to: room)
    await alice.client.sendComposing(false, to: room)
    return text
  }

  /// What alice says of what others write.
  private func answer(_ room: String) async throws {
    let first = try await bob.client.send("one", to: room)
    try await alice.message("one")
    try await bob.delivery(of: first.messageID, by: alice.address)
    try await alice.client.markRead(room)
    try await bob.delivery(of: first.messageID, by: alice.address, state: .displayed)
    for words in ["two", "three"] {
      let message = try await bob.client.send(words, to: room)
      try await alice.message(words)
      try await bob.delivery(of: message.messageID, by: alice.address)
    }
    // Two in one.
    try await alice.client.markRead(room)
    try await bob.event("the last is displayed") { event -> Bool? in
      guard case .delivery(_, let id, alice.address, .displayed, _, _) = event else { return nil }
      return id == first.messageID ? nil : true
    }
  }

  /// What alice cannot read, and what she does not understand.
  private func misunderstand(_ room: String) async throws {
    let device = try #require(await alice.client.device)
    let unreadable = CPIMMessage.text("unreadable", from: carol.device, to: room)
    let (contentType, body) = try await lime.envelope(unreadable, to: [device], room: "sip:other@\(WireClient.domain)")
      .serialized
    try await carol.message(room, contentType: contentType, body)
    _ = try await carol.received("MESSAGE") { $0["Content-Type"] == "message/cpim" }
    var strange = CPIMMessage.text("strange", from: carol.device, to: room)
    strange.required = [CPIMHeader.Name(namespace: nil, name: "Unheard-Of")]
    let before = await carol.requests.count
    try await carol.send(strange, as: lime, to: [device], room: room)
    try await carol.comesAfter(before, "MESSAGE")
  }

  /// What alice changes in the room.
  private func change(_ room: String, _ text: Message) async throws {
    try await alice.client.rename(room, to: "Crew")
    try await alice.client.remove(members.bob, from: room)
    try await alice.client.invite(members.bob, to: room)
    try await alice.client.makeAdmin(members.bob, in: room)
  }

  /// Rooms of others, without encryption, with one person, and with a lifetime for all messages.
  private func others() async throws {
    let alice = alice.configuration.address
    let open = try await bob.client.createRoom(named: "Open", members: [alice, members.carol], encrypted: false)
      .room.address
    _ = try await self.alice.room(named: "Open")
    try await self.alice.stored(open, "three devices", within: 20) { $0.deviceCount == 3 }
    try await self.alice.outcome(of: try await self.alice.client.send("in plain", to: open))
    try await fetch(in: open)
    try await self.alice.client.leave(open)

    _ = try await self.alice.client.oneToOneRoom(with: members.carol)
    let room = try await carol.createRoom(
      "Brief", at: factory, members: [alice.description], encrypted: true,
      headers: "Ephemerable: true\r\nEphemeral-Life-Time: 3600\r\n")
    try await self.alice.stored(room, "a lifetime", within: 20) { $0.room.lifetime == 3600 && $0.deviceCount == 2 }
    try await carol.request(
      "REFER", room, from: carol.device,
      headers: "Contact: <\(carol.device)>\r\nRefer-To: <\(alice)>;text;admin=true\r\n")
    try await self.alice.stored(room, "the right", within: 20) { summary in
      summary.participants.contains { $0.address == alice.description && $0.isAdmin }
    }
    try await self.alice.client.rename(room, to: "Briefer")
  }

  /// A file of alice's, offered back to her by carol at the address of the recorder.
  private func fetch(in room: String) async throws {
    let file = folder.file("plain.txt")
    try Data("plain\n".utf8).write(to: file)
    try await alice.outcome(of: try await alice.client.send("", files: [file.path], to: room))
    let offer = try await carol.received("MESSAGE") { String(decoding: $0.body, as: UTF8.self).contains("file-info") }
    var info = try FileTransferInfo(parsing: try CPIMMessage(parsing: offer.body).body)
    info.file.url = info.file.url.replacing(/:[0-9]+\//, with: ":\(files.port)/")
    info.file.name = "back.txt"
    var cpim = CPIMMessage(
      from: SIPURI(carol.device), to: SIPURI(room), dateTime: Date(), contentType: .fileTransfer, body: info.serialized)
    cpim.messageID = MessageID.make()
    try await carol.message(room, cpim.serialized)
    await alice.client.save(try await alice.fileMessage("back.txt"), 0, in: folder.file("saved").path)
    #expect(try await alice.savedFile("back.txt") == Data("plain\n".utf8))
  }

  // MARK: What was sent

  /// All of it, and what is inside the encrypted.
  func messages() async throws -> [Sent] {
    var all = (keys.messages + files.messages).map { http($0) }
    var bodies: Set<Data> = []
    for message in sip.messages {
      all.append(sip(message))
      guard message.isRequest, message.method == "MESSAGE", bodies.insert(message.body).inserted else { continue }
      let isEncrypted = LimeEnvelope.matches(contentType: message["Content-Type"] ?? "")
      let room = message.startLine.split(separator: " ")[1]
      let cpim = isEncrypted ? try await lime.open(message, room: String(room)).serialized : message.body
      all.append(inner(cpim))
    }
    return all
  }

  private func sip(_ message: WireMessage) -> Sent {
    let headers = message.headers.map { "\($0.name): \($0.value)" }
    guard message.isRequest else {
      return Sent(title: "Answers", lines: [message.startLine + " to " + message.method] + headers)
    }
    let common = ["Every request"]
    let title: String
    var lines: [String] = headers
    switch message.method {
    case "INVITE":
      let isInDialog = message.tag("To") != nil
      title =
        isInDialog
        ? "Re-INVITE: another name"
        : message.startLine.contains(factory)
          ? "INVITE to the factory"
          : message.body.isEmpty ? "INVITE without a body: back into a room" : "INVITE to the room"
      lines += Self.xml(message.body)
    case "MESSAGE":
      if message["Content-Type"] == "message/cpim" {
        title = "MESSAGE in a room without encryption"
      } else {
        title = "MESSAGE in an encrypted room"
        lines += Self.parts(message.body, message["Content-Type"] ?? "")
      }
    default: title = message.method
    }
    return Sent(title: title, common: common, lines: lines)
  }

  /// Header fields of the parts, and what is in those that are text.
  private static func parts(_ body: Data, _ contentType: String) -> [String] {
    guard let parts = try? MultipartBody(parsing: body, contentType: contentType).parts else { return ["unreadable"] }
    return parts.flatMap { part in
      var lines = part.headers.fields.map { "\($0.name): \($0.value)" }
      let type = part.contentType?.mediaType ?? ""
      if type.hasSuffix("+xml") { return lines + xml(part.body) }
      if type.hasPrefix("message/") {
        lines += String(decoding: part.body, as: UTF8.self).components(separatedBy: "\r\n").filter { !$0.isEmpty }
      }
      return lines
    }
  }

  /// What a member reads of a MESSAGE.
  private func inner(_ data: Data) -> Sent {
    guard let cpim = try? CPIMMessage(parsing: data), let type = cpim.contentType else {
      return Sent(title: "unreadable", lines: [])
    }
    let head = data.prefix(data.count - cpim.body.count)
    var lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n").filter { !$0.isEmpty }
    let title: String
    switch type.mediaType {
    case "application/im-iscomposing+xml": title = "Typing"
    case "message/imdn+xml": title = Self.noticeTitle(cpim.body)
    case "multipart/mixed":
      title = cpim.isNotification ? "Several notices" : "Text with files"
      lines += Self.parts(cpim.body, type.description)
    case "application/vnd.gsma.rcs-ft-http+xml": title = "File"
    default:
      title =
        cpim.isReaction
        ? "Reaction"
        : cpim.replaces != nil
          ? "Edit" : cpim.retracts != nil ? "Retraction" : "Text"
    }
    if type.mediaType.hasSuffix("+xml") { lines += Self.xml(cpim.body) }
    let common = ["Every message in CPIM"] + (["File", "Text with files"].contains(title) ? ["Text"] : [])
    return Sent(title: title, common: common, lines: lines)
  }

  private static func noticeTitle(_ body: Data) -> String {
    guard let notice = try? IMDNMessage(parsing: body) else { return "unreadable" }
    return switch notice.kind {
    case .delivered: "Delivered"
    case .displayed: "Displayed"
    default: "Not delivered"
    }
  }

  /// Elements and attributes.
  private static func xml(_ body: Data) -> [String] {
    let text = String(decoding: body, as: UTF8.self)
    return text.matches(of: /<([A-Za-z][A-Za-z0-9:-]*)([^<>]*)>/).flatMap { element in
      ["<\(element.output.1)>"] + element.output.2.matches(of: /[A-Za-z:0-9]+="[^"]*"/).map { String($0.output) }
    }
  }

  private func http(_ message: WireMessage) -> Sent {
    var lines = message.headers.map { "\($0.name): \($0.value)" }
    let title: String
    if message["Content-Type"] == keyServerMediaType {
      title = "POST to the key server"
      lines.append(message.body.prefix(3).map { String(format: "%02x", $0) }.joined(separator: " ") + " …")
    } else if message.startLine.hasPrefix("GET ") {
      title = "GET of a file"
    } else if message.body.isEmpty {
      title = "Empty POST to the file server"
    } else {
      title = "POST of a file"
      lines += Self.parts(message.body, message["Content-Type"] ?? "")
    }
    return Sent(title: title, common: ["Every request over HTTP"], lines: [message.startLine] + lines)
  }
}

extension RecordingProxy {
  /// What was sent, message by message.
  fileprivate var messages: [WireMessage] {
    sent.flatMap { data -> [WireMessage] in
      var data = data
      var messages: [WireMessage] = []
      while let message = WireMessage.take(&data) { messages.append(message) }
      return messages
    }
  }
}

extension HostilePeer {
  /// Until another request of that method has come.
  fileprivate func comesAfter(_ count: Int, _ method: String) async throws {
    let deadline = ContinuousClock.now + .seconds(Self.patience)
    while !requests.dropFirst(count).contains(where: { $0.method == method }) {
      guard ContinuousClock.now < deadline else { throw TestFailure("\(device): no \(method)") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
