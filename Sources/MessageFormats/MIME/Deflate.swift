// Deflate.swift: compressed bodies, Content-Encoding: deflate (RFC 9110 §8.4.1.2, RFC 1950, RFC 1951)
import CZlib
import Foundation

/// Compression of whole bodies in memory.
public enum Deflate {
  /// Why a body cannot be unpacked.
  public enum Failure: Error, Hashable, Sendable, CustomStringConvertible, LocalizedError {
    /// The data is neither zlib nor raw deflate data, or it is damaged.
    case damaged
    /// The data ends before the compressed stream does.
    case truncated
    /// The content is larger than the caller allows, in bytes.
    case tooLarge(limit: Int)

    public var description: String {
      switch self {
      case .damaged: "the compressed body is damaged"
      case .truncated: "the compressed body is cut short"
      case .tooLarge(let limit): "the compressed body is larger than \(limit) bytes when unpacked"
      }
    }

    public var errorDescription: String? { description }
  }

  /// Output is made in steps of this many bytes: memory grows with the content, not with what a header promises.
  private static let chunkLength = 16_384
  /// Window sizes as zlib wants them: with and without the zlib wrapper.
  private static let zlibWindow: Int32 = 15
  private static let rawWindow: Int32 = -15

  /// Unpacks the zlib format (RFC 1950), or raw deflate data (RFC 1951) as some senders understand "deflate".
  /// Bytes after the end of the stream are ignored.
  /// - Parameter limit: most bytes to return; larger content is refused without being unpacked further.
  public static func inflate(_ data: Data, limit: Int) throws -> Data {
    let input = [UInt8](data)
    do {
      return try inflate(input, limit: limit, window: zlibWindow)
    } catch Failure.damaged where !hasZlibHeader(input) {
      return try inflate(input, limit: limit, window: rawWindow)
    }
  }

  /// Deflate as method, and a header checksum that fits (RFC 1950 §2.2).
  private static func hasZlibHeader(_ input: [UInt8]) -> Bool {
    input.count >= 2 && input[0] & 15 == 8 && (Int(input[0]) * 256 + Int(input[1])) % 31 == 0
  }

  private static func inflate(_ input: [UInt8], limit: Int, window: Int32) throws -> Data {
    var stream = z_stream()
    guard input.count <= Int(UInt32.max), limeade_inflate_init(&stream, window) == Z_OK else { throw Failure.damaged }
    defer { inflateEnd(&stream) }
    var input = input
    var output = Data()
    var chunk = [UInt8](repeating: 0, count: chunkLength)
    return try input.withUnsafeMutableBufferPointer { source in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      while true {
        let (status, count) = chunk.withUnsafeMutableBufferPointer { target in
          stream.next_out = target.baseAddress
          stream.avail_out = UInt32(target.count)
          let status = zlibInflate(&stream)
          return (status, target.count - Int(stream.avail_out))
        }
        guard output.count + count <= limit else { throw Failure.tooLarge(limit: limit) }
        output.append(contentsOf: chunk[..<count])
        switch status {
        case Z_STREAM_END: return output
        case Z_OK where count > 0 || stream.avail_in > 0: continue
        case Z_OK, Z_BUF_ERROR: throw Failure.truncated
        default: throw Failure.damaged
        }
      }
    }
  }

  private static func zlibInflate(_ stream: inout z_stream) -> Int32 { CZlib.inflate(&stream, Z_NO_FLUSH) }

  /// Packs in the zlib format.
  public static func deflate(_ data: Data) -> Data {
    var length = compressBound(uLong(data.count))
    var output = Data(count: Int(length))
    let status = output.withUnsafeMutableBytes { target in
      data.withUnsafeBytes { source in
        // An empty Data has no address, and zlib reads none of its zero bytes.
        compress(
          target.bindMemory(to: UInt8.self).baseAddress, &length, source.bindMemory(to: UInt8.self).baseAddress,
          uLong(source.count))
      }
    }
    // compress fails only without memory, or with an output smaller than compressBound says.
    precondition(status == Z_OK, "zlib could not compress \(data.count) bytes: status \(status)")
    return output.prefix(Int(length))
  }
}
