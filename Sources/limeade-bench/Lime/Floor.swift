// Floor.swift: the single operations that LIME is made of: what no implementation can go below
import CCrypto
import CDecaf
import CSodium
import Foundation
import Lime

enum Floor {
  /// Milliseconds of one Diffie-Hellman exchange with the library that `Lime` uses for it.
  static func exchange(_ curve: Curve, count: Int) -> Double {
    let length = curve.publicKeyLength
    var scalar = [UInt8](repeating: 0, count: length)
    randombytes_buf(&scalar, length)
    var point = [UInt8](repeating: 0, count: length)
    var shared = point
    if curve == .c25519 {
      _ = crypto_scalarmult_curve25519_base(&point, scalar)
    } else {
      decaf_x448_derive_public_key(&point, scalar)
    }
    return timed {
      for _ in 0..<count {
        if curve == .c25519 {
          _ = crypto_scalarmult_curve25519(&shared, scalar, point)
        } else {
          _ = decaf_x448(&shared, point, scalar)
        }
      }
    } / Double(count)
  }

  /// Milliseconds of encrypting 100 bytes with 150 bytes of associated data, AES-256-GCM with an IV of 16 bytes.
  static func encrypt(count: Int) -> Double {
    let key = [UInt8](repeating: 1, count: 32)
    let iv = [UInt8](repeating: 2, count: 16)
    let plaintext = [UInt8](repeating: 0x78, count: 100)
    let associatedData = [UInt8](repeating: 3, count: 150)
    var ciphertext = plaintext
    var tag = iv
    var written: Int32 = 0
    guard let context = EVP_CIPHER_CTX_new() else { return .nan }
    defer { EVP_CIPHER_CTX_free(context) }
    EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, nil, nil)
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, 16, nil)
    return timed {
      for _ in 0..<count {
        EVP_EncryptInit_ex(context, nil, nil, key, iv)
        EVP_EncryptUpdate(context, nil, &written, associatedData, 150)
        EVP_EncryptUpdate(context, &ciphertext, &written, plaintext, 100)
        EVP_EncryptFinal_ex(context, &tag, &written)
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, &tag)
      }
    } / Double(count)
  }

  /// Milliseconds of appending a page of 4096 bytes to a file and syncing it.
  static func sync(_ path: String, count: Int) throws -> Double {
    let file = open(path, O_RDWR | O_CREAT, 0o600)
    guard file >= 0 else { throw LimeDriver.Failure.system("open") }
    defer { close(file) }
    let page = [UInt8](repeating: 1, count: 4096)
    return try timed {
      for _ in 0..<count {
        guard write(file, page, page.count) == page.count, fdatasync(file) == 0 else {
          throw LimeDriver.Failure.system("fdatasync")
        }
      }
    } / Double(count)
  }

  /// Bytes that this process holds in memory, without what malloc keeps for later.
  static func memory() throws -> Double {
    // Swift's Glibc module leaves malloc.h out.
    typealias Trim = @convention(c) (Int) -> Int32
    if let symbol = dlsym(nil, "malloc_trim") { _ = unsafeBitCast(symbol, to: Trim.self)(0) }
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    guard pages.count > 1, let resident = Double(pages[1]) else { throw LimeDriver.Failure.system("statm") }
    return resident * Double(sysconf(Int32(_SC_PAGESIZE)))
  }
}
