// FormatTargets.swift: the bodies and addresses of MessageFormats
import Foundation
import MessageFormats
import TestSupport

/// The recorded bodies that MessageFormatsTests reads.
private enum Recorded {
  static let envelopeType = #"multipart/encrypted;protocol="application/lime";boundary="# + MultipartBody.usualBoundary
  private static let folder = TestPaths.package.appendingPathComponent("Tests/MessageFormatsTests/Corpus")

  static func data(_ name: String) throws -> Data { try Data(contentsOf: folder.appendingPathComponent(name)) }

  static func all(_ suffix: String) -> @Sendable () throws -> [Data] {
    {
      try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(suffix) }.sorted()
        .map(data)
    }
  }

  static func named(_ names: String...) -> @Sendable () throws -> [Data] { { try names.map(data) } }

  static func inside(_ name: String) -> @Sendable () throws -> [Data] {
    { [try CPIMMessage(parsing: data("cpim-\(name).cpim")).body] }
  }
}

extension FuzzTarget {
  static let formats: [FuzzTarget] = [
    .read("cpim", Recorded.all(".cpim"), parse: { try CPIMMessage(parsing: $0).comparable }, write: \.serialized),
    .read(
      "cpim-encoded",
      text([
        "From: <sip:a@h>\r\nNS: v <urn:v>\r\nRequire: v.Option, imdn.Message-ID\r\nv.Option: x\r\n\r\n"
          + "Content-Type: text/plain;charset=koi8-r\r\nContent-Transfer-Encoding: quoted-printable\r\n"
          + "Content-Length: 3\r\n\r\n=F0=D2 =\r\n=3D \r\n",
        "From: <sip:a@h>\n\nContent-Type: message/imdn+xml\nContent-Transfer-Encoding: base64\n\nPGltZG4vPg==\n",
      ]), parse: { try CPIMMessage(parsing: $0).comparable }, write: \.serialized),
    // Character set, transfer encoding and body, a line each: the text is no longer than they explain.
    FuzzTarget(
      "text-part",
      seeds: text([
        "windows-1252\nbase64\nk6mU", "iso-2022-jp\n8bit\n\u{1B}$BF|\u{1B}(B", "utf-16\nquoted-printable\n=FF=FEa=00",
        "utf-7\n7bit\n+AOk-", "gb18030\nbinary\nx",
      ])
    ) { data in
      let lines = data.split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
      guard lines.count == 3 else { throw Refused() }
      let type = "text/plain;charset=\"\(String(decoding: lines[0], as: UTF8.self))\""
      let part = MIMEPart(
        headers: [
          .init("Content-Type", type), .init("Content-Transfer-Encoding", String(decoding: lines[1], as: UTF8.self)),
        ], body: Data(lines[2]))
      guard (part.decodedBody?.count ?? 0) <= part.body.count else { return false }
      return part.text.utf8.count <= 16 * data.count + 200
    },
    .read(
      "imdn", Recorded.inside("delivered"), parse: { try IMDNMessage(parsing: $0).comparable }, write: \.serialized),
    .read(
      "is-composing", Recorded.inside("composing"), parse: { try IsComposing(parsing: $0) }, write: \.serialized),
    .read(
      "file-transfer", Recorded.inside("file"), parse: { try FileTransferInfo(parsing: $0).comparable },
      write: \.serialized),
    .read(
      "resource-lists", Recorded.named("resource-lists.xml"), parse: { try ResourceList(parsing: $0) },
      write: \.serialized),
    .read(
      "conference-info",
      {
        let marked =
          "<?xml version=\"1.0\"?><?x y?><conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" "
          + "entity=\"sip:r@h\"><conference-description><subject>a<!-- > --><![CDATA[<&]]><?z?></subject>"
          + "</conference-description></conference-info>"
        return try Recorded.named("conference-info-09.xml", "conference-info-10.xml", "conference-info-13.xml")()
          + [Data(marked.utf8)]
      },
      parse: { try ConferenceInfo(parsing: $0) }, write: \.serialized),
    .read(
      "multipart", Recorded.all(".mime"),
      parse: { try MultipartBody(parsing: $0, boundary: MultipartBody.usualBoundary) },
      write: { $0.serialized(boundary: MultipartBody.usualBoundary) }),
    .read(
      "lime-envelope", Recorded.all(".mime"),
      parse: { try LimeEnvelope(parsing: $0, contentType: Recorded.envelopeType) }, write: \.serialized.body),
    .read(
      "deflate", { [Deflate.deflate(try Recorded.data("conference-info-09.xml"))] },
      parse: { try Deflate.inflate($0, limit: inflatedLimit) }, write: Deflate.deflate),
    FuzzTarget(
      "vcard",
      seeds: text([
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bob\\, B\r\nN:B;Bob;;;\r\ng.IMPP;PREF=1:sip:bob@h\r\n  x\r\nEND:VCARD\r\n",
        "BEGIN:VCARD\nFN;CHARSET=koi8-r;ENCODING=QUOTED-PRINTABLE:=F0=D2 =\n=3D\nX-SIP;TYPE=\"a:b\",pref:b@h\nEND:VCARD\n",
      ])
    ) { data in
      let cards = try VCard.cards(in: data)
      return cards.count <= VCard.maximumCards
        && cards.allSatisfy { card in
          card.addresses.count <= VCard.maximumAddresses && Set(card.addresses).count == card.addresses.count
            && card.addresses.allSatisfy { $0.user?.isEmpty == false && SIPURI($0.description) == $0 }
            && card.name.utf8.count <= 16 * data.count + 200 && !card.name.contains(where: \.isNewline)
        }
    },
    // Applied twice, as a focus that repeats itself would have it: the second time changes nobody's membership.
    FuzzTarget("conference-state", seeds: Recorded.all(".xml"), acceptsSeeds: false, cost: 4) { data in
      let info = try ConferenceInfo(parsing: data)
      var state = ConferenceState(entity: info.entity)
      _ = state.apply(info)
      let members = Set(state.participants.map(\.address))
      _ = state.apply(info)
      return Set(state.participants.map(\.address)) == members
        && state.participants.count <= ConferenceState.maximumParticipants
        && state.devices.count <= ConferenceState.maximumParticipants * ConferenceState.maximumDevices
    },
  ]

