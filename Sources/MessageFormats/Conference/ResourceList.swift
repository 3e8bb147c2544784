// ResourceList.swift: lists of addresses, application/resource-lists+xml (RFC 4826 §3, RFC 5366)
import Foundation

/// The addresses that an INVITE to a conference names.
public struct ResourceList: Hashable, Sendable {
  static let namespace = "urn:ietf:params:xml:ns:resource-lists"
  private static let format = "resource list"
  /// More entries than this are refused.
  public static let maximumEntries = 4096

  /// In written order, doubles too.
  public var entries: [SIPURI]

  public init(_ entries: [SIPURI]) { self.entries = entries }

  /// Entries of all lists, nested ones too, in written order. Entries that are no SIP address are left out.
  public init(parsing data: Data) throws {
    let root = try XMLReader.parse(data, root: "resource-lists", namespace: Self.namespace, format: Self.format)
    entries = []
    for list in root.all("list") { collect(list) }
    guard entries.count <= Self.maximumEntries else {
      throw FormatError.tooLarge(format: Self.format, limit: "\(Self.maximumEntries) entries")
    }
  }

  private mutating func collect(_ list: XMLNode) {
    for child in list.children where child.namespace == Self.namespace {
      if child.name == "list" {
        collect(child)
      } else if child.name == "entry", let address = child.attributes["uri"].flatMap(NameAddress.outsideSIP) {
        entries.append(address.uri)
      }
    }
  }

  /// The layout of liblinphone: prefix `p1`, an element a line.
  public var serialized: Data {
    var writer = XMLWriter(lineBreak: "\n")
    writer.element("p1:resource-lists", [("xmlns:p1", Self.namespace)]) { root in
      root.element("p1:list") { list in
        for entry in entries { list.element("p1:entry", [("uri", entry.description)]) }
      }
    }
    return writer.data
  }
}
