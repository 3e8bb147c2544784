// AddressKeyTests.swift: all spellings of an address are one key, and different addresses are different ones
import MessageFormats
import Testing

@Suite struct AddressKeyTests {
  @Test(arguments: [
    "sip:alice@sip.example.org", "sip:alice@SIP.Example.ORG", "SIP:alice@sip.example.org:5060",
    "sip:alice@sip.example.org:5070", "sip:alice@sip.example.org;transport=tls", "sips:alice@sip.example.org",
    "sip:%61lice@sip.example.org", "sip:ali%63e@sip.example.org.", "sip:alice:secret@sip.example.org",
    "sip:alice@sip.example.org;gr=urn:uuid:1?Subject=x",
  ])
  func aPersonIsOneInEverySpelling(_ text: String) throws {
    #expect(try #require(SIPURI(text)).addressOfRecord.description == "sip:alice@sip.example.org")
  }

  @Test func otherPeopleAreOthers() throws {
    let others = [
      "sip:alice@sip.example.org", "sip:Alice@sip.example.org", "sip:alice@example.org", "sip:sip.example.org",
      "sip:bob@sip.example.org", "sip:alice%00@sip.example.org", "sip:al%FFice@sip.example.org",
      "sip:al%FEice@sip.example.org", "sip:al%EF%BF%BDice@sip.example.org",
    ]
    #expect(Set(try others.map { try #require(SIPURI($0)).addressOfRecord.description }).count == others.count)
  }

  @Test func aConferenceIsOneWhicheverOrderItsParametersHave() throws {
    let keys = try [
      "sip:conference-focus@sip.example.org;gr=G;conf-id=C", "sip:conference-focus@sip.example.org;conf-id=C;gr=G",
      "sip:conference-focus@SIP.example.org:5060;Conf-ID=C;gr=other",
      "sip:conference-focus@sip.example.org;conf-id=%43",
      "sip:conference-focus@sip.example.org;transport=tcp;conf-id=C;lr",
    ].map { try #require(SIPURI($0)).conferenceKey }
    #expect(Set(keys) == ["sip:conference-focus@sip.example.org;conf-id=C"])
  }

  @Test func otherConferencesAreOthers() throws {
    let keys = try [
      "sip:conference-focus@sip.example.org;conf-id=C", "sip:conference-focus@sip.example.org;conf-id=c",
      "sip:conference-focus@sip.example.org;conf-id", "sip:conference-focus@sip.example.org",
      "sip:chatroom-a@sip.example.org;gr=G", "sip:chatroom-A@sip.example.org;gr=G",
    ].map { try #require(SIPURI($0)).conferenceKey }
    #expect(Set(keys).count == keys.count)
  }

  @Test func aDeviceIsOneWhicheverCaseItsURNHas() throws {
    let keys = try [
      "sip:bob@sip.example.org;gr=urn:uuid:ab-cd", "sip:bob@SIP.example.org;gr=URN:UUID:AB-CD;transport=tcp",
    ].map { try #require(SIPURI($0)).deviceKey }
    #expect(keys[0] == keys[1])
    #expect(try #require(SIPURI("sip:bob@a.org;gr=X")).deviceKey != #require(SIPURI("sip:bob@a.org;gr=x")).deviceKey)
  }

  @Test func aKeyIsItsOwnKey() throws {
    for text in [
      "sip:a%3Bb@sip.example.org;gr=urn:uuid:A%20b;conf-id=%3D%3B", "sips:%C3%A9@Example.org:1;x=%25;y",
      "sip:example.org",
    ] {
      let uri = try #require(SIPURI(text))
      let address = uri.addressOfRecord
      #expect(address.addressOfRecord.description == address.description)
      #expect(SIPURI(address.description)?.addressOfRecord.description == address.description)
      #expect(try #require(SIPURI(uri.conferenceKey)).conferenceKey == uri.conferenceKey)
      #expect(try #require(SIPURI(uri.deviceKey)).deviceKey == uri.deviceKey)
    }
  }
}
