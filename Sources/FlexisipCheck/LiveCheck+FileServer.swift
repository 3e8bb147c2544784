// LiveCheck+FileServer.swift: the file server: reachable, upload, download, largest file (GSMA RCC.07 §3.5.4.8)
import ChatCore
import DigestAuth
import Foundation
import HTTPClient
import MessageFormats

extension LiveCheck {
  /// A picture of a phone is larger than what PHP takes by default (2 MB), in bytes.
  private static let largeFile = 3 << 20
  private static let smallFile = 2000
  private static let fileSteps = [CheckStep.fileServerTLS, .fileServer, .fileUpload, .fileDownload, .largeFile]

  func tryFileServer() async {
    guard let address = account.fileServer else {
      for step in Self.fileSteps { notTried(step, "the account has no file-server") }
      return
    }
    let url = address.absoluteString
    guard await tryTLS(.fileServerTLS, of: address) else { return }
    guard await tryFileServerAnswer(url) else { return }
    let small = Data((0..<Self.smallFile).map { _ in UInt8.random(in: .min ... .max) })
    let uploaded = await step(.fileUpload) { () -> (seen: String, value: FileTransferInfo.File) in
      let file = try await upload(small, to: url, causes: causes.uploadFails)
      let until = file.until.map { ", until \($0.formatted(.iso8601))" } ?? ""
      return ("\(small.count) bytes, \(file.url)\(until)", file)
    }
    guard let uploaded else { return }
    _ = await passes(.fileDownload) {
      let answer = try await exchange(HTTPRequest(url: uploaded.url), causes: causes.downloadFails(uploaded.url))
      guard answer.status == 200 else { throw StepFailure("HTTP \(answer.status)", causes.downloadFails(uploaded.url)) }
      guard answer.body == small else {
        throw StepFailure("\(answer.body.count) other bytes came back", causes.downloadFails(uploaded.url))
      }
      return "the same \(small.count) bytes"
    }
    _ = await passes(.largeFile) {
      let large = Data(repeating: UInt8.random(in: .min ... .max), count: Self.largeFile)
      _ = try await upload(large, to: url, causes: causes.largeUploadFails)
      return "\(large.count) bytes"
    }
  }

  /// An empty POST asks whether uploads are welcome, and with which password.
  private func tryFileServerAnswer(_ url: String) async -> Bool {
    await passes(.fileServer) {
      let answer = try await exchange(Self.post(nil, to: url), causes: causes.noFileServer(url))
      guard answer.status == 204 || answer.status == 200 else {
        throw StepFailure(
          "HTTP \(answer.status) to an empty POST",
          answer.status == 401 ? causes.fileServerPassword : causes.noFileServer(url))
      }
      return "HTTP \(answer.status) to an empty POST"
    }
  }

  private func upload(_ data: Data, to url: String, causes failure: [CheckCause]) async throws -> FileTransferInfo.File
  {
    let boundary = "limeade-\(UUID().uuidString)"
    let head =
      "--\(boundary)\r\nContent-Disposition: form-data; name=\"File\"; filename=\"filename.txt\"\r\n"
      + "Content-Type: application/octet-stream\r\n\r\n"
    let form = Data(head.utf8) + data + Data("\r\n--\(boundary)--\r\n".utf8)
    let answer = try await exchange(
      Self.post((form, "multipart/form-data;boundary=\(boundary)"), to: url), causes: failure)
    guard answer.status == 200 else { throw StepFailure("HTTP \(answer.status) to \(data.count) bytes", failure) }
    guard answer[header: "Content-Length"] != nil else {
      throw StepFailure("the answer has no Content-Length", causes.noContentLength)
    }
    guard let file = try? FileTransferInfo(parsing: answer.body).file else {
      throw StepFailure("the answer to \(data.count) bytes is no file transfer XML", failure)
    }
    if let size = file.size, size != data.count {
      throw StepFailure("\(data.count) bytes sent, \(size) taken", failure)
    }
    return file
  }

  private static func post(_ form: (body: Data, type: String)?, to url: String) -> HTTPRequest {
    HTTPRequest(
      url: url, method: "POST", headers: form.map { [HTTPField("Content-Type", $0.type)] } ?? [],
      body: .data(form?.body ?? Data()))
  }

  private func exchange(_ request: HTTPRequest, causes failure: [CheckCause]) async throws -> HTTPResponse {
    var request = request
    request.headers.append(HTTPField("From", account.address.description))
    let client = HTTPClient(
      caFile: account.caFile,
      credentials: HTTPCredentials(
        username: account.address.user ?? "", password: account.password.reveal(), realm: account.address.host,
        hosts: account.fileServer?.host.map { [$0.lowercased()] } ?? []),
      timeout: timeouts.answer * 3, bodyLimit: Self.largeFile * 2)
    do { return try await send(request, by: client) } catch let error as HTTPClientError {
      switch error {
      case .credentialsRefused, .otherRealm, .noDigestOffered:
        throw StepFailure(error.description, causes.fileServerPassword)
      default: throw StepFailure(error.description, failure)
      }
    }
  }
}
