// ConferenceTests.swift: resource lists and conference state against RFC 4826, RFC 4575 and the recorded traffic
import Foundation
import MessageFormats
import Testing

private let alice = SIPURI(user: "alice", host: "sip.example.org")
private let bob = SIPURI(user: "bob", host: "sip.example.org")
private let carol = SIPURI(user: "carol", host: "sip.example.org")
private let room = SIPURI(user: "room", host: "sip.example.org", parameters: [Parameter("gr", "1")])

private func device(_ owner: SIPURI, _ name: String) -> SIPURI { owner.with(parameter: "gr", name) }

@Suite("Resource list")
struct ResourceListTests {
  @Test("a recorded list is read, and written again byte for byte")
  func recorded() throws {
    let data = try Corpus.data("resource-lists.xml")
    let list = try ResourceList(parsing: data)
    #expect(list.entries == [bob, carol])
    #expect(list.serialized == data)
  }

  @Test("nested lists count, entries that are no SIP address do not")
  func nested() throws {
    let text = """
      <resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="x"><entry uri="sip:bob@sip.example.org">
      <display-name>B</display-name></entry><list><entry uri="&lt;sip:carol@sip.example.org&gt;"/></list>
      <entry uri="tel:1"/><entry/><external anchor="http://example.org/"/></list></resource-lists>
      """
    #expect(try ResourceList(parsing: Data(text.utf8)).entries == [bob, carol])
    #expect(try ResourceList(parsing: ResourceList([]).serialized).entries.isEmpty)
  }

  @Test("URI parameters of an entry stay with its URI")
  func parameters() throws {
    let list = ResourceList([device(bob, "urn:uuid:1")])
    #expect(try ResourceList(parsing: list.serialized) == list)
  }

  @Test("the number of entries is limited")
  func limit() throws {
    let list = ResourceList(Array(repeating: bob, count: ResourceList.maximumEntries + 1))
    #expect(throws: FormatError.tooLarge(format: "resource list", limit: "\(ResourceList.maximumEntries) entries")) {
      try ResourceList(parsing: list.serialized)
    }
  }
}

@Suite("Conference information")
struct ConferenceInfoTests {
  @Test("a recorded full state")
  func full() throws {
    let info = try ConferenceInfo(parsing: Corpus.data("conference-info-09.xml"))
    #expect(info.entity.user == "chatroom-6YXJK~nKgif6QlzJ")
    #expect(info.state == .full)
    #expect(info.version == 9)
    #expect(info.subject == "Team")
    #expect(info.freeText == "1795239916")
    #expect(info.users.map(\.entity) == [alice, bob, carol])
    #expect(info.users.map(\.roles) == [["admin"], ["participant"], ["participant"]])
    #expect(info.users[1].endpoints.map(\.entity) == [device(bob, "urn:uuid:fc58a235-6513-0081-896e-c3798d291f3f")])
  }

  @Test("what is written is read again", arguments: try Corpus.names(suffix: ".xml").filter { $0.hasPrefix("conf") })
  func roundTrip(name: String) throws {
    let info = try ConferenceInfo(parsing: Corpus.data(name))
    #expect(try ConferenceInfo(parsing: info.serialized) == info)
  }

  @Test(
    "written elements and attributes are Flexisip's",
    arguments: ["12", "13", "17", "role"])
  func layout(name: String) throws {
    let data = try Corpus.data("conference-info-\(name).xml")
    #expect(try ConferenceInfo(parsing: data).serialized == data)
  }

  @Test("display texts and ephemeral time survive, markup in them does no harm")
  func extras() throws {
    let user = ConferenceInfo.User(
      entity: bob, displayText: "B<o>b & \"co\"", roles: [],
      endpoints: [
        .init(entity: device(bob, "1"), displayText: "phone"), .init(entity: device(bob, "2"), state: .deleted),
      ])
    let info = ConferenceInfo(
      entity: room, state: .partial, version: nil, subject: "</subject>", ephemeralLifetime: 60,
      ephemeralUnreadLifetime: 5,
      users: [user])
    #expect(try ConferenceInfo(parsing: info.serialized) == info)
  }

