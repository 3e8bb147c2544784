// XMLReader.swift: XML documents as small trees, with limits and without entities (XML 1.0, Namespaces in XML 1.0)
import Foundation
#if canImport(FoundationXML)
  import FoundationXML
#endif

/// An element with what the vocabularies of chat need: no order of text among children, no comments.
struct XMLNode {
  var name: String
  var namespace: String
  /// By name as written.
  var attributes: [String: String]
  var children: [XMLNode] = []
  var rawText = ""

  /// Text directly in this element, without white space around it.
  var text: String { rawText.trimmingCharacters(in: .whitespacesAndNewlines) }

  /// Children of that local name in this element's own namespace.
  func all(_ name: String) -> [XMLNode] { children.filter { $0.name == name && $0.namespace == namespace } }
  func first(_ name: String) -> XMLNode? { children.first { $0.name == name && $0.namespace == namespace } }
  func first(_ name: String, in namespace: String) -> XMLNode? {
    children.first { $0.name == name && $0.namespace == namespace }
  }
}

enum XMLReader {
  /// Larger documents are refused, in bytes.
  static let maximumLength = 2 << 20
  /// Deeper nesting is refused.
  static let maximumDepth = 32
  /// More elements and attributes than this, together, are refused.
  static let maximumNodes = 50_000

  /// The root element.
  /// - Parameters: root name and namespace that the document must have; `format` for error texts.
  static func parse(_ data: Data, root: String, namespace: String, format: String) throws -> XMLNode {
    guard data.count <= maximumLength else {
      throw FormatError.tooLarge(format: format, limit: "\(maximumLength) bytes")
    }
    let content = try withoutDeclaration([UInt8](data), format: format)
    let builder = XMLTreeBuilder(format: format)
    let parser = XMLParser(data: Data(content))
    parser.delegate = builder
    parser.shouldProcessNamespaces = true
    parser.shouldResolveExternalEntities = false
    _ = parser.parse()
    if let failure = builder.failure { throw failure }
    // The result of parse() is no use: it is true for many malformed documents.
    guard parser.parserError == nil, let node = builder.root else {
      throw FormatError.malformed(format: format, reason: "not well-formed XML")
    }
    guard node.name == root, node.namespace == namespace else {
      throw FormatError.malformed(format: format, reason: "the root element is not <\(root)>")
    }
    return node
  }

  /// Checks that the document is UTF-8 and free of DOCTYPE, and takes the XML declaration away: no declared encoding
  /// can then make the parser read other text than what was checked.
  private static func withoutDeclaration(_ bytes: [UInt8], format: String) throws -> ArraySlice<UInt8> {
    var rest = bytes[...]
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
    rest = rest.drop(while: ASCII.isWhitespace)
    guard String(validating: rest, as: UTF8.self) != nil, !rest.contains(0) else {
      throw FormatError.malformed(format: format, reason: "the XML is not UTF-8")
    }
    if rest.starts(with: Array("<?xml".utf8)), let end = rest.firstIndex(of: ASCII.greater) {
      rest = rest[(end + 1)...]
    }
    if Data(rest).range(of: Data("<!DOCTYPE".utf8)) != nil || Data(rest).range(of: Data("<!ENTITY".utf8)) != nil {
      throw FormatError.malformed(format: format, reason: "a document type declaration is not allowed")
    }
    return rest
  }
}

private final class XMLTreeBuilder: NSObject, XMLParserDelegate {
  private let format: String
  private var open: [XMLNode] = []
  private var nodeCount = 0
  private(set) var root: XMLNode?
  private(set) var failure: FormatError?

  init(format: String) { self.format = format }

  private func stop(_ parser: XMLParser, _ limit: String) {
    failure = failure ?? .tooLarge(format: format, limit: limit)
    parser.abortParsing()
  }

  func parser(
    _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    guard failure == nil else { return }
    nodeCount += 1 + attributes.count
    guard nodeCount <= XMLReader.maximumNodes else {
      return stop(parser, "\(XMLReader.maximumNodes) XML elements")
    }
    guard open.count < XMLReader.maximumDepth else {
      return stop(parser, "\(XMLReader.maximumDepth) levels of XML")
    }
    open.append(XMLNode(name: elementName, namespace: namespaceURI ?? "", attributes: attributes))
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    guard failure == nil, !open.isEmpty else { return }
    open[open.count - 1].rawText += string
  }

  func parser(_ parser: XMLParser, foundCDATA block: Data) {
    guard failure == nil, !open.isEmpty else { return }
    open[open.count - 1].rawText += String(decoding: block, as: UTF8.self)
  }

  func parser(
    _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?, qualifiedName: String?
  ) {
    guard failure == nil, let node = open.popLast() else { return }
    if open.isEmpty {
      root = root ?? node
    } else {
      open[open.count - 1].children.append(node)
    }
  }
}