  private static let inflatedLimit = 10_000

  static let addresses: [FuzzTarget] = [
    .read(
      "sip-uri", text(["sip:bob%20@[::1]:5060;gr=urn:uuid:1;x?a=b", "sips:sip.example.org"]),
      parse: parsed { SIPURI($0) }, write: { Data($0.description.utf8) }),
    .read(
      "name-address",
      text(["\"B \\\"x\" <sip:b@h;lr>;tag=1;+sip.instance=\"<urn:x>\"", "sip:b@h;tag=\"a;b\"", "B <sip:h>"]),
      parse: parsed { NameAddress($0) }, write: { Data($0.description.utf8) }),
    .read(
      "content-type", text([Recorded.envelopeType, "text/plain; charset=utf-8; x=\"a\\\"b\""]),
      parse: parsed { ContentType($0) }, write: { Data($0.description.utf8) }),
    FuzzTarget(
      "name-address-list", seeds: text(["*, \"a,\\\"b\" <sip:a@h;x=1>;q=\"0,5\", sip:c@h;s=<x>, d <sip:d@h>"])
    ) { data in
      NameAddress.list(String(decoding: data, as: UTF8.self)).allSatisfy { NameAddress($0.description) == $0 }
    },
    FuzzTarget("date", seeds: text(["2026-11-21T10:40:57Z", "2024-02-29T23:59:60.123+05:30"])) { data in
      guard let date = RFC3339.date(from: String(decoding: data, as: UTF8.self)) else { throw Refused() }
      let written = RFC3339.string(from: date)
      return RFC3339.date(from: written).map { abs($0.timeIntervalSince(date)) < 1 } == true
    },
  ]
}

// What writing leaves out by intention: fractions of seconds, and Content-Length.
extension CPIMMessage {
  fileprivate var comparable: CPIMMessage {
    var copy = self
    copy.dateTime = dateTime.flatMap { RFC3339.date(from: RFC3339.string(from: $0)) }
    return copy
  }
}

extension IMDNMessage {
  fileprivate var comparable: IMDNMessage {
    var copy = self
    copy.dateTime = RFC3339.date(from: RFC3339.string(from: dateTime ?? Date(timeIntervalSince1970: 0)))
    return copy
  }
}

extension FileTransferInfo {
  fileprivate var comparable: FileTransferInfo {
    var copy = self
    copy.file.until = file.until.flatMap { RFC3339.date(from: RFC3339.string(from: $0)) }
    return copy
  }
}
