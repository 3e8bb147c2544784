// CurlTransfer.swift: libcurl transfers on a thread of their own
import CCurl
import Foundation

/// How every transfer of a client is made.
struct TransferOptions: Sendable {
  var caFile: String?
  /// Seconds for a whole exchange; with files, seconds without any byte moving.
  var timeout: TimeInterval
  /// Most bytes of an answer kept in memory.
  var bodyLimit: Int
}

/// Tells a running transfer to stop.
///
/// Sendable because the flag is touched only under the lock.
final class TransferCancellation: @unchecked Sendable {
  private let lock = NSLock()
  private var flag = false

  var isCancelled: Bool { lock.withLock { flag } }
  func cancel() { lock.withLock { flag = true } }
}

/// One libcurl handle: transfers made with it one after another share a connection.
///
/// Sendable because a transfer is started only after the one before has ended: `HTTPClient` awaits each.
final class CurlTransfer: @unchecked Sendable {
  private static let initialized = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  private let handle: UnsafeMutableRawPointer
  private let options: TransferOptions

  init(options: TransferOptions) throws {
    guard Self.initialized, let handle = curl_easy_init() else {
      throw HTTPClientError.transfer(host: "libcurl", reason: "cannot be initialised")
    }
    self.handle = handle
    self.options = options
  }

  deinit { curl_easy_cleanup(handle) }

  func perform(_ request: HTTPRequest, at address: HTTPAddress, authorization: String?) async throws -> HTTPResponse {
    let cancellation = TransferCancellation()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        // A thread of its own: transfers block, and on Linux even dispatch queues share the threads of Swift's tasks.
        Thread.detachNewThread {
          continuation.resume(
            with: Result {
              try self.run(request, at: address, authorization: authorization, cancellation: cancellation)
            })
        }
      }
    } onCancel: {
      cancellation.cancel()
    }
  }

  private func run(
    _ request: HTTPRequest, at address: HTTPAddress, authorization: String?, cancellation: TransferCancellation
  ) throws -> HTTPResponse {
    curl_easy_reset(handle)
    let collector = ResponseCollector(limit: options.bodyLimit, download: request.download)
    let observer = ProgressObserver(cancellation: cancellation, report: request.progress)
    let reader = try (request.body ?? (request.method == "POST" ? .data(Data()) : nil)).map(RequestBodyReader.init)
    let headers = try HeaderList(request, authorization: authorization, partSize: collector.partSize)
    var errorText = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))

    let code = errorText.withUnsafeMutableBufferPointer { buffer in
      withExtendedLifetime((collector, observer, reader, headers)) {
        ccurl_set_error_buffer(handle, buffer.baseAddress)
        defer { ccurl_set_error_buffer(handle, nil) }
        setOptions(for: request, at: address)
        ccurl_set_headers(handle, headers.list)
        setCallbacks(collector: collector, observer: observer, reader: reader)
        return curl_easy_perform(handle)
      }
    }
    guard code == CURLE_OK else {
      collector.discard()
      if cancellation.isCancelled { throw CancellationError() }
      let text = errorText.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
      let reason = text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
      throw failure(code, reason: reason, collector: collector, request: request, host: address.host)
    }
    try collector.finish()
    return collector.response
  }

  private func setOptions(for request: HTTPRequest, at address: HTTPAddress) {
    ccurl_set_string(handle, CURLOPT_URL, address.url)
    ccurl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
    ccurl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
    // Signals for timeouts would interrupt whatever thread is running.
    ccurl_set_long(handle, CURLOPT_NOSIGNAL, 1)
    ccurl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
    ccurl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
    ccurl_set_long(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
    if let caFile = options.caFile { ccurl_set_string(handle, CURLOPT_CAINFO, caFile) }
    if address.isLoopback { ccurl_set_string(handle, CURLOPT_PROXY, "") }

    if request.method == "HEAD" {
      ccurl_set_long(handle, CURLOPT_NOBODY, 1)
    } else {
      ccurl_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
    }

    let milliseconds = Int(max(1, options.timeout * 1000))
    ccurl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
    var movesFile = request.download != nil
    if case .file = request.body { movesFile = true }
    if movesFile {
      ccurl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
      ccurl_set_long(handle, CURLOPT_LOW_SPEED_TIME, max(1, Int(options.timeout.rounded(.up))))
    } else {
      ccurl_set_long(handle, CURLOPT_TIMEOUT_MS, milliseconds)
    }
  }

  private func setCallbacks(collector: ResponseCollector, observer: ProgressObserver, reader: RequestBodyReader?) {
    let sink = Unmanaged.passUnretained(collector).toOpaque()
    ccurl_set_header(
      handle,
      { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let collector = Unmanaged<ResponseCollector>.fromOpaque(context).takeUnretainedValue()
        let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
        return collector.take(headerLine: line) ? line.count : 0
      }, sink)
    ccurl_set_write(
      handle,
      { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let collector = Unmanaged<ResponseCollector>.fromOpaque(context).takeUnretainedValue()
        let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
        return collector.take(body: piece) ? piece.count : 0
      }, sink)
    ccurl_set_progress(
      handle,
      { context, downTotal, down, upTotal, up in
        guard let context else { return 1 }
        let observer = Unmanaged<ProgressObserver>.fromOpaque(context).takeUnretainedValue()
        return observer.note(downTotal: downTotal, down: down, upTotal: upTotal, up: up) ? 0 : 1
      }, Unmanaged.passUnretained(observer).toOpaque())
    guard let reader else { return }
    let source = Unmanaged.passUnretained(reader).toOpaque()
    ccurl_set_long(handle, CURLOPT_POST, 1)
    ccurl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(reader.count))
    ccurl_set_read(
      handle,
      { bytes, size, count, context in
        guard let bytes, let context else { return Int(CURL_READFUNC_ABORT) }
        let reader = Unmanaged<RequestBodyReader>.fromOpaque(context).takeUnretainedValue()
        let buffer = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
        return (try? reader.read(into: buffer)) ?? Int(CURL_READFUNC_ABORT)
      }, source)
    // A connection that was kept open may be gone: then libcurl sends the body again on a new one.
    ccurl_set_seek(
      handle,
      { context, offset, origin in
        guard let context, origin == SEEK_SET else { return Int32(CURL_SEEKFUNC_FAIL) }
        let reader = Unmanaged<RequestBodyReader>.fromOpaque(context).takeUnretainedValue()
        let done: Void? = try? reader.seek(to: Int(offset))
        return done == nil ? Int32(CURL_SEEKFUNC_FAIL) : Int32(CURL_SEEKFUNC_OK)
      }, source)
  }

  private func failure(
    _ code: CURLcode, reason: String, collector: ResponseCollector, request: HTTPRequest, host: String
  ) -> HTTPClientError {
    switch collector.failure {
    case .bodyTooLarge(let limit): return .bodyTooLarge(host: host, limit: limit)
    case .headersTooLarge: return .headersTooLarge(host: host)
    case .file(let reason): return .file(path: request.download?.path ?? "", reason: reason)
    case .otherPart: return .transfer(host: host, reason: "it sent another part of the file than the one asked for")
    case nil: break
    }
    return switch code {
    case CURLE_COULDNT_RESOLVE_HOST: .cannotResolve(host: host)
    case CURLE_COULDNT_CONNECT: .cannotConnect(host: host, reason: reason)
    case CURLE_OPERATION_TIMEDOUT: .timedOut(host: host, reason: reason)
    case CURLE_PEER_FAILED_VERIFICATION: .certificate(host: host, reason: reason)
    case CURLE_SSL_CACERT_BADFILE: .caFile(path: options.caFile ?? "", reason: reason)
    case CURLE_SSL_CONNECT_ERROR: .tls(host: host, reason: reason)
    default: .transfer(host: host, reason: reason)
    }
  }
}

