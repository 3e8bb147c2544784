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
  /// More attributes in one element are refused: libxml2's time grows with their square.
  static let maximumAttributes = 64

  /// The root element.
  /// - Parameters: root name and namespace that the document must have; `format` for error texts.
  static func parse(_ data: Data, root: String, namespace: String, format: String) throws -> XMLNode {
    guard data.count <= maximumLength else {
      throw FormatError.tooLarge(format: format, limit: "\(maximumLength) bytes")
    }
    let content = try plainMarkup([UInt8](data), format: format)
    try checkMarkup(content[...], format: format)
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

  /// Checks that the document is UTF-8, and takes out what no vocabulary of chat has a use for: comments, processing
  /// instructions (Foundation's parser crashes on one without content, `<?x?>`), and with them the XML declaration: no
  /// declared encoding can then make the parser read other text than what is checked here. CDATA becomes plain text.
  private static func plainMarkup(_ bytes: [UInt8], format: String) throws -> [UInt8] {
    var rest = bytes[...]
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
    rest = rest.drop(while: ASCII.isWhitespace)
    guard String(validating: rest, as: UTF8.self) != nil, !rest.contains(0) else {
      throw FormatError.malformed(format: format, reason: "the XML is not UTF-8")
    }
    var result: [UInt8] = []
    result.reserveCapacity(rest.count)
    while let start = rest.firstIndex(of: ASCII.less) {
      result += rest[..<start]
      rest = rest[start...]
      if rest.starts(with: Array("<?".utf8)) {
        _ = try content(of: &rest, "<?", "?>", format: format)
      } else if rest.starts(with: Array("<!--".utf8)) {
        _ = try content(of: &rest, "<!--", "-->", format: format)
      } else if rest.starts(with: Array("<![CDATA[".utf8)) {
        for byte in try content(of: &rest, "<![CDATA[", "]]>", format: format) {
          switch byte {
          case ASCII.less: result += Array("&lt;".utf8)
          case UInt8(ascii: "&"): result += Array("&amp;".utf8)
          case ASCII.greater: result += Array("&gt;".utf8)
          default: result.append(byte)
          }
        }
      } else {
        result.append(ASCII.less)
        rest = rest.dropFirst()
      }
    }
    return result + rest
  }

  /// What stands between `open`, with which `rest` begins, and `close`; `rest` goes on behind it.
  private static func content(
    of rest: inout ArraySlice<UInt8>, _ open: String, _ close: String, format: String
  ) throws -> ArraySlice<UInt8> {
    let end = Array(close.utf8)
    let begin = rest.startIndex + open.utf8.count
    var index = begin
    while let first = rest[index...].firstIndex(of: end[0]) {
      if rest[first...].starts(with: end) {
        let content = rest[begin..<first]
        rest = rest[(first + end.count)...]
        return content
      }
      index = first + 1
    }
    throw FormatError.malformed(format: format, reason: "\(open) without \(close)")
  }

  /// Looks at every "<" that is left before libxml2 does, without regard to what is around it: the parser goes on after
  /// errors, so what is refused here must not depend on the document being well-formed.
  private static func checkMarkup(_ bytes: ArraySlice<UInt8>, format: String) throws {
    var rest = bytes
    while let start = rest.firstIndex(of: ASCII.less) {
      rest = rest[(start + 1)...]
      guard rest.first != UInt8(ascii: "?"), rest.first != UInt8(ascii: "!") else {
        throw FormatError.malformed(format: format, reason: "a document type declaration is not allowed")
      }
      guard attributeCount(rest) <= maximumAttributes else {
        throw FormatError.tooLarge(format: format, limit: "\(maximumAttributes) attributes of an XML element")
      }
    }
  }

  /// Quoted values up to the ">" of a tag, or up to the next "<", which no tag may contain.
  private static func attributeCount(_ bytes: ArraySlice<UInt8>) -> Int {
    var quote: UInt8?
    var count = 0
    for byte in bytes {
      if byte == ASCII.less { break }
      if let open = quote {
        if byte == open { quote = nil }
      } else if byte == ASCII.greater {
        break
      } else if byte == ASCII.quote || byte == UInt8(ascii: "'") {
        quote = byte
        count += 1
      }
    }
    return count
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

  func parser(_ parser: XMLParser, parseErrorOccurred parseError: any Error) {
    failure = failure ?? .malformed(format: format, reason: "not well-formed XML")
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
