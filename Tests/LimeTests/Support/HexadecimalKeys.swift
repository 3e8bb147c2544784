// HexadecimalKeys.swift: keys from the hexadecimal digits of vectors
import Foundation
import TestSupport

@testable import Lime

extension SecretBytes {
  init(hex: String) throws { self.init(copying: try Data(hex: hex)) }

  var hex: String { withUnsafeBytes { Data($0) }.hex }
}

extension AgreementKeyPair {
  init(_ curve: Curve, hex: String) throws {
    self.init(privateKey: try AgreementPrivateKey(curve: curve, bytes: SecretBytes(hex: hex)))
  }
}
