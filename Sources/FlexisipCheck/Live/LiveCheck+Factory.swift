// LiveCheck+Factory.swift: whether the conference factory makes a room, which is given up again (RFC 4579 §5.4)
import ChatCore
import Foundation
import MessageFormats
import SIPAgent

extension LiveCheck {
  /// A proxy that gives up before this has a very short timer of its own.
  private static let quickest = Duration.seconds(4)

  func tryFactory(_ probe: SIPProbe) async {
    guard let gruu = probeDevice?.gruu else { return }
    _ = await passes(.factory) {
      let start = ContinuousClock.now
      let answer = await invite(causes.factory, over: probe, as: gruu)
      let room = try await judgeFactory(answer, isQuick: start.duration(to: .now) < Self.quickest)
      let end = await giveUp(room, over: probe, as: gruu)
      return "\(answer.summary), room \(room), \(end)"
    }
  }

  /// An INVITE as a client's that makes a room. Nobody is invited by the factory's; the list is the room's business.
  func invite(
    _ target: SIPURI, over probe: SIPProbe, as gruu: SIPURI, members: [SIPURI]? = nil,
    credentials: SIPProbe.Credentials? = nil
  ) async -> ProbeAnswer {
    let answer = await probe.perform(
      "INVITE", "\(target)", from: account.address, to: target,
      headers: [
        SIPHeader("Contact", "<\(gruu)>;text"), SIPHeader("Subject", "limeade check"),
        SIPHeader("Require", "recipient-list-invite"), SIPHeader("Content-Type", "application/resource-lists+xml"),
        SIPHeader("Content-Disposition", "recipient-list"), SIPHeader("Supported", "gruu"),
      ], body: ResourceList(members ?? [other?.address ?? account.address]).serialized,
      credentials: credentials ?? self.credentials)
    // From here on it is there, whatever becomes of this check.
    if let room = Self.room(in: answer) { noteTrialRoom(room) }
    return answer
  }

  /// The address of the room that the factory has made.
  static func room(in answer: ProbeAnswer) -> SIPURI? {
    guard let final = answer.final, (300..<400).contains(final.status),
      let contact = final[header: "Contact"].flatMap(NameAddress.init), contact.has(parameter: "isfocus")
    else { return nil }
    return contact.uri
  }

  private func judgeFactory(_ answer: ProbeAnswer, isQuick: Bool) async throws -> SIPURI {
    guard let final = answer.final else {
      guard answer.provisional.isEmpty else { throw StepFailure(answer.summary, causes.factoryRings) }
      throw await silentFactory(answer)
    }
    switch final.status {
    case 300..<400:
      guard let room = Self.room(in: answer) else {
        throw StepFailure("\(answer.summary) to no focus", causes.noRoomFromFactory)
      }
      if let agent = final[header: "User-Agent"] ?? final[header: "Server"] { focusAgent = agent }
      return room
    case 404, 480, 604:
      let (evidence, seen) = await lookForFactory()
      throw StepFailure(answer.summary + (seen.map { "; \($0)" } ?? ""), causes.unknownFactory(evidence))
    case 401, 407: throw StepFailure("\(answer.summary) again", causes.wrongPassword(challenges))
    case 403: throw StepFailure(answer.summary, causes.domainForbidden + causes.unknownFactory())
    case 408, 500, 503, 504:
      // A domain that is none of ours is looked up in DNS: more probably the account has it wrong than the server.
      if causes.isElsewhere(causes.factory) {
        let (evidence, seen) = await lookForFactory(elsewhereOnly: true)
        if evidence.otherFactory != nil {
          throw StepFailure("\(answer.summary); \(seen ?? "")", causes.unknownFactory(evidence))
        }
      }
      let answers = await factoryAnswers()
      let lost = answers ? nil : await lostToFocus()
      throw StepFailure(
        answer.summary + (answers ? "; but 200 to OPTIONS" : ""),
        [lost].compactMap { $0 } + causes.brokenFactory(status: final.status, isQuick: isQuick, answersOthers: answers))
    case 416: throw StepFailure(answer.summary, causes.brokenFactory(status: final.status))
    case 482, 483: throw await silentFactory(answer)
    default: throw StepFailure(answer.summary, causes.noRoomFromFactory)
    }
  }

  /// The INVITE got lost or went in circles: by the router, or since nobody is where it is sent.
  private func silentFactory(_ answer: ProbeAnswer) async -> StepFailure {
    let routes = await routesToDevices()
    let seen = routes.map { "; a request for our own device \($0 ? "arrives" : "does not arrive")" } ?? ""
    let answers = answer.final == nil ? await factoryAnswers() : false
    let lost = answers || answer.final != nil || routes == false ? nil : await lostToFocus()
    return StepFailure(
      answer.summary + seen + (answers ? "; the factory answers OPTIONS" : ""),
      [lost].compactMap { $0 } + causes.brokenFactory(status: nil, routes: routes, answersOthers: answers))
  }

  /// Whether the conference server's own port takes connections, as the proxy makes them; nil if it does, or if nobody
  /// has said where it is.
  private func lostToFocus() async -> CheckCause? {
    guard causes.isSameMachine, !isConferenceServerGuessed, let place = conferenceServer,
      !SIPTransportAddress.isWildcard(place.host)
    else { return nil }
    let state = await connectionState(of: place, from: nil)
    return CheckCauses.lost(state, "the proxy", from: nil, to: place, key: "transport")
  }

  /// The same for what the conference server sends to the proxy.
  func lostToProxy() async -> CheckCause? {
    guard causes.isSameMachine, let place = outboundProxy else { return nil }
    let source = focusSource.flatMap { SIPTransportAddress.isWildcard($0) || !$0.isNumericAddress ? nil : $0 }
    let state = await connectionState(of: place, from: source)
    return CheckCauses.lost(state, "the conference server", from: source, to: place, key: "outbound-proxy")
  }

  private func connectionState(of place: SIPTransportAddress, from source: String?) async -> ConnectionState {
    let limit = min(3, timeouts.answer)
    guard place.protocols.contains("tcp") || place.protocols.contains("tls"), let port = UInt16(exactly: place.port)
    else { return .taken }
    return (try? await capped(limit + 1) { ConnectionState.of(place.host, port, from: source, within: limit) })
      ?? .dropped(seconds: Int(limit))
  }
}
