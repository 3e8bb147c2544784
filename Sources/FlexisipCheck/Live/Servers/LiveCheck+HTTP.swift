// LiveCheck+HTTP.swift: TLS and single requests to the key server and the file server
import ChatCore
import Foundation
import HTTPClient
import ServerConnection

extension LiveCheck {
  /// Whether a server's TLS is all right, or it has none. A connection of its own, closed at once.
  func tryTLS(_ step: CheckStep, of url: URL) async -> Bool {
    guard url.scheme?.lowercased() == "https", let host = url.host else {
      notTried(step, "the address is \(url.scheme ?? "no URL"): whoever is in between reads and changes everything")
      return true
    }
    let environment = ProcessInfo.processInfo.environment
    guard ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"].allSatisfy({ environment[$0] == nil }) else {
      notTried(step, "a proxy is in between (https_proxy)")
      return true
    }
    let (limit, port, settings) = (timeouts.answer, url.port ?? 443, TLSSettings(caFile: account.caFile))
    return await passes(step) {
      do {
        return try await capped(limit * 2 + 2) {
          let stream = try ServerStream.connect(
            host: host, port: port, tls: settings, timeouts: ServerStream.Timeouts(connect: limit))
          return Self.shown(stream.tlsVersion.map { ($0, stream.certificate) })
        }
      } catch ConnectionFailure.tls(let failure) {
        trace?.note("no TLS with \(host):\(port): \(failure)")
        throw StepFailure("no TLS", causes.noTLS(failure, isFlexisip: false))
      } catch {
        throw StepFailure(
          "\(host) port \(port): \(Self.text(of: error))",
          [
            CheckCause("nothing listens there, or a firewall is in between: check the address in the account")
          ])
      }
    }
  }

  /// Sends a request, and shows it and its answer to the trace.
  func send(_ request: HTTPRequest, by client: HTTPClient) async throws -> HTTPResponse {
    do {
      let answer = try await client.send(request)
      trace?.note(request, .success(answer))
      return answer
    } catch {
      trace?.note(request, .failure(error))
      throw error
    }
  }
}

extension WireTrace {
  /// A request and what came of it.
  func note(_ request: HTTPRequest, _ result: Result<HTTPResponse, any Error>) {
    note(.sent, request.url, request.traceText)
    switch result {
    case .success(let answer): note(.received, request.url, answer.traceText)
    case .failure(let error): note("no answer from \(request.url): \(LiveCheck.text(of: error))")
    }
  }
}

extension HTTPRequest {
  /// Without the credentials, which the client adds.
  fileprivate var traceText: Data {
    let lines = ["\(method) \(url) HTTP"] + headers.map { "\($0.name): \($0.value)" }
    var body = Data()
    switch self.body {
    case .data(let data): body = data
    case .file: body = Data("(a file)".utf8)
    case nil: break
    }
    return Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
  }
}

extension HTTPResponse {
  fileprivate var traceText: Data {
    let lines = ["HTTP \(status)"] + headers.map { "\($0.name): \($0.value)" }
    return Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
  }
}
