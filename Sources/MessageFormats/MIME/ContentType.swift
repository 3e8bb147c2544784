// ContentType.swift: media types with parameters (RFC 2045 §5.1)
import Foundation

/// `type/subtype;name=value`. Type and subtype are kept in lower case.
public struct ContentType: Hashable, Sendable, CustomStringConvertible, LosslessStringConvertible {
  /// Longer field values are refused, in bytes.
  public static let maximumLength = 4096

  /// `type/subtype` in lower case, without parameters.
  public let mediaType: String
  /// Parameters in written order, values without quotes.
  public var parameters: [Parameter]

  /// nil when there is no `type/subtype` or the parameters are malformed.
  public init?(_ string: String) {
    let bytes = Array(string.utf8)
    guard bytes.count <= Self.maximumLength else { return nil }
    let end = bytes.firstIndex(of: ASCII.semicolon) ?? bytes.endIndex
    let name = ASCII.trim(bytes[..<end])
    let halves = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard halves.count == 2, halves.allSatisfy({ !$0.isEmpty && $0.allSatisfy(ASCII.isToken) }),
      let parameters = HeaderParameters.parse(bytes[end...])
    else { return nil }
    mediaType = String(decoding: name, as: UTF8.self).lowercased()
    self.parameters = parameters
  }

  /// For media types that the program names itself.
  init(known mediaType: String, parameters: [Parameter] = []) {
    self.mediaType = mediaType
    self.parameters = parameters
  }

  public var description: String { mediaType + parameters.headerText }

  /// The value of a parameter, without quotes; nil when it is absent.
  public subscript(parameter name: String) -> String? { parameters[parameter: name] }

  /// Whether type and subtype are these; parameters do not count.
  public func matches(_ mediaType: String) -> Bool { self.mediaType.equalsIgnoringCase(mediaType) }

  /// Whether the body has parts.
  public var isMultipart: Bool { mediaType.hasPrefix("multipart/") }
}

extension ContentType {
  /// RFC 2046 §4.1.3.
  public static let plainText = ContentType(known: "text/plain")
  /// RFC 3862.
  public static let cpim = ContentType(known: "message/cpim")
  /// RFC 5438.
  public static let imdn = ContentType(known: "message/imdn+xml")
  /// RFC 3994.
  public static let isComposing = ContentType(known: "application/im-iscomposing+xml")
  /// RFC 4826.
  public static let resourceLists = ContentType(known: "application/resource-lists+xml")
  /// RFC 4575.
  public static let conferenceInfo = ContentType(known: "application/conference-info+xml")
  /// GSMA RCC.07 §3.5.4.8.
  public static let fileTransfer = ContentType(known: "application/vnd.gsma.rcs-ft-http+xml")
}