/// Hands progress on and ends the transfer when it is cancelled. Used by one thread at a time.
private final class ProgressObserver {
  private let cancellation: TransferCancellation
  private let report: (@Sendable (HTTPProgress) -> Void)?
  private var last: HTTPProgress?

  init(cancellation: TransferCancellation, report: (@Sendable (HTTPProgress) -> Void)?) {
    self.cancellation = cancellation
    self.report = report
  }

  func note(downTotal: curl_off_t, down: curl_off_t, upTotal: curl_off_t, up: curl_off_t) -> Bool {
    if let report {
      let progress = HTTPProgress(
        sent: Int(up), toSend: upTotal > 0 ? Int(upTotal) : nil, received: Int(down),
        toReceive: downTotal > 0 ? Int(downTotal) : nil)
      if progress != last { report(progress) }
      last = progress
    }
    return !cancellation.isCancelled
  }
}

/// The request's header lines in libcurl's list.
private final class HeaderList {
  private(set) var list: UnsafeMutablePointer<curl_slist>?

  init(_ request: HTTPRequest, authorization: String?, partSize: Int) throws {
    guard Self.isToken(request.method) else { throw HTTPClientError.invalidHeader(request.method) }
    // No waiting for 100 Continue, and no media type that the caller did not name.
    var lines = ["Expect:"]
    if !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) { lines.append("Content-Type:") }
    var fields = request.headers
    if let authorization { fields.append(HTTPField("Authorization", authorization)) }
    if partSize > 0 {
      fields.append(HTTPField("Range", "bytes=\(partSize)-"))
      if let validator = request.download?.validator { fields.append(HTTPField("If-Range", validator)) }
    }
    for field in fields {
      guard Self.isToken(field.name), !field.value.unicodeScalars.contains(where: Self.isControl) else {
        throw HTTPClientError.invalidHeader(field.name)
      }
      lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
    }
    for line in lines { list = curl_slist_append(list, line) }
  }

  deinit { curl_slist_free_all(list) }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    (scalar.value < 0x20 && scalar != "\t") || scalar.value == 0x7F
  }

  private static func isToken(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
          || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
  }
}
