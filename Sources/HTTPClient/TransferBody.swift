// TransferBody.swift: the two ends of a transfer's bytes: what is sent and where the answer goes
import Foundation

/// Most bytes of an answer's status line and headers.
private let headerLimit = 65_536

/// Reads a request's body piece by piece. Used by one thread at a time.
final class RequestBodyReader {
  let count: Int
  private let prefix: Data
  private let suffix: Data
  private let file: FileHandle?
  private let fileCount: Int
  private var position = 0

  init(_ body: HTTPBody) throws {
    switch body {
    case .data(let data):
      (prefix, suffix, file, fileCount) = (data, Data(), nil, 0)
    case .file(let path, let prefix, let suffix):
      do {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        fileCount = Int(clamping: try file.seekToEnd())
        try file.seek(toOffset: 0)
        self.file = file
      } catch {
        throw HTTPClientError.file(path: path, reason: error.localizedDescription)
      }
      (self.prefix, self.suffix) = (prefix, suffix)
    }
    count = prefix.count + fileCount + suffix.count
  }

  /// Copies up to `buffer.count` bytes and returns their number, 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let fileStart = prefix.count
    let fileEnd = fileStart + fileCount
    let piece: Data
    switch position {
    case ..<fileStart:
      piece = prefix.dropFirst(position).prefix(buffer.count)
    case ..<fileEnd:
      piece = try file?.read(upToCount: min(buffer.count, fileEnd - position)) ?? Data()
      // A file that shrank meanwhile: the announced length cannot be kept.
      guard !piece.isEmpty else { throw CocoaError(.fileReadCorruptFile) }
    default:
      piece = suffix.dropFirst(position - fileEnd).prefix(buffer.count)
    }
    buffer.copyBytes(from: piece)
    position += piece.count
    return piece.count
  }

  /// Begins again at a byte of the whole body.
  func seek(to offset: Int) throws {
    guard (0...count).contains(offset) else { throw CocoaError(.fileReadTooLarge) }
    position = offset
    try file?.seek(toOffset: UInt64(min(max(0, offset - prefix.count), fileCount)))
  }
}

/// Gathers an answer within its limits. Used by one thread at a time.
final class ResponseCollector {
  enum Failure {
    case bodyTooLarge(limit: Int)
    case headersTooLarge, otherPart
    case file(reason: String)
  }

  private(set) var response = HTTPResponse(status: 0)
  private(set) var failure: Failure?
  private let limit: Int
  private let download: HTTPDownload?
  private var file: FileHandle?
  private var headerBytes = 0
  private var bodyBytes = 0
  /// Bytes of the download that were there before.
  let partSize: Int

  init(limit: Int, download: HTTPDownload?) {
    self.limit = limit
    self.download = download
    partSize = download?.partSize ?? 0
  }

  /// Takes one header line as libcurl hands it over, status lines included. False ends the transfer.
  func take(headerLine: UnsafeRawBufferPointer) -> Bool {
    headerBytes += headerLine.count
    guard headerBytes <= headerLimit else {
      failure = .headersTooLarge
      return false
    }
    let line = String(decoding: headerLine, as: UTF8.self)
    // An interim answer such as 100 is followed by the next status line.
    if line.hasPrefix("HTTP/") {
      let status = line.split(separator: " ", maxSplits: 2).dropFirst().first.flatMap { Int($0.prefix(3)) }
      response = HTTPResponse(status: status ?? 0)
    } else if let colon = line.firstIndex(of: ":") {
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
      response.headers.append(HTTPField(String(line[..<colon]), value))
    } else if headerLine.count <= 2 {
      return acceptsDownload()
    }
    return true
  }

  /// Whether what the headers announce is the download, or the missing part of it, and not too much.
  private func acceptsDownload() -> Bool {
    guard let download, (200..<300).contains(response.status) else { return true }
    if response.status == 206, partSize > 0 {
      guard response[header: "Content-Range"]?.hasPrefix("bytes \(partSize)-") == true else {
        failure = .otherPart
        return false
      }
      bodyBytes = partSize
    }
    if let length = response[header: "Content-Length"].flatMap({ Int($0) }), length > download.limit - bodyBytes {
      failure = .bodyTooLarge(limit: download.limit)
      return false
    }
    download.started?(response)
    return true
  }

  /// Takes a piece of the body. False ends the transfer.
  func take(body: UnsafeRawBufferPointer) -> Bool {
    bodyBytes += body.count
    guard let download, (200..<300).contains(response.status) else {
      guard bodyBytes <= limit else {
        failure = .bodyTooLarge(limit: limit)
        return false
      }
      response.body.append(contentsOf: body)
      return true
    }
    guard bodyBytes <= download.limit else {
      failure = .bodyTooLarge(limit: download.limit)
      return false
    }
    do {
      let file = try file ?? openDownload(download)
      self.file = file
      try file.write(contentsOf: Data(body))
      return true
    } catch {
      failure = .file(reason: error.localizedDescription)
      return false
    }
  }

  /// Closes the download, which exists afterwards even if the body was empty.
  func finish() throws {
    guard let download, (200..<300).contains(response.status) else { return }
    do {
      try (try file ?? openDownload(download)).close()
    } catch {
      throw HTTPClientError.file(path: download.path, reason: error.localizedDescription)
    }
  }

  /// Removes what a failed transfer left of the download, if it was this transfer that made it.
  func discard() {
    guard let download, let file else { return }
    try? file.close()
    if download.continuesPart { return }
    try? FileManager.default.removeItem(atPath: download.path)
  }

  private func openDownload(_ download: HTTPDownload) throws -> FileHandle {
    // Not through FileManager, whose files are readable by others for a moment and may be someone else's.
    let existing = response.status == 206 ? O_APPEND : O_TRUNC
    let flags = download.continuesPart ? existing | O_NOFOLLOW : O_EXCL
    let descriptor = open(download.path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o600)
    guard descriptor >= 0 else {
      throw NSError(domain: NSPOSIXErrorDomain, code: Int(errno))
    }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }
}