  @Test("several documents in one NOTIFY are sorted by version")
  func catchUp() throws {
    let headers: HeaderFields = [.init("Content-Type", "application/conference-info+xml")]
    let names = ["conference-info-11.xml", "conference-info-10.xml"]
    var parts = try names.map { MIMEPart(headers: headers, body: try Corpus.data($0)) }
    parts.append(MIMEPart(headers: headers, body: Data("<".utf8)))
    let body = MultipartBody(parts).serialized(boundary: "x")
    let all = try ConferenceInfo.all(inContentType: "multipart/mixed;boundary=x", body: body)
    #expect(all.map(\.version) == [10, 11])
    let single = try ConferenceInfo.all(inContentType: "application/conference-info+xml", body: parts[0].body)
    #expect(single.map(\.version) == [11])
  }

  @Test("numbers of users and devices are limited")
  func limits() throws {
    let users = (0...ConferenceInfo.maximumUsers).map { ConferenceInfo.User(entity: SIPURI(user: "u\($0)", host: "h")) }
    let devices = (0...ConferenceInfo.maximumEndpoints).map { ConferenceInfo.Endpoint(entity: device(bob, "\($0)")) }
    for info in [
      ConferenceInfo(entity: room, state: .full, version: 1, users: users),
      ConferenceInfo(entity: room, state: .full, version: 1, users: [.init(entity: bob, endpoints: devices)]),
    ] {
      #expect(throws: FormatError.self) { try ConferenceInfo(parsing: info.serialized) }
    }
  }
}

@Suite("Conference state")
struct ConferenceStateTests {
  private func info(
    _ state: ConferenceInfo.State, _ version: Int?, subject: String? = nil, _ users: [ConferenceInfo.User] = []
  ) -> ConferenceInfo {
    ConferenceInfo(entity: room, state: state, version: version, subject: subject, users: users)
  }

  private func member(
    _ address: SIPURI, _ devices: [String], roles: [String]? = ["participant"], state: ConferenceInfo.State = .full
  ) -> ConferenceInfo.User {
    .init(entity: address, state: state, roles: roles, endpoints: devices.map { .init(entity: device(address, $0)) })
  }

  @Test("the recorded notifications of one subscription lead from state to state")
  func recorded() throws {
    let infos = try (9...17).map { number in
      try ConferenceInfo(parsing: Corpus.data("conference-info-\(number < 10 ? "0" : "")\(number).xml"))
    }
    var state = ConferenceState(entity: infos[0].entity)
    let bobDevice = device(bob, "urn:uuid:fc58a235-6513-0081-896e-c3798d291f3f")
    let carolDevice = device(carol, "urn:uuid:2a37fb05-e87c-000b-8de0-82643bd1173e")
    let aliceDevice = device(alice, "urn:uuid:0d094f80-9fdb-00c6-9666-745a820a899f")
    let expected: [[ConferenceChange]] = [
      [
        .subjectChanged("Team"), .participantAdded(alice), .adminChanged(alice, isAdmin: true),
        .deviceAdded(aliceDevice, of: alice), .participantAdded(bob), .deviceAdded(bobDevice, of: bob),
        .participantAdded(carol), .deviceAdded(carolDevice, of: carol),
      ],
      [], [], [.subjectChanged("NewSubject")], [.deviceRemoved(carolDevice, of: carol), .participantRemoved(carol)],
      [.participantAdded(carol), .deviceAdded(carolDevice, of: carol)], [],
      [.deviceRemoved(carolDevice, of: carol), .participantRemoved(carol)], [.deviceRemoved(bobDevice, of: bob)],
    ]
    for (info, changes) in zip(infos, expected) {
      #expect(state.apply(info) == changes, "version \(info.version ?? 0)")
      #expect(state.version == info.version)
    }
    #expect(state.devices == [aliceDevice])
    #expect(state.participant(bob)?.devices == [])
    #expect(try JSONDecoder().decode(ConferenceState.self, from: JSONEncoder().encode(state)) == state)
  }

