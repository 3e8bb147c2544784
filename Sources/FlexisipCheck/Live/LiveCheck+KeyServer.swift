// LiveCheck+KeyServer.swift: the LIME key server: reachable, its digest, publishing, fetching and deleting keys
import ChatCore
import DigestAuth
import Foundation
import HTTPClient
import Lime

extension LiveCheck {
  func tryKeyServer() async {
    guard let url = account.keyServer else {
      for step in [CheckStep.keyServerTLS, .keyServer, .keyServerDigest, .keyServerAccount] {
        notTried(step, "the account has no key-server")
      }
      return
    }
    guard await tryTLS(.keyServerTLS, of: url) else { return }
    let device = "\(account.address);gr=urn:uuid:\(UUID().uuidString.lowercased())"
    let answer = await step(.keyServer) { () -> (seen: String, value: HTTPResponse) in
      let request = KeyServerRequest(curve: account.curve, content: .getOneTimeKeyIDs)
      do {
        let client = HTTPClient(caFile: account.caFile, timeout: timeouts.answer)
        let response = try await send(Self.post(request, to: url, as: device), by: client)
        if response.status == 401 { return ("401, asks for a password", response) }
        guard response.status == 200, (try? KeyServerAnswer(parsing: response.body)) != nil else {
          throw StepFailure(
            "HTTP \(response.status), no LIME answer", causes.noKeyServer(url.absoluteString, answers: true))
        }
        return ("200, asks for no password", response)
      } catch let error as HTTPClientError {
        throw StepFailure(error.description, causes.noKeyServer(url.absoluteString))
      }
    }
    guard let answer else { return }
    // Flexisip tells the time only with its DateHandler module on; web servers always do.
    if !hasPassed(.clock), !hasFailed(.clock), let date = answer[header: "Date"] {
      await compareClock(date, of: "the key server's")
    }
    let lines = answer.values(ofHeader: "WWW-Authenticate")
    let challenges = DigestChallenge.list(lines)
    if answer.status == 401 {
      guard await tryKeyServerDigest(lines, challenges) else { return }
    } else {
      notTried(.keyServerDigest, "the key server asks for no password")
    }
    _ = await passes(.keyServerAccount) {
      // What a device that is not there has published: nothing, whatever the device.
      let request = KeyServerRequest(curve: account.curve, content: .getOneTimeKeyIDs)
      let answer: KeyServerAnswer
      do { answer = try await exchange(request, for: account, device: device) } catch let error as HTTPClientError {
        throw StepFailure(error.description, causes.keyServerRefuses(challenges))
      }
      if case .error(let code, let text) = answer.content, code != .deviceNotFound {
        throw StepFailure("\(code): \(text)", causes.keyServerError(code, account.curve))
      }
      return "accepted, \(account.curve.name)"
    }
  }

  private func tryKeyServerDigest(_ lines: [String], _ challenges: [DigestChallenge]) async -> Bool {
    await passes(.keyServerDigest) {
      guard !challenges.isEmpty else {
        throw StepFailure(
          "no Digest with MD5, SHA-256 or SHA-512-256: \(lines.joined(separator: "; "))", causes.keyServerRefuses())
      }
      guard challenges.contains(where: { $0.realm.caseInsensitiveCompare(account.digestRealm) == .orderedSame }) else {
        let realms = Set(challenges.map(\.realm)).sorted()
        throw StepFailure("realm \(realms.joined(separator: ", "))", causes.otherKeyServerRealm(realms))
      }
      let algorithms = challenges.filter { $0.realm.caseInsensitiveCompare(account.digestRealm) == .orderedSame }
        .map(\.algorithm.rawValue)
      let note = algorithms.contains("MD5") ? "" : " (clients that know MD5 only do not answer)"
      return "algorithms \(algorithms.joined(separator: " ")), realm \(account.digestRealm)\(note)"
    }
  }

  private static func post(_ request: KeyServerRequest, to url: URL, as device: String) -> HTTPRequest {
    .post(
      request.serialized, to: url.absoluteString, contentType: keyServerMediaType,
      headers: [HTTPField("From", device), HTTPField("X-Lime-user-identity", device)])
  }

  private func exchange(_ request: KeyServerRequest, for account: AccountConfiguration, device: String) async throws
    -> KeyServerAnswer
  {
    guard let url = account.keyServer else { throw StepFailure("no key-server", []) }
    let client = HTTPClient(
      caFile: account.caFile,
      credentials: HTTPCredentials(
        username: account.address.user ?? "", password: account.password.reveal(), realm: account.digestRealm),
      timeout: timeouts.answer)
    let response = try await send(Self.post(request, to: url, as: device), by: client)
    guard response.status == 200, let answer = try? KeyServerAnswer(parsing: response.body) else {
      let refuses = [401, 403].contains(response.status)
      throw StepFailure(
        "HTTP \(response.status)" + (refuses ? "" : ", no LIME answer"),
        refuses ? causes.keyServerRefuses() : causes.noKeyServer(url.absoluteString, answers: true))
    }
    return answer
  }

  /// What the two devices published can be fetched by each other.
  func tryKeys(_ here: TemporaryDevice, _ there: TemporaryDevice) async -> Bool {
    guard ![.keyServerTLS, .keyServer, .keyServerDigest, .keyServerAccount].contains(where: hasFailed),
      account.keyServer != nil, there.account.keyServer != nil
    else {
      let missing = [here, there].filter { $0.account.keyServer == nil }.map(\.address)
      let reason =
        missing.isEmpty ? "the key server's step has failed" : "no key-server: \(missing.joined(separator: ", "))"
      for step in [CheckStep.keysPublished, .keysFetched] { notTried(step, reason) }
      return false
    }
    let published = await passes(.keysPublished) {
      for device in [here, there] where await !device.hasPublishedKeys() {
        let complaint = device.complaints.last ?? "no keys"
        // As ChatCore words the answer 0x0A, whose own text is the server's.
        let isLimit = complaint.contains("too many requests")
        throw StepFailure(
          "\(device.address): \(complaint)",
          isLimit
            ? causes.keyServerError(.resourceLimit, account.curve)
            : causes.keysNotTaken(of: device.account, own: account.keyServer))
      }
      return "identity, signed prekey and one-time keys of both, \(account.curve.name)"
    }
    guard published else {
      notTried(.keysFetched, "they are not there")
      return false
    }
    return await passes(.keysFetched) {
      guard let own = await here.client.device, let wanted = await there.client.device else {
        throw StepFailure("a device is offline", [])
      }
      let devices = [DeviceID(wanted)]
      let answer = try await exchange(
        KeyServerRequest(curve: account.curve, content: .getBundles(devices)), for: account, device: own)
      let bundles = try answer.bundles(for: devices, curve: account.curve)
      guard bundles.allSatisfy({ $0.keys != nil }) else {
        throw StepFailure("the key server does not know \(wanted)", causes.undecryptable)
      }
      return "keys of \(wanted)"
    }
  }

  /// Removes a temporary device's keys. Returns what went wrong.
  func deleteKeys(of device: TemporaryDevice) async -> String? {
    guard await device.hasPublishedKeys(), let id = await device.client.device else { return nil }
    do {
      let answer = try await exchange(
        KeyServerRequest(curve: device.account.curve, content: .deleteDevice), for: device.account, device: id)
      guard case .acknowledged(.deviceDeleted) = answer.content else { return "the keys of \(id) are not deleted" }
      return nil
    } catch { return "the keys of \(id) are not deleted: \(Self.text(of: error))" }
  }
}
