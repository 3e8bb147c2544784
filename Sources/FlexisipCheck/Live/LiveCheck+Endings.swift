// LiveCheck+Endings.swift: what explains failures of any later step: a server that ended, and what a registration said
import Foundation
import MessageFormats
import SIPAgent

extension LiveCheck {
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
  func causesOfDevices(at step: CheckStep) async -> [CheckCause] {
    guard Self.rooms.contains(step), !hasServerEnded else { return [] }
    var found: [CheckCause] = []
    if await isForgotten() { found += causes.shortRegistrations }
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
    let own = Self.contact(of: instance, in: answer)
    let seconds = (own?[parameter: "expires"] ?? answer[header: "Expires"]).flatMap(Int.init)
    registeredUntil = seconds.map { .now + .seconds($0) }
  }

  private static func contact(of instance: String, in answer: SIPResponse) -> NameAddress? {
    answer.headers.all(named: "Contact").flatMap(NameAddress.list).first {
      $0[parameter: "+sip.instance"]?.contains(instance) == true
    }
  }

  /// Whether the probe's registration is gone before its time. Flexisip 2.2 grants what was asked for, and forgets
  /// earlier if its configuration says so.
  private func isForgotten() async -> Bool {
    guard let probe, let probeDevice, let registeredUntil, ContinuousClock.now < registeredUntil else { return false }
    let answer = await probe.perform(
      "REGISTER", registrar, from: account.address, to: account.address, headers: [SIPHeader("Supported", "gruu")],
      credentials: credentials)
    guard let final = answer.final else { return false }
    // 2.2 says 500 when there is nothing to tell.
    if final.status == 500 { return true }
    return final.isSuccess && Self.contact(of: probeDevice.instance, in: final) == nil
  }
}