  @Test("a gap changes nothing and names both versions; the missing notification closes it")
  func gap() {
    var state = ConferenceState(entity: room)
    _ = state.apply(info(.full, 5, [member(alice, ["1"], roles: ["admin"])]))
    let before = state
    #expect(state.apply(info(.partial, 7, [member(bob, ["1"])])) == [.versionGap(known: 5, received: 7)])
    #expect(state == before)
    #expect(state.apply(info(.partial, 6, subject: "S")) == [.subjectChanged("S")])
    #expect(state.apply(info(.partial, 7, [member(bob, ["1"])])).count == 2)
    #expect(state.version == 7)
  }

  @Test("old and repeated partial notifications are ignored; one without a base is a gap")
  func old() {
    var state = ConferenceState(entity: room)
    #expect(state.apply(info(.partial, 9, subject: "x")) == [.versionGap(known: 0, received: 9)])
    _ = state.apply(info(.full, 5, subject: "new"))
    #expect(state.apply(info(.partial, 5, subject: "old")) == [])
    #expect(state.apply(info(.partial, 4, subject: "older")) == [])
    #expect(state.subject == "new")
    #expect(state.apply(info(.partial, .max, subject: "x")) == [.versionGap(known: 5, received: .max)])
  }

  @Test("a full notification replaces everything, and tells only what differs")
  func replaced() {
    var state = ConferenceState(entity: room)
    _ = state.apply(info(.full, 5, [member(alice, ["1"], roles: ["admin"]), member(bob, ["1", "2"])]))
    let changes = state.apply(info(.full, 2, [member(bob, ["2", "3"], roles: ["admin"])]))
    #expect(
      changes == [
        .deviceRemoved(device(alice, "1"), of: alice), .participantRemoved(alice),
        .adminChanged(bob, isAdmin: true), .deviceRemoved(device(bob, "1"), of: bob),
        .deviceAdded(device(bob, "3"), of: bob),
      ])
    #expect(state.version == 2)
  }

  @Test("a partial user keeps what it does not name, a full one does not")
  func users() {
    var state = ConferenceState(entity: room)
    _ = state.apply(info(.full, 1, [member(bob, ["1"], roles: ["admin"])]))
    let changes = state.apply(info(.partial, 2, [member(bob, ["2"], roles: nil, state: .partial)]))
    #expect(changes == [.deviceAdded(device(bob, "2"), of: bob)])
    #expect(state.participant(bob)?.isAdmin == true)
    #expect(
      state.apply(info(.partial, 3, [member(bob, ["2"], roles: ["participant"])])) == [
        .adminChanged(bob, isAdmin: false), .deviceRemoved(device(bob, "1"), of: bob),
      ])
  }

  @Test("within one document the last word on a device or user counts")
  func lastWord() {
    var state = ConferenceState(entity: room)
    var twice = member(bob, ["1"])
    twice.endpoints.append(.init(entity: device(bob, "1"), state: .deleted))
    twice.endpoints.append(.init(entity: device(bob, "2")))
    _ = state.apply(info(.full, 1, [twice, member(carol, ["1"]), .init(entity: carol, state: .deleted)]))
    #expect(state.devices == [device(bob, "2")])
    #expect(state.participants.map(\.address) == [bob])
  }

  @Test("a deleted conference has ended; notifications of other rooms change nothing")
  func ended() {
    var state = ConferenceState(entity: room)
    _ = state.apply(info(.full, 1, [member(bob, ["1"])]))
    let other = ConferenceInfo(entity: alice, state: .deleted, version: 2)
    #expect(state.apply(other) == [])
    #expect(state.apply(info(.deleted, 2)) == [.ended])
    #expect(state.apply(info(.deleted, 3)) == [])
    #expect(state.hasEnded)
  }

  @Test("participants and devices are bounded over many notifications")
  func bounded() {
    var state = ConferenceState(entity: room)
    let step = 500
    for version in 1...6 {
      let users = (0..<step).map { member(SIPURI(user: "u\(version * step + $0)", host: "h"), ["1"]) }
      _ = state.apply(info(version == 1 ? .full : .partial, version, users))
    }
    #expect(state.participants.count == ConferenceState.maximumParticipants)
    for version in 7...9 {
      let names = (0..<300).map { "d\(version * 300 + $0)" }
      let first = state.participants[0].address
      _ = state.apply(info(.partial, version, [member(first, names, roles: nil, state: .partial)]))
    }
    #expect(state.participants[0].devices.count == ConferenceState.maximumDevices)
  }
}
