// KeyServerClient.swift: LIME key-server requests over HTTP(S) with digest authentication (protocol/lime.md, key server).
import Foundation
import HTTPClient
import Lime

/// Carries one device's requests to its LIME key server.
struct KeyServerClient: Sendable {
  private let url: URL
  private let device: DeviceID
  private let http: HTTPClient

  init(url: URL, device: DeviceID, username: String, realm: String, password: Password, caFile: String?) {
    self.url = url
    self.device = device
    http = HTTPClient(
      caFile: caFile,
      credentials: HTTPCredentials(username: username, password: password.reveal(), realm: realm))
  }

  /// - Throws: `ChatError.keyServer` with a cause to act on. Error answers of the protocol are returned, not thrown.
  func exchange(_ request: KeyServerRequest) async throws -> KeyServerAnswer {
    let body = try await post(request.serialized)
    do { return try KeyServerAnswer(parsing: body) } catch {
      throw ChatError.keyServer("the key server at \(url) sent something that is not a LIME answer: \(error)")
    }
  }

  /// - Returns: the bytes of the answer.
  func post(_ request: Data) async throws -> Data {
    let response: HTTPResponse
    do {
      response = try await http.send(
        .post(
          request, to: url.absoluteString, contentType: keyServerMediaType,
          headers: [HTTPField("From", device.string), HTTPField("X-Lime-user-identity", device.string)]))
    } catch let error as HTTPClientError where error.isConfiguration {
      throw ChatError.badConfiguration("the key server at \(url): \(error)")
    } catch { throw ChatError.keyServer("the key server at \(url) cannot be used: \(error)") }
    guard response.status == 200 else {
      throw ChatError.keyServer(
        response.status == 401
          ? "the key server at \(url) refused the account's password (401)"
          : "the key server at \(url) answered HTTP \(response.status)")
    }
    return response.body
  }
}
