// AddressMonitor.swift: notices that this machine got other addresses or routes (rtnetlink(7))
import Foundation
import ServerConnection

/// Closed when released.
final class AddressMonitor {
  /// Readable when something has changed.
  let descriptor: Int32

  /// Linux's `sockaddr_nl`, which Swift's C library module lacks.
  private struct NetlinkAddress {
    var family = UInt16(AF_NETLINK)
    var padding: UInt16 = 0
    var process: UInt32 = 0
    var groups: UInt32
  }

  /// RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR and RTMGRP_IPV6_ROUTE.
  private static let groups: UInt32 = 0x10 | 0x40 | 0x100 | 0x400
  /// NETLINK_ROUTE
  private static let protocolNumber: Int32 = 0

  /// nil where the system does not allow it; losses are then noticed later.
  init?() {
    let type = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    descriptor = socket(AF_NETLINK, type, Self.protocolNumber)
    guard descriptor >= 0 else { return nil }
    var address = NetlinkAddress(groups: Self.groups)
    let size = socklen_t(MemoryLayout<NetlinkAddress>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    guard result == 0 else {
      close(descriptor)
      return nil
    }
  }

  deinit { close(descriptor) }

  /// Whether a connection to the server would now come from another address than this one does. Not while there is no
  /// way to the server at all: the old address may come back.
  func hasMoved(from local: SocketAddress, toward peer: SocketAddress) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while recv(descriptor, &buffer, buffer.count, 0) > 0 {}
    guard let now = try? Self.localAddress(toward: peer) else { return false }
    return now != local.numericHost
  }

  /// Our address for packets to a host, without brackets. Sends nothing.
  static func localAddress(toward address: SocketAddress) throws -> String {
    let descriptor = socket(address.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, address.withPointer({ connect(descriptor, $0, $1) }) == 0 else {
      throw ConnectionFailure.refused(reason: String(cString: strerror(errno)))
    }
    return try SocketAddress(localOf: descriptor).numericHost
  }
}
