// KnownFocusesTests.swift: which addresses may open rooms
import MessageFormats
import Testing

@testable import ChatCore

@Suite struct KnownFocusesTests {
  private static func focuses(_ named: [String] = [], domains: [String] = []) throws -> KnownFocuses {
    var focuses = KnownFocuses(
      factory: try #require(SIPURI("sip:conference-factory@SIP.example.org")), domains: domains)
    for address in named { _ = focuses.learn(try #require(SIPURI(address))) }
    return focuses
  }

  private static let room = "sip:chatroom-aB1~@sip.example.org;gr=urn:uuid:1"
  private static let conference = "sip:conference-focus@sip.example.org;gr=G;conf-id=C"

  @Test(arguments: [room, conference, "sip:conference-focus@sip.Example.org:5060;conf-id=D;gr=H"])
  func aRoomAsFlexisipNamesItIsOurs(_ address: String) throws {
    #expect(try Self.focuses().verdict(on: #require(SIPURI(address))) == .ours)
  }

  /// An account can put any parameter behind its own address, and nothing else.
  @Test(arguments: [
    "sip:carol@sip.example.org", "sip:carol@sip.example.org;gr=urn:uuid:1",
    "sip:carol@sip.example.org;gr=urn:uuid:1;x=y",
    "sip:sip.example.org;gr=1", "sip:chatroom-aB1@other.example.org;gr=urn:uuid:1",
    "sip:chatroom-@sip.example.org;gr=1",
    "sip:chatroom-aB1@sip.example.org", "sip:conference-focus@other.example.org;conf-id=C",
    "sip:conference-focus@sip.example.org;gr=G", "sip:conference-focus@sip.example.org;conf-id",
    "sip:Chatroom-a@sip.example.org;gr=1", "sip:conference-factory@sip.example.org;gr=1",
  ])
  func anythingElseIsNot(_ address: String) throws {
    #expect(try Self.focuses().verdict(on: #require(SIPURI(address))) == .foreign)
    #expect(try Self.focuses([Self.room, Self.conference]).verdict(on: #require(SIPURI(address))) == .foreign)
  }

  @Test func anAccountThatCallsItselfAConferenceIsAskedAbout() throws {
    let carol = try #require(SIPURI("sip:carol@sip.example.org;gr=urn:uuid:1;conf-id=C"))
    #expect(try Self.focuses().verdict(on: carol) == .unproven)
    // Whatever the factory says, it does not name carol.
    #expect(try Self.focuses([Self.conference]).verdict(on: carol) == .unproven)
  }

  @Test func theFocusThatTheFactoryNamesCounts() throws {
    let named = "sip:focus-7@conference.example.net;conf-id=1;gr=G"
    let focuses = try Self.focuses([named])
    #expect(try focuses.verdict(on: #require(SIPURI("sip:focus-7@conference.example.net;gr=H;conf-id=2"))) == .ours)
    #expect(try focuses.verdict(on: #require(SIPURI("sip:focus-8@conference.example.net;conf-id=2"))) == .foreign)
    // The usual name is taken for the focus only while the factory has named none.
    #expect(try focuses.verdict(on: #require(SIPURI(Self.conference))) == .unproven)
  }

  @Test func furtherDomainsAreNamedByTheUser() throws {
    let elsewhere = try #require(SIPURI("sip:chatroom-x@rooms.example.net;gr=1"))
    #expect(try Self.focuses().verdict(on: elsewhere) == .foreign)
    #expect(try Self.focuses(domains: ["Rooms.example.net"]).verdict(on: elsewhere) == .ours)
    let person = try #require(SIPURI("sip:mallory@rooms.example.net;gr=1"))
    #expect(try Self.focuses(domains: ["rooms.example.net"]).verdict(on: person) == .foreign)
  }

  @Test func whatTheFactoryNamedIsKept() throws {
    let store = try StoredAccount()
    var focuses = KnownFocuses(factory: store.account.conferenceFactory, domains: [])
    #expect(focuses.learn(try #require(SIPURI("sip:focus-7@sip.example.org;conf-id=1"))))
    #expect(!focuses.learn(try #require(SIPURI("sip:focus-7@sip.example.org;gr=G;conf-id=2"))))
    let read = try store.store.database.write { [focuses] db in
      try focuses.write(db)
      return try KnownFocuses(db, of: store.account)
    }
    #expect(read == focuses)
  }
}
