// LiveCheck+FileServer.swift: the file server: reachable, upload, download, largest file (GSMA RCC.07 §3.5.4.8)
import ChatCore
import FileTransfer
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
    guard await tryTLS(.fileServerTLS, of: address) else { return }
    let answers = LastAnswer()
    let client = fileClient(answers)
    let greeted = await passes(.fileServer) {
      do { try await client.greet() } catch {
        throw failure(
          error,
          causes.webServer(answers.last, at: address.absoluteString, setting: "file-server")
            + causes.noFileServer(address.absoluteString))
      }
      return "HTTP \(answers.last?.status ?? 0) to an empty POST"
    }
    guard greeted else { return }
    let parent = note?.folder ?? FileManager.default.temporaryDirectory
    let folder = parent.appendingPathComponent("files-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let small = Data((0..<Self.smallFile).map { _ in UInt8.random(in: .min ... .max) })
    let uploaded = await step(.fileUpload) { () -> (seen: String, value: FileTransferInfo.File) in
      let file = try await upload(small, by: client, in: folder, answers) { [causes] in
        causes.uploadFails(address.absoluteString, status: $0)
      }
      let until = file.until.map { ", until \($0.formatted(.iso8601))" } ?? ""
      return ("\(small.count) bytes, \(file.url)\(until)", file)
    }
    guard let uploaded else { return }
    _ = await passes(.fileDownload) {
      let found = try await download(uploaded, by: client, in: folder, answers)
      guard found == small else {
        throw StepFailure("\(found.count) other bytes came back", causes.downloadFails(uploaded.url, status: nil))
      }
      return "the same \(small.count) bytes"
    }
    _ = await passes(.largeFile) {
      let large = Data(repeating: UInt8.random(in: .min ... .max), count: Self.largeFile)
      _ = try await upload(large, by: client, in: folder, answers) { [causes] in causes.largeUploadFails(status: $0) }
      return "\(large.count) bytes"
    }
  }

  /// What the server said last.
  ///
  /// `@unchecked Sendable`: `answer` is only touched under `lock`.
  private final class LastAnswer: @unchecked Sendable {
    private let lock = NSLock()
    private var answer: HTTPResponse?

    var last: HTTPResponse? { lock.withLock { answer } }
    func note(_ result: Result<HTTPResponse, any Error>) { lock.withLock { answer = try? result.get() } }
  }

  /// The chat's own client, so that what works here works there.
  private func fileClient(_ answers: LastAnswer) -> FileServerClient {
    let trace = self.trace
    return FileServerClient(
      url: account.fileServer, sender: account.address.description,
      account: FileServerClient.Account(
        username: account.address.user ?? "", realm: account.address.host, password: account.password.reveal()),
      caFile: account.caFile,
      // The link is the server's own: nobody else can make the check call a host.
      policy: DownloadPolicy(fileServer: account.fileServer, hosts: account.fileHosts, allowsAnyHost: true),
      timeout: timeouts.answer * 3
    ) { request, result in
      answers.note(result)
      trace?.note(request, result)
    }
  }

  /// Encrypted, as files in encrypted rooms are.
  /// - Parameter failure: causes by the status of the answer, nil without one.
  private func upload(
    _ data: Data, by client: FileServerClient, in folder: URL, _ answers: LastAnswer,
    causes failure: (Int?) -> [CheckCause]
  ) async throws -> FileTransferInfo.File {
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let (path, copy) = (folder.appendingPathComponent("file").path, folder.appendingPathComponent("copy").path)
    try data.write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: copy) }
    do {
      let file = try await client.upload(OutgoingFile.prepare(path, copy: copy, encrypted: true), copy: copy)
      guard answers.last?[header: "Content-Length"] != nil else {
        throw StepFailure("the answer has no Content-Length", causes.noContentLength)
      }
      return file
    } catch {
      let status = answers.last?.status
      let web = causes.webServer(
        answers.last.flatMap { (200..<300).contains($0.status) && $0.body.isEmpty ? nil : $0 },
        at: account.fileServer?.absoluteString ?? "", setting: "file-server")
      // The server took it without a word of where it is: the status says more than the missing document.
      if case FileTransferError.noUploadAddress = error {
        throw StepFailure(
          "HTTP \(status ?? 0) to \(data.count) bytes, without the file's address", web + failure(status))
      }
      throw self.failure(error, web + failure(status))
    }
  }

  private func download(
    _ file: FileTransferInfo.File, by client: FileServerClient, in folder: URL, _ answers: LastAnswer
  ) async throws -> Data {
    let part = folder.appendingPathComponent("part").path
    do {
      try await client.download(
        file.url, name: file.name ?? "file", size: file.size, until: file.until, part: part, limit: Self.largeFile,
        retries: 0)
      let found = try await IncomingFile(
        name: "found", key: file.key.flatMap { FileKey($0) }, tag: file.authTag, size: file.size
      ).finish(part: part, in: folder.path)
      return try Data(contentsOf: URL(fileURLWithPath: found))
    } catch { throw failure(error, causes.downloadFails(file.url, status: answers.last?.status)) }
  }

  private func failure(_ error: any Error, _ causes: [CheckCause]) -> any Error {
    switch error {
    case let error as StepFailure: error
    case FileTransferError.wrongCredentials(let text): StepFailure(text, self.causes.fileServerPassword)
    default: StepFailure(Self.text(of: error), causes)
    }
  }
}
