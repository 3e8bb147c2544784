// ConferenceRoomTests.swift: who may do what in a room, and what others learn of it
import Foundation
import MessageFormats
import SIPAgent
import Testing

@testable import Lab

private func uri(_ text: String) -> SIPURI { SIPURI(text) ?? SIPURI(user: "bad", host: "bad") }
private let alice = uri("sip:alice@x.org")
private let bob = uri("sip:bob@x.org")
private let carol = uri("sip:carol@x.org")
private let alice1 = uri("sip:alice@x.org;gr=a1")
private let alice2 = uri("sip:alice@x.org;gr=a2")
private let bob1 = uri("sip:bob@x.org;gr=b1")
private let carol1 = uri("sip:carol@x.org;gr=c1")

struct ConferenceRoomTests {
  /// Alice's room with bob and carol, everyone present.
  private func team(isOneToOne: Bool = false) -> ConferenceRoom {
    var room = ConferenceRoom(address: uri("sip:chatroom-1@x.org;gr=f"), subject: "Team", isOneToOne: isOneToOne)
    let invited = isOneToOne ? [(bob, [bob1])] : [(bob, [bob1]), (carol, [carol1])]
    let steps = room.begin(creator: alice, device: alice1, otherDevices: [alice1], invited: invited)
    #expect(steps.invite == invited.flatMap(\.1))
    for device in steps.invite { room.join(device) }
    return room
  }

  @Test func theCreatorIsAdminAndItsOtherDevicesAreInvited() {
    var room = ConferenceRoom(address: uri("sip:chatroom-1@x.org;gr=f"), subject: "Team")
    let steps = room.begin(
      creator: alice, device: alice1, otherDevices: [alice1, alice2], invited: [(bob, [bob1]), (carol, [])])
    #expect(steps == .init(invite: [alice2, bob1]))
    #expect(room.member(alice)?.isAdmin == true)
    #expect(room.member(bob)?.isAdmin == false)
    #expect(room.member(carol) == nil)
    #expect(room.device(alice1)?.state == .present)
    #expect(room.device(alice2)?.state == .invited)
  }

  @Test func everyChangeHasTheNextVersion() {
    var room = team()
    let before = room.version
    room.rename("New", by: alice)
    #expect(room.changes(after: before) == [.init(version: before + 1, change: .subjectChanged("New"))])
    #expect(room.changes(after: room.version) == [])
  }

  @Test func aSubscriberWithoutOrWithAnImpossibleVersionGetsTheFullState() {
    let room = team()
    #expect(room.changes(after: 0) == nil)
    #expect(room.changes(after: room.version + 1) == nil)
  }

  @Test func aSubscriberFarBehindGetsTheFullState() {
    var room = team()
    let before = room.version
    for count in 0...ConferenceRoom.maximumHistory { room.rename("Name \(count)", by: alice) }
    #expect(room.history.count == ConferenceRoom.maximumHistory)
    #expect(room.changes(after: before) == nil)
    #expect(room.changes(after: before + 1)?.count == ConferenceRoom.maximumHistory)
  }

  @Test func onlyAdminsRename() {
    var room = team()
    room.rename("Mine", by: bob)
    #expect(room.subject == "Team")
    room.rename("Ours", by: alice)
    #expect(room.subject == "Ours")
  }

  @Test func onlyAdminsAddRemoveAndPromote() throws {
    var room = team()
    #expect(throws: ConferenceRoom.Refusal.notAdmin) { _ = try room.remove(carol, by: bob) }
    #expect(throws: ConferenceRoom.Refusal.notAdmin) { _ = try room.add(uri("sip:dave@x.org"), devices: [], by: bob) }
    #expect(throws: ConferenceRoom.Refusal.notAdmin) { try room.setAdmin(bob, true, by: bob) }
    #expect(throws: ConferenceRoom.Refusal.notMember) { _ = try room.remove(bob, by: uri("sip:eve@x.org")) }
    try room.setAdmin(bob, true, by: alice)
    #expect(try room.remove(carol, by: bob) == .init(bye: [carol1]))
    #expect(room.member(carol) == nil)
  }

  @Test func aUserWithoutUsableDeviceIsLeftOutSilently() throws {
    var room = team()
    let before = room.version
    #expect(try room.add(uri("sip:dave@x.org"), devices: [], by: alice) == .init())
    #expect(room.version == before)
  }

  @Test func leavingWithOneDeviceTakesTheUsersOtherDevicesAlong() {
    var room = team()
    room.join(alice2)
    #expect(room.leave(alice2) == .init(bye: [alice1]))
    #expect(room.member(alice) == nil)
  }

