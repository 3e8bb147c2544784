// ServerVersion.swift: which Flexisip an account's server is, by its Server header (RFC 3261 §20.35)
import ChatCore
import Foundation
import MessageFormats
import ServerConnection

extension FlexisipVersion {
  /// More addresses are not asked.
  private static let maximumAttempts = 3

  /// Asks once, without registering anything. nil when the server does not answer in time, does not tell, or is none of
  /// Flexisip's.
  public static func ofServer(
    of account: AccountConfiguration, timeout: Double, trace: WireTrace? = nil
  ) async -> FlexisipVersion? {
    let (answers, sink) = AsyncStream.makeStream(of: FlexisipVersion?.self)
    let asking = Task {
      sink.yield(await ask(account, timeout, trace))
      sink.finish()
    }
    let timer = Task {
      try? await Task.sleep(for: .seconds(timeout))
      sink.finish()
    }
    defer {
      asking.cancel()
      timer.cancel()
    }
    for await answer in answers { return answer }
    return nil
  }

  private static func ask(
    _ account: AccountConfiguration, _ timeout: Double, _ trace: WireTrace?
  ) async -> FlexisipVersion? {
    let proxy = account.outboundProxy ?? SIPURI(user: nil, host: account.address.host, port: account.address.port)
    guard let target = try? ServerTarget(of: proxy) else { return nil }
    let locator = ServerLocator(nameServer: account.nameServer)
    let location = locator.location(of: target, over: locator.choice(of: target).transport)
    guard location.transport != .udp, let addresses = try? location.addresses.get() else { return nil }
    let tls = location.transport == .tls ? TLSSettings(caFile: account.caFile) : nil
    for address in addresses.prefix(maximumAttempts) where !Task.isCancelled {
      guard let probe = try? SIPProbe(to: address, name: location.host, tls: tls, timeout: timeout, trace: trace) else {
        continue
      }
      // Without Contact it only asks for the bindings.
      let answer = await probe.perform(
        "REGISTER", "sip:\(account.address.host)", from: account.address, to: account.address, credentials: nil)
      return answer.final?[header: "Server"].flatMap { FlexisipVersion(server: $0) }
    }
    return nil
  }
}
