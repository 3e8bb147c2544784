// JSONRPCTests.swift: requests and answers as the JSON-RPC 2.0 specification has them; values survive the way.
import ChatCore
import Foundation
import TestSupport
import Testing

@testable import AccountService

@Suite struct JSONRPCMessages {
  private static func outcome(_ text: String) -> (code: Int?, id: String) {
    guard case .single(let request, let id) = RPC.parse(Data(text.utf8)) else { return (nil, "batch") }
    switch request {
    case .success(let request): return (nil, request.id ?? "notification")
    case .failure(let error): return (error.code, id)
    }
  }

  /// The examples of the specification's section 7, and what is near them.
  @Test(
    arguments: [
      (#"{"jsonrpc": "2.0", "method": "subtract", "params": {"a": 1}, "id": 3}"#, nil, "3"),
      (#"{"jsonrpc": "2.0", "method": "update"}"#, nil, "notification"),
      (#"{"jsonrpc": "2.0", "method": "x", "id": null}"#, nil, "null"),
      (#"{"jsonrpc": "2.0", "method": "x", "id": "a\"b"}"#, nil, #""a\"b""#),
      (#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#, -32700, "null"),
      (#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#, -32600, "null"),
      (#"{"jsonrpc": "1.0", "method": "x", "id": 4}"#, -32600, "4"),
      (#"{"jsonrpc": "2.0", "method": "x", "id": [1]}"#, -32600, "null"),
      (#"{"jsonrpc": "2.0", "method": "x", "params": [1], "id": 5}"#, -32602, "5"),
      ("[]", -32600, "null"), ("1", -32600, "null"), ("\"x\"", -32600, "null"), ("{", -32700, "null"),
    ] as [(String, Int?, String)])
  func aLineIsARequestOrHasItsError(_ line: String, _ code: Int?, _ id: String) {
    let outcome = Self.outcome(line)
    #expect(outcome.code == code && outcome.id == id, "\(outcome)")
  }

  @Test func aBatchIsReadOneByOneAndHasALimit() throws {
    guard case .batch(let calls) = RPC.parse(Data(#"[1,{"jsonrpc":"2.0","method":"a","id":9}]"#.utf8)) else {
      throw TestFailure("not a batch")
    }
    #expect(calls.map(\.id) == ["null", "9"])
    let many = "[" + Array(repeating: "1", count: RPC.batchLimit + 1).joined(separator: ",") + "]"
    #expect(Self.outcome(many).code == -32600)
  }

  /// Cut, doubled and flipped requests, and nesting without end: an error each, never a trap.
  @Test func mutatedRequestsAreErrors() {
    let valid = Data(#"{"jsonrpc":"2.0","id":1,"method":"message.send","params":{"to":"Ops","text":"ü"}}"#.utf8)
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<3000 {
      var bytes = valid
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes = bytes.prefix(max(1, index))
        default: bytes.append(contentsOf: Data(bytes[index...]))
        }
        bytes = Data(bytes)
      }
      _ = RPC.parse(bytes)
    }
    for open in ["[", "{\"a\":"] {
      #expect(Self.outcome(String(repeating: open, count: 100_000)).code == -32700)
    }
  }

  @Test func everyMethodIsInTheManualAndNoOther() throws {
    let page = TestPaths.package.appendingPathComponent("Resources/man/limeade-rpc.7")
    let text = try String(contentsOf: page, encoding: .utf8)
    let methods = try #require(text.split(separator: ".SH METHODS").last?.split(separator: ".SH").first)
    let served = AccountOperations.all.map { $0.method } + ["events.subscribe", "events.unsubscribe"]
    let subjects = Set(served.compactMap { $0.split(separator: ".").first })
    let named = methods.matches(of: /\b([a-z]+)\.[a-zA-Z]+/).filter { subjects.contains($0.output.1) }
    let described = Set(named.map { String($0.output.0) })
    #expect(described == Set(served))
  }

  @Test func everyOperationHasItsOwnMethod() {
    #expect(Set(AccountOperations.all.map { $0.method }).count == AccountOperations.all.count)
  }

  @Test func timesAreReadWithAndWithoutFractions() throws {
    let operation = ReadHistory(room: "Ops", since: Date(timeIntervalSince1970: 1_700_000_000.25), limit: 3)
    let back = try RPC.decode(ReadHistory.self, from: try RPC.encode(operation))
    #expect(back.since == operation.since && back.limit == 3)
    let plain = Data(#"{"room":"Ops","since":"2023-11-14T22:13:20Z"}"#.utf8)
    #expect(try RPC.decode(ReadHistory.self, from: plain).since == Date(timeIntervalSince1970: 1_700_000_000))
    #expect(throws: DecodingError.self) {
      try RPC.decode(ReadHistory.self, from: Data(#"{"room":"Ops","since":"soon"}"#.utf8))
    }
  }

  /// What the holder tells is what another program of the same version reads.
  @Test func eventsSurviveTheWay() throws {
    let time = "2023-11-14T22:13:20.000Z"
    let message = try RPC.decode(
      Message.self,
      from: Data(
        """
        {"id":7,"room":"r","messageID":"m","sender":"sip:b@example.org","isOutgoing":false,\
        "text":"tab\\t\\u009b31m ü","time":"\(time)","receivedAt":"\(time)","isEncrypted":true,"trust":"trusted",\
        "state":"received","isRead":false,"isRetracted":false,"isStranger":false,"isAutomatic":false,\
        "isOriginalMissing":false}
        """.utf8))
    let summary = try RPC.decode(
      RoomSummary.self,
      from: Data(
        """
        {"room":{"address":"r","key":"r","subject":"Ops","isEncrypted":true,"isOneToOne":false,"isConfirmed":false,\
        "state":"active","version":3,"lifetime":0,\
        "createdAt":"\(time)","lastActivity":"\(time)"},"deviceCount":2,"unread":1,"isNew":true,\
        "isForNotifications":false,\
        "participants":[{"room":"r","address":"sip:b@example.org","isAdmin":true}]}
        """.utf8))
    let progress = try RPC.decode(
      FileProgress.self,
      from: Data(
        """
        {"room":"r","messageID":"m","index":1,"id":"m/2","step":"downloading","done":5,\
        "file":{"name":"a.txt","size":7,"contentType":"text/plain","state":"offered","until":"\(time)"}}
        """.utf8))
    let events: [ChatEvent] = [
      .connection(.connecting), .connection(.registered(device: "d")), .connection(.offline(reason: "r")),
      .room(summary, displayName: "Ops"), .participant(room: "r", address: "a", isAdmin: true, change: .changed),
      .device(room: "r", participant: "p", device: "d", change: .added), .message(message), .messageState(message),
      .delivery(room: "r", messageID: "m", by: "b", state: .failed, reason: "why", isComplete: false),
      .change(MessageChange(.edited, room: "r", messageID: "m", sender: "s", text: "t", time: message.time)),
      .file(progress), .composing(room: "r", address: "a", isActive: true),
      .lifetime(room: "r", seconds: 60, unread: 5),
      .security(room: nil, device: "d", text: "t"),
      .error(room: "r", text: "t"),
    ]
    for event in events {
      let back = try RPC.decode(ChatEvent.self, from: try RPC.encode(event))
      #expect(back.jsonLine == event.jsonLine)
    }
  }
}
