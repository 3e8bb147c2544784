// HTTPServerError.swift: why a listener does not start
import Foundation

/// The address cannot be listened on.
public enum HTTPServerError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
  case badAddress(String)
  case badPort(Int)
  case cannotListen(address: String, port: Int, reason: String)

  public var description: String {
    switch self {
    case .badAddress(let address): "\(address) is not an IPv4 or IPv6 address to listen on"
    case .badPort(let port): "\(port) is not a port number (0 to 65535)"
    case .cannotListen(let address, let port, let reason): "cannot listen on \(address), port \(port): \(reason)"
    }
  }

  public var errorDescription: String? { description }
}
