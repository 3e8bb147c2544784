// XMLWriter.swift: writes XML documents in the layout that liblinphone uses (XML 1.0)
import Foundation

package struct XMLWriter {
  private var text: String
  private var depth = 0
  private let lineBreak: String
  private let indent: String

  /// - Parameters:
  ///   - lineBreak: between elements; empty writes all in one line.
  ///   - indent: before an element, once a level.
  ///   - declaration: what comes before the root element.
  package init(
    lineBreak: String = "", indent: String = "  ",
    declaration: String = #"<?xml version="1.0" encoding="UTF-8" standalone="no" ?>"#
  ) {
    self.lineBreak = lineBreak
    self.indent = indent
    text = declaration
  }

  package var data: Data { Data((text + lineBreak).utf8) }

  /// An element without content, or with text.
  package mutating func element(_ name: String, _ attributes: [(String, String)] = [], text content: String? = nil) {
    newLine()
    text += "<" + name + Self.written(attributes)
    text += content.map { ">\(Self.escape($0))</\(name)>" } ?? "/>"
  }

  /// An element with children. Without any it is written as empty.
  package mutating func element(
    _ name: String, _ attributes: [(String, String)] = [], children: (inout XMLWriter) throws -> Void
  ) rethrows {
    newLine()
    text += "<" + name + Self.written(attributes)
    let mark = text.utf8.count
    text += ">"
    depth += 1
    try children(&self)
    depth -= 1
    if text.utf8.count == mark + 1 {
      text.removeLast()
      text += "/>"
    } else {
      newLine()
      text += "</\(name)>"
    }
  }

  private mutating func newLine() {
    guard !lineBreak.isEmpty else { return }
    text += lineBreak + String(repeating: indent, count: depth)
  }

  private static func written(_ attributes: [(String, String)]) -> String {
    attributes.map { " \($0.0)=\"\(escape($0.1))\"" }.joined()
  }

  /// Escapes markup; characters that XML 1.0 does not allow become U+FFFD.
  static func escape(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\r": result += "&#13;"
      case "\t", "\n": result.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
        result.unicodeScalars.append("\u{FFFD}")
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
