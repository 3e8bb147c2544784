// LiveCheck+Endings.swift: what explains failures of any later step: a server that ended, and what a registration said
import Foundation
import MessageFormats
import SIPAgent

extension LiveCheck {
  /// Registrations for less than this end while the check waits for something, in seconds.
  private static let shortExpiry = 10
  private static let rooms = CheckStep.allCases.drop { $0 != .devices }.filter { $0 != .cleanup }

  // MARK: The server has ended

  /// Whether the server, which had answered, closed our connection by the time that a step failed: told once.
  func endOfServer(at step: CheckStep) async -> (cause: CheckCause, seen: String)? {
    let isOfServer = [.registration, .gruu, .secondRegistration, .factory].contains(step) || Self.rooms.contains(step)
    guard isOfServer || step == .challenge, !hasServerEnded, let probe else { return nil }
    let isClosed = await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: probe.hasBeenClosed()) }
    }
    guard isClosed else { return nil }
    let isBack = await takesConnections(probe)
    // What closes the connection at the first request, and listens on, may be no SIP server.
    guard isOfServer || !isBack else { return nil }
    hasServerEnded = true
    return (
      causes.serverEnded(isBack: isBack), "the server closed our connection" + (isBack ? "" : " and takes no other")
    )
  }

  private func takesConnections(_ probe: SIPProbe) async -> Bool {
    let (limit, host, port) = (min(2, timeouts.answer), probe.peer, probe.port)
    return (try? await capped(limit + 1) { _ = try SIPProbe(host: host, port: port, timeout: limit) }) != nil
  }

  // MARK: What the registration said

  /// Of what is tried with whole devices: these obey what the registrar's 200 says, single requests do not.
  func causesOfDevices(at step: CheckStep) -> [CheckCause] {
    guard Self.rooms.contains(step) else { return [] }
    var found: [CheckCause] = []
    if let grantedExpiry, grantedExpiry < Self.shortExpiry { found += causes.shortRegistration(grantedExpiry) }
    if let serviceRoute, !isOwnServer(serviceRoute) { found.append(causes.wrongServiceRoute(serviceRoute)) }
    return found
  }

  private func isOwnServer(_ route: SIPURI) -> Bool {
    let port = route.port ?? (route.parameters.contains { $0.value?.lowercased() == "tls" } ? 5061 : 5060)
    let hosts = [probe?.peer, causes.proxy.host, causes.location?.host].compactMap { $0 }
    let isHost = hosts.contains { $0.caseInsensitiveCompare(route.host) == .orderedSame }
    return isHost && probe?.port == UInt16(exactly: port)
  }

  func noteRegistration(_ answer: SIPResponse, instance: String) {
    serviceRoute = answer[header: "Service-Route"].flatMap(NameAddress.init)?.uri
    let own = answer.headers.all(named: "Contact").flatMap(NameAddress.list).first {
      $0[parameter: "+sip.instance"]?.contains(instance) == true
    }
    grantedExpiry = (own?[parameter: "expires"] ?? answer[header: "Expires"]).flatMap(Int.init)
  }
}
