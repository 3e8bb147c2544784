// FlexisipFilter.swift: the filter of a module: which requests it sees (Flexisip's documentation, "Filter syntax")
import Foundation

/// A request enters a module when its filter is true for it. `&&` and `||` bind alike, to all that follows.
struct FlexisipFilter: Sendable {
  enum Failure: Error, Equatable {
    /// Neither a variable nor an operator.
    case unknownName(String)
    case malformed(String)
  }

  /// What a filter can ask for, by Flexisip's names; what is missing is empty.
  typealias Request = [String: String]

  private indirect enum Node: Sendable {
    case constant(Bool)
    case not(Node)
    case and(Node, Node)
    case or(Node, Node)
    case equal(Operand, Operand)
    case contains(Operand, Operand)
    case isIn(Operand, Operand)
    case matches(Operand, String)
    case isNumeric(Operand)
    case isDefined(Operand)
  }

  private enum Operand: Sendable {
    case text(String)
    case variable(String)

    func value(in request: Request) -> String {
      switch self {
      case .text(let text): text
      case .variable(let name): request[name] ?? ""
      }
    }
  }

  static let variables: Set<String> = [
    "direction", "request.method-name", "request.method", "request.uri.domain", "request.uri.user",
    "request.uri.params", "from.uri.domain", "from.uri.user", "from.uri.params", "to.uri.domain", "to.uri.user",
    "to.uri.params", "contact.uri.domain", "contact.uri.user", "contact.uri.params", "user-agent", "call-id",
    "call-id.hash", "status.phrase", "status.code", "content-type",
  ]
  /// More tokens are not read.
  private static let maximumTokens = 1000

  private let root: Node

  init(_ text: String) throws(Failure) {
    var parser = Parser(tokens: try Self.tokens(of: text)[...])
    root = parser.tokens.isEmpty ? .constant(true) : try parser.expression()
    if let rest = parser.tokens.first { throw .malformed("unexpected \(rest.shown)") }
  }

  func accepts(_ request: Request) -> Bool { Self.evaluate(root, request) }

  private static func evaluate(_ node: Node, _ request: Request) -> Bool {
    switch node {
    case .constant(let value): value
    case .not(let node): !evaluate(node, request)
    case .and(let left, let right): evaluate(left, request) && evaluate(right, request)
    case .or(let left, let right): evaluate(left, request) || evaluate(right, request)
    case .equal(let left, let right): left.value(in: request) == right.value(in: request)
    case .contains(let left, let right):
      right.value(in: request).isEmpty || left.value(in: request).contains(right.value(in: request))
    case .isIn(let left, let right):
      right.value(in: request).split(separator: " ").contains { $0 == left.value(in: request) }
    case .matches(let left, let pattern):
      left.value(in: request).range(of: "^(?:\(pattern))$", options: .regularExpression) != nil
    case .isNumeric(let operand): operand.value(in: request).allSatisfy { $0.isASCII && $0.isNumber }
    case .isDefined(let operand): !operand.value(in: request).isEmpty
    }
  }

  // MARK: Reading

  private enum Token: Equatable {
    case symbol(String)
    case text(String)
    case word(String)

    var shown: String {
      switch self {
      case .symbol(let text), .word(let text): text
      case .text(let text): "'\(text)'"
      }
    }
  }

  private static func tokens(of text: String) throws(Failure) -> [Token] {
    var tokens: [Token] = []
    var rest = Substring(text)
    while let first = rest.first {
      guard tokens.count < maximumTokens else { throw .malformed("too long") }
      if first == " " || first == "\t" {
        rest.removeFirst()
      } else if first == "'" {
        rest.removeFirst()
        guard let end = rest.firstIndex(of: "'") else { throw .malformed("a quote is missing") }
        tokens.append(.text(String(rest[..<end])))
        rest = rest[rest.index(after: end)...]
      } else if let symbol = ["&&", "||", "==", "!=", "!", "(", ")"].first(where: rest.hasPrefix) {
        tokens.append(.symbol(symbol))
        rest.removeFirst(symbol.count)
      } else {
        let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        guard !word.isEmpty else { throw .malformed("unexpected \(first)") }
        tokens.append(.word(String(word)))
        rest.removeFirst(word.count)
      }
    }
    return tokens
  }

  private struct Parser {
    /// Deeper parentheses are not read.
    static let maximumDepth = 100

    var tokens: ArraySlice<Token>
    var depth = 0

    mutating func expression() throws(Failure) -> Node {
      depth += 1
      defer { depth -= 1 }
      guard depth < Self.maximumDepth else { throw .malformed("too deep") }
      let left = try term()
      if take("&&") { return .and(left, try expression()) }
      if take("||") { return .or(left, try expression()) }
      return left
    }

    private mutating func term() throws(Failure) -> Node {
      if take("!") {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.maximumDepth else { throw .malformed("too deep") }
        return .not(try term())
      }
      if take("(") {
        let inner = try expression()
        guard take(")") else { throw .malformed("a parenthesis is missing") }
        return inner
      }
      switch tokens.first {
      case .word("true"), .word("is_request"):
        tokens.removeFirst()
        return .constant(true)
      case .word("false"), .word("is_response"):
        tokens.removeFirst()
        return .constant(false)
      case .word("numeric"):
        tokens.removeFirst()
        return .isNumeric(try operand())
      case .word("defined"):
        tokens.removeFirst()
        return .isDefined(try operand())
      default: return try comparison(of: try operand())
      }
    }

    private mutating func comparison(of left: Operand) throws(Failure) -> Node {
      guard let sign = tokens.popFirst() else { throw .malformed("an operator is missing at the end") }
      switch sign {
      case .symbol("=="): return .equal(left, try operand())
      case .symbol("!="): return .not(.equal(left, try operand()))
      case .word("contains"): return .contains(left, try operand())
      case .word("in"): return .isIn(left, try operand())
      case .word("nin"), .word("notin"): return .not(.isIn(left, try operand()))
      case .word("regex"), .word("regexp"):
        guard case .text(let pattern)? = tokens.popFirst() else { throw .malformed("regex takes a text in quotes") }
        return .matches(left, pattern)
      case .word(let name): throw .unknownName(name)
      default: throw .malformed("unexpected \(sign.shown)")
      }
    }

    private mutating func operand() throws(Failure) -> Operand {
      switch tokens.popFirst() {
      case .text(let text)?: return .text(text)
      case .word(let name)?:
        guard FlexisipFilter.variables.contains(name) else { throw .unknownName(name) }
        return .variable(name)
      case let other: throw .malformed(other.map { "unexpected \($0.shown)" } ?? "something is missing at the end")
      }
    }

    private mutating func take(_ symbol: String) -> Bool {
      guard tokens.first == .symbol(symbol) else { return false }
      tokens.removeFirst()
      return true
    }
  }
}
