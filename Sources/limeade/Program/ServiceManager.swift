// ServiceManager.swift: tells systemd how far the service is (sd_notify(3): a datagram to $NOTIFY_SOCKET).
import ChatCore
import Foundation

/// Does nothing where no service manager asked for it.
enum ServiceManager {
  static let variable = "NOTIFY_SOCKET"

  static func ready() { notify("READY=1") }
  static func stopping() { notify("STOPPING=1\nSTATUS=ending") }

  static func status(_ connection: ChatEvent.Connection) {
    switch connection {
    case .connecting: notify("STATUS=connecting")
    case .registered(let device): notify("STATUS=registered as \(SafeLine.text(device))")
    case .offline(let reason): notify("STATUS=offline: \(SafeLine.text(reason))")
    }
  }

  private static func notify(_ state: String) {
    guard let name = ProcessInfo.processInfo.environment[variable], name.hasPrefix("/") || name.hasPrefix("@")
    else { return }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var path = Array(name.utf8)
    guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    // A name in the abstract namespace starts with a zero byte (unix(7)).
    if name.hasPrefix("@") { path[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
    let text = Array(state.utf8)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        sendto(descriptor, text, text.count, Int32(MSG_NOSIGNAL), address, length)
      }
    }
  }
}
