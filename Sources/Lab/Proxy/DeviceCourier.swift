// DeviceCourier.swift: brings requests to registered devices over the connections that they opened
import Foundation
import MessageFormats
import SIPAgent

/// The last hop of the proxy and of the focus. MESSAGEs for devices that are registered but offline wait for their next
/// REGISTER.
@SIPActor
final class DeviceCourier {
  private let server: SIPServer
  private let fault: LabFault?
  private let log: LabLog
  private var store = MessageStore()
  /// Requests on their way to a connection that have no answer yet.
  private var underWay: [SIPConnection: Int] = [:]
  var registrar: Registrar

  init(server: SIPServer, registrar: Registrar, fault: LabFault? = nil, log: LabLog) {
    self.fault = fault
    self.server = server
    self.registrar = registrar
    self.log = log
  }

  /// Sends a request to a device. 503 at once when it is offline.
  func send(
    _ request: SIPRequest, to binding: Binding, provisional: ((SIPResponse) -> Void)? = nil
  ) async -> SIPResponse {
    guard let connection = binding.connection else {
      return SIPResponse(status: 503, reason: "Device Is Offline")
    }
    if ConferenceServer.isRoom(request.from?.uri) {
      switch fault {
      case .focusChallenged: return SIPResponse(status: 407, reason: "Proxy Authentication Required")
      case .outboundProxyUnreachable: return SIPResponse(status: 503, reason: "Connection Refused")
      case .invitationsLost where request.to?.tag == nil:
        return SIPResponse(status: 503, reason: "Connection Refused")
      default: break
      }
    }
    underWay[connection, default: 0] += 1
    defer {
      let left = underWay[connection, default: 1] - 1
      underWay[connection] = left > 0 ? left : nil
    }
    return await server.send(request.addressed(to: binding), over: connection, provisional: provisional)
  }

  /// Whether messages for a device are better put behind those that wait: it has enough to do, or is offline.
  func isBusy(_ binding: Binding) -> Bool {
    guard let connection = binding.connection, store.count(for: binding.storeKey) == 0 else { return true }
    return underWay[connection, default: 0] >= MessageStore.window
  }

  func sendACK(_ request: SIPRequest, to binding: Binding) {
    guard let connection = binding.connection else { return }
    server.sendACK(request.addressed(to: binding), over: connection)
  }

  /// Keeps a MESSAGE that got no answer over the connection of `binding`, and brings it to the device when that is
  /// back: now, if it came back meanwhile.
  func deliver(_ message: SIPRequest, unansweredBy binding: Binding) {
    var target = registrar.bindings(of: binding.user).first { $0.key == binding.key } ?? binding
    if target.connection == binding.connection { target.connection = nil }
    deliver(message, to: target)
  }

  /// Brings a MESSAGE to a device: now, after those that wait already, or when it is back.
  func deliver(_ message: SIPRequest, to binding: Binding) {
    if fault == .messagesLost { return log(.store, "a message for \(binding.name) is lost") }
    let device = binding.storeKey
    let dropped = store.add(message, for: device)
    if dropped > 0 { log(.store, "\(dropped) old message(s) for \(binding.name) dropped: too many wait") }
    if binding.connection == nil {
      if fault == .offlineMessagesLost { return store.forget(device: device) }
      log(.store, "\(binding.name) is offline: \(store.count(for: device)) message(s) wait")
    }
    pump(binding)
  }

  /// The device is back online: what waits goes out.
  func resume(_ binding: Binding) {
    let waiting = store.count(for: binding.storeKey)
    if waiting > 0 { log(.store, "delivering \(waiting) message(s) to \(binding.name)") }
    pump(binding)
  }

  /// The device is gone for good.
  func forget(_ binding: Binding) { store.forget(device: binding.storeKey) }

  private func pump(_ binding: Binding) {
    guard binding.connection != nil else { return }
    while let entry = store.next(for: binding.storeKey) {
      Task { await deliver(entry, to: binding) }
    }
  }

  private func deliver(_ entry: MessageStore.Entry, to binding: Binding) async {
    let response = await send(entry.request, to: binding)
    let current = registrar.bindings(of: binding.user).first { $0.key == binding.key }
    guard !response.isUnanswered else {
      // The device keeps its queue; the next REGISTER or message tries again. One that is back over another connection
      // has sent that REGISTER already.
      store.failed(entry.id, for: binding.storeKey)
      if let current, current.connection != binding.connection { pump(current) }
      return
    }
    if !response.isSuccess { log(.store, "\(binding.name) refused a message: \(response.status) \(response.reason)") }
    store.delivered(entry.id, for: binding.storeKey)
    if let current { pump(current) }
  }
}

extension SIPResponse {
  /// No answer came in time, or the connection broke.
  var isUnanswered: Bool { status == 408 || status == 503 }
}

extension SIPRequest {
  fileprivate func addressed(to binding: Binding) -> SIPRequest {
    var copy = self
    copy.uri = binding.contact.uri.description
    return copy
  }
}

extension Binding {
  /// For people: the GRUU, else user and contact.
  var name: String { gruu?.description ?? "\(user) at \(contact.uri)" }
  fileprivate var storeKey: String { "\(user) \(key)" }
}
