// AlgorithmQuestion.swift: whether a device has keys of an algorithm that is not the account's (LIME §4: get bundles)

import Foundation

/// A base algorithm of LIME as its id byte names it, also one that this library cannot work with; see `Curve`.
public struct LimeAlgorithm: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The byte in messages and requests.
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Those that devices in the field may have: the two curves, and both with ML-KEM (liblime 5.4 and later).
  public static let inUse = [1, 2, 4, 5].map(LimeAlgorithm.init)

  private static let names: [UInt8: String] = [
    1: "c25519", 2: "c448", 3: "c25519k512", 4: "c25519mlk512", 5: "c448mlk1024",
  ]

  /// As configuration files of Linphone have it.
  public var description: String { Self.names[rawValue] ?? "algorithm \(rawValue)" }
}

/// A request for the keys of one device, of whose answer only counts whether there are any.
///
/// The server hands out one of the device's one-time keys with it, so it is not to be asked often.
public struct AlgorithmQuestion: Hashable, Sendable {
  /// The device asked about.
  public let device: DeviceID
  /// Whose keys it may have.
  public let algorithm: LimeAlgorithm

  public init(device: DeviceID, algorithm: LimeAlgorithm) { (self.device, self.algorithm) = (device, algorithm) }

  /// The bytes to post.
  public var body: Data {
    var data = KeyServerMessageReader.header(.getBundles, curveByte: algorithm.rawValue)
    data.appendList([device]) { $0.append($1) }
    return data
  }

  /// Whether the device has keys of the algorithm; false also when the server does not serve it, nil when it does not
  /// say.
  public func hasKeys(in answer: Data) -> Bool? {
    guard var reader = try? KeyServerMessageReader(answer) else { return nil }
    switch KeyServerMessageType(rawValue: reader.type) {
    case .error:
      guard let code = try? reader.uint8() else { return nil }
      return KeyServerErrorCode(rawValue: code) == .badCurve ? false : nil
    case .bundles:
      guard reader.curveByte == algorithm.rawValue, let head = try? reader.bytes(2), [UInt8](head) == [0, 1],
        let named = try? reader.deviceID(), named == device, let flag = try? reader.uint8()
      else { return nil }
      // With and without a one-time key; 2 is for no such device.
      return flag == 2 ? false : flag < 2 ? true : nil
    default: return nil
    }
  }
}
