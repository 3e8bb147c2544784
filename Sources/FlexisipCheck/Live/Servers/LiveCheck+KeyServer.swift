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
        let response = try await send(Self.post(request.serialized, to: url, as: device), by: client)
        if response.status == 401 { return ("401, asks for a password", response) }
        guard response.status == 200, (try? KeyServerAnswer(parsing: response.body)) != nil else {
          throw StepFailure(
            Self.seen(response),
            causes.webServer(response, at: url.absoluteString, setting: "key-server")
              + causes.noKeyServer(url.absoluteString, answers: true))
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
        if code == .missingSender { throw await notTold(device, "\(code): \(text)") }
        throw StepFailure("\(code): \(text)", causes.keyServerError(code, account.curve))
      }
      return await "accepted, \(account.curve.name)" + otherAlgorithms(device)
    }
  }

  /// The key server does not know who asks: which headers come through.
  private func notTold(_ device: String, _ seen: String) async -> StepFailure {
    var passes: [Bool] = []
    for name in ["From", "X-Lime-user-identity"] {
      let request = KeyServerRequest(curve: account.curve, content: .getOneTimeKeyIDs)
      let answer = try? await exchange(request, for: account, device: device, names: [name])
      if case .error(.missingSender, _)? = answer?.content {
        passes.append(false)
      } else {
        passes.append(answer != nil)
      }
    }
    let stripped = causes.headersStripped(from: passes[0], lime: passes[1])
    return StepFailure(
      seen + "; named in From only: \(passes[0] ? "known" : "unknown"), in X-Lime-user-identity only: "
        + (passes[1] ? "known" : "unknown"), stripped + causes.keyServerRefuses())
  }

  /// LIME's ids of algorithms beside ours, by liblime's names.
  private static let algorithms: [(id: UInt8, name: String)] = [
    (1, "c25519"), (2, "c448"), (4, "c25519mlk512"), (5, "c448mlk1024"),
  ]

  /// What else the key server serves. Accounts of Linphone with two algorithms ask for both, and take an answer for
  /// broken whose curve byte is another than they asked for.
  private func otherAlgorithms(_ device: String) async -> String {
    guard let url = account.keyServer else { return "" }
    var served: [String] = []
    var isZero = false
    for (id, name) in Self.algorithms where id != account.curve.rawValue {
      var bytes = KeyServerRequest(curve: account.curve, content: .getOneTimeKeyIDs).serialized
      guard bytes.count >= 3 else { continue }
      bytes[bytes.startIndex + 2] = id
      let request = Self.post(bytes, to: url, as: device)
      guard let response = try? await send(request, by: keyClient(for: account)), response.status == 200,
        response.body.count >= 3
      else { continue }
      let head = Array(response.body.prefix(4))
      if head[2] == 0 { isZero = true }
      // An error's code follows the three bytes of the head; 1 is an algorithm that is not served.
      let isRefused = head[1] == 0xFF && head.count > 3 && head[3] == KeyServerErrorCode.badCurve.rawValue
      if head[2] == id, !isRefused { served.append(name) }
    }
    return (served.isEmpty ? ", which is all it serves" : ", serves \(served.joined(separator: ", ")) too")
      + (isZero
        ? "; it answers for others with curve byte 0: Linphone accounts with two algorithms (lime_algo) take that for "
          + "broken" : "")
  }

  /// What an answer is that is none of a key server.
  private static func seen(_ response: HTTPResponse) -> String {
    let type = response[header: "Content-Type"].map { ", \($0)" } ?? ""
    let target = response[header: "Location"].map { " to \($0)" } ?? ""
    return "HTTP \(response.status)\(target)\(type), no LIME answer"
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

  /// - Parameter names: of the headers that tell the device.
  private static func post(
    _ body: Data, to url: URL, as device: String, names: [String] = ["From", "X-Lime-user-identity"]
  ) -> HTTPRequest {
    .post(
      body, to: url.absoluteString, contentType: keyServerMediaType, headers: names.map { HTTPField($0, device) })
  }

  private func keyClient(for account: AccountConfiguration) -> HTTPClient {
    HTTPClient(
      caFile: account.caFile,
      credentials: HTTPCredentials(
        username: account.address.user ?? "", password: account.password.reveal(), realm: account.digestRealm),
      timeout: timeouts.answer)
  }

  func exchange(
    _ request: KeyServerRequest, for account: AccountConfiguration, device: String,
    names: [String] = ["From", "X-Lime-user-identity"]
  ) async throws -> KeyServerAnswer {
    guard let url = account.keyServer else { throw StepFailure("no key-server", []) }
    let response = try await send(
      Self.post(request.serialized, to: url, as: device, names: names), by: keyClient(for: account))
    guard response.status == 200, let answer = try? KeyServerAnswer(parsing: response.body) else {
      let refuses = [401, 403].contains(response.status)
      let web = causes.webServer(response, at: url.absoluteString, setting: "key-server")
      throw StepFailure(
        refuses ? "HTTP \(response.status)" : Self.seen(response),
        web + (refuses ? causes.keyServerRefuses() : causes.noKeyServer(url.absoluteString, answers: true)))
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
}