  @Test func whenTheLastAdminLeavesTheFirstMemberBecomesAdminAsFlexisipTellsIt() {
    var room = team()
    let before = room.version
    _ = room.leave(alice1)
    #expect(
      room.changes(after: before)?.map(\.change) == [
        .roleChanged(user: alice, isAdmin: false), .memberRemoved(user: alice), .roleChanged(user: bob, isAdmin: true),
      ])
  }

  @Test func takingTheOnlyAdminsRoleNamesAnAdmin() throws {
    var room = team()
    try room.setAdmin(alice, false, by: alice)
    #expect(room.members.filter(\.isAdmin).map(\.user) == [alice])
  }

  @Test func aOneToOneRoomEndsForBothAndHasNoMemberChanges() {
    var room = team(isOneToOne: true)
    #expect(throws: ConferenceRoom.Refusal.oneToOne) { _ = try room.add(carol, devices: [carol1], by: alice) }
    #expect(room.leave(bob1) == .init(bye: [alice1]))
    #expect(room.isEmpty)
  }

  @Test func anUnregisteredDeviceGoesButItsUserStays() {
    var room = team()
    let before = room.version
    room.deviceUnregistered(bob1)
    #expect(room.member(bob)?.devices == [])
    #expect(room.changes(after: before)?.map(\.change) == [.deviceRemoved(user: bob, gruu: bob1)])
    #expect(room.addDevice(bob1) == .init(invite: [bob1]))
  }

  @Test func strangersDevicesDoNotJoin() {
    var room = team()
    #expect(room.join(uri("sip:eve@x.org;gr=e1")) == false)
    #expect(room.addDevice(uri("sip:eve@x.org;gr=e1")) == .init())
  }

  @Test func messagesGoToAllDevicesButTheSenders() {
    var room = team()
    room.join(alice2)
    #expect(room.recipients(ofMessageFrom: alice1).map(\.gruu) == [alice2, bob1, carol1])
  }
}

struct ConferenceDocumentTests {
  /// What is written is read back by the project's own parser.
  @Test func theFullStateNamesMembersRolesAndDevices() throws {
    var room = ConferenceRoom(address: uri("sip:chatroom-1@x.org;gr=f"), subject: "A <&> \"B\"")
    _ = room.begin(creator: alice, device: alice1, otherDevices: [], invited: [(bob, [bob1])])
    let info = try ConferenceInfo(parsing: ConferenceDocument(room: room).full)
    #expect(info.entity == room.address)
    #expect(info.state == .full)
    #expect(info.version.map(UInt32.init) == room.version)
    #expect(info.subject == "A <&> \"B\"")
    #expect(info.users.map(\.entity) == [alice, bob])
    #expect(info.users.map { $0.endpoints.map(\.entity) } == [[alice1], [bob1]])
  }

  @Test func aRemovedMemberIsMarkedDeleted() throws {
    var room = ConferenceRoom(address: uri("sip:chatroom-1@x.org;gr=f"), subject: "")
    _ = room.begin(creator: alice, device: alice1, otherDevices: [], invited: [(bob, [bob1])])
    _ = try room.remove(bob, by: alice)
    let change = try #require(room.history.last)
    let info = try ConferenceInfo(parsing: ConferenceDocument(room: room).partial(change))
    #expect(info.state == .partial)
    #expect(info.users.map(\.state) == [.deleted])
  }
}

struct MessageStoreTests {
  private func message(_ text: String) -> SIPRequest {
    SIPRequest(method: "MESSAGE", uri: "sip:b@x", body: Data(text.utf8))
  }

  @Test func messagesComeInOrderAndStayUntilDelivered() {
    var store = MessageStore()
    for text in ["1", "2", "3"] { #expect(store.add(message(text), for: "bob") == 0) }
    let first = store.next(for: "bob")
    let second = store.next(for: "bob")
    #expect([first, second].map { $0.map { String(decoding: $0.request.body, as: UTF8.self) } } == ["1", "2"])
    if let first { store.failed(first.id, for: "bob") }
    if let second { store.delivered(second.id, for: "bob") }
    #expect(store.next(for: "bob")?.id == first?.id)
    #expect(store.count(for: "bob") == 2)
  }

  @Test func theOldestGoWhenTooManyWait() {
    var store = MessageStore()
    var dropped = 0
    for number in 0..<(MessageStore.maximumPerDevice + 5) { dropped += store.add(message("\(number)"), for: "bob") }
    #expect(dropped == 5)
    #expect(store.next(for: "bob")?.request.body == Data("5".utf8))
  }

  @Test func noMoreThanAWindowIsUnderWay() {
    var store = MessageStore()
    for number in 0..<(MessageStore.window + 1) { _ = store.add(message("\(number)"), for: "bob") }
    for _ in 0..<MessageStore.window { #expect(store.next(for: "bob") != nil) }
    #expect(store.next(for: "bob") == nil)
  }
}
