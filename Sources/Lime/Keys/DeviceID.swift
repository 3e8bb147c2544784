// DeviceID.swift: the name of one device, its GRUU (RFC 5627)

/// The name of a device in LIME: the GRUU its registrar gave it, as a string, with its `gr` parameter.
///
/// Compared byte for byte: two spellings of one URI are two devices, as they give different associated data.
public struct DeviceID: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
  /// As the registrar gave it, never rewritten.
  public let string: String

  public init(_ string: String) { self.string = string }

  /// From a plain string.
  public init(from decoder: any Decoder) throws {
    string = try decoder.singleValueContainer().decode(String.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(string)
  }

  public var description: String { string }

  public static func < (left: DeviceID, right: DeviceID) -> Bool { left.string < right.string }

  /// The UTF-8 bytes, as they enter associated data and key-server messages.
  var bytes: [UInt8] { Array(string.utf8) }
}
