// Corpus.swift: the recorded bodies of the Corpus folder
import Foundation
import MessageFormats

enum Corpus {
  struct Missing: Error { var name: String }

  static func data(_ name: String) throws -> Data {
    guard let url = Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Corpus") else {
      throw Missing(name: name)
    }
    return try Data(contentsOf: url)
  }

  static func names(suffix: String) throws -> [String] {
    guard let folder = Bundle.module.resourceURL?.appendingPathComponent("Corpus") else {
      throw Missing(name: "Corpus")
    }
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(suffix) }.sorted()
  }

  static let envelopeType = #"multipart/encrypted;protocol="application/lime";boundary="# + MultipartBody.usualBoundary
}
