// JSONRPC.swift: the messages of JSON-RPC 2.0, one a line (https://www.jsonrpc.org/specification).
import ChatCore
import Foundation
import MessageFormats

/// An error object. Codes below -32000 are those of the specification, positive ones are exit codes (sysexits).
struct RPCError: Error, Sendable {
  var code: Int
  var message: String

  static func parse(_ cause: String) -> RPCError { RPCError(code: -32700, message: "not JSON: \(cause)") }
  static func invalidRequest(_ cause: String) -> RPCError { RPCError(code: -32600, message: cause) }
  static func unknownMethod(_ name: String) -> RPCError {
    RPCError(code: -32601, message: "there is no method '\(name)'; limeade-rpc(7) lists them")
  }
  static func invalidParameters(_ cause: String) -> RPCError { RPCError(code: -32602, message: cause) }
  static let tooManyConnections = RPCError(code: -32000, message: "too many connections")
  static let tooLong = RPCError(code: -32001, message: "a line may have at most \(RPC.requestLimit) bytes")
}

/// What a client asks. A request without `id` wants no answer.
struct RPCRequest: Sendable {
  /// The id as JSON text: a string, a number or null.
  var id: String?
  var method: String
  /// A JSON object.
  var parameters: Data
}

/// One line from a client.
enum RPCCall: Sendable {
  case single(Result<RPCRequest, RPCError>, id: String)
  case batch([(request: Result<RPCRequest, RPCError>, id: String)])
}

enum RPC {
  /// Longest line that is taken from a client, in bytes: the longest text with every byte escaped, and room to spare.
  static let requestLimit = 1 << 20
  /// Longest line that is taken from the holder: a long history.
  static let answerLimit = 256 << 20
  /// Requests in one batch.
  static let batchLimit = 64

  // MARK: Reading requests

  static func parse(_ line: Data) -> RPCCall {
    let value: Any
    do { value = try JSONSerialization.jsonObject(with: line, options: .fragmentsAllowed) } catch {
      return .single(.failure(.parse("\(error.localizedDescription)")), id: "null")
    }
    guard let batch = value as? [Any] else {
      let (request, id) = request(value)
      return .single(request, id: id)
    }
    guard !batch.isEmpty else { return .single(.failure(.invalidRequest("an empty batch")), id: "null") }
    guard batch.count <= batchLimit else {
      return .single(.failure(.invalidRequest("a batch has at most \(batchLimit) requests")), id: "null")
    }
    return .batch(
      batch.map { element in
        let (request, id) = request(element)
        return (request, id)
      })
  }

  private static func request(_ value: Any) -> (Result<RPCRequest, RPCError>, id: String) {
    guard let object = value as? [String: Any] else {
      return (.failure(.invalidRequest("a request is an object")), "null")
    }
    var id: String?
    if let value = object["id"] {
      guard value is String || value is NSNumber || value is NSNull, let text = text(value) else {
        return (.failure(.invalidRequest("id is a string, a number or null")), "null")
      }
      id = text
    }
    guard object["jsonrpc"] as? String == "2.0", let method = object["method"] as? String else {
      return (.failure(.invalidRequest("a request has jsonrpc \"2.0\" and a method")), id ?? "null")
    }
    let parameters = object["params"] ?? [String: Any]()
    guard parameters is [String: Any], let data = try? JSONSerialization.data(withJSONObject: parameters) else {
      return (.failure(.invalidParameters("params is an object, by name")), id ?? "null")
    }
    return (.success(RPCRequest(id: id, method: method, parameters: data)), id ?? "null")
  }

  private static func text(_ value: Any) -> String? {
    let data = try? JSONSerialization.data(
      withJSONObject: value, options: [.fragmentsAllowed, .withoutEscapingSlashes])
    return data.map { String(decoding: $0, as: UTF8.self) }
  }

  // MARK: Writing answers

  static func answer(id: String, _ result: Result<Data, RPCError>) -> String {
    switch result {
    case .success(let value):
      let json = JSONLine.harmless(String(decoding: value, as: UTF8.self))
      return "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":\(json)}"
    case .failure(let error):
      let object = JSONLine.string(["code": error.code, "message": error.message])
      return "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"error\":\(object)}"
    }
  }

  static func notification(_ method: String, _ parameters: [String: Any]) -> String {
    "{\"jsonrpc\":\"2.0\",\"method\":\"\(method)\",\"params\":\(JSONLine.string(parameters))}"
  }

  // MARK: Values

  /// Dates are ISO 8601 with milliseconds, UTC, as in the lines of `--json`.
  static func encode(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .custom { date, encoder in
      var container = encoder.singleValueContainer()
      try container.encode(JSONLine.time(date))
    }
    return try encoder.encode(value)
  }

  static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .custom { decoder in
      let container = try decoder.singleValueContainer()
      let text = try container.decode(String.self)
      guard let date = RFC3339.date(from: text) else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "'\(text)' is not a time such as 2026-11-21T09:00:00Z")
      }
      return date
    }
    return try decoder.decode(type, from: data)
  }
}
