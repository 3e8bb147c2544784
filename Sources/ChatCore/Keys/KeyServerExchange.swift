// KeyServerExchange.swift: asking the account's LIME key server, and leaving it alone when it wants that.
import Foundation
import Lime
import MessageFormats

@ChatActor final class KeyServerExchange {
  private let context: ChatContext
  /// nil before the first registration, and without a key server.
  private var server: KeyServerClient?
  private var hold = KeyServerHold()

  init(_ context: ChatContext) { self.context = context }

  var isThere: Bool { server != nil }
  /// Whether the server asked to be left alone.
  var isOnHold: Bool { hold.remaining(at: context.clock.now()) != nil }

  func open(for device: DeviceID) {
    let account = context.account
    guard let url = account.keyServer else { return }
    server = KeyServerClient(
      url: url, device: device, username: account.address.user ?? "", realm: account.digestRealm,
      password: account.password, caFile: account.caFile)
  }

  /// One exchange with the key server, unless it asked to be left alone.
  func ask(_ request: KeyServerRequest) async throws -> KeyServerAnswer {
    guard let server else { throw ChatError.noKeyServer }
    if let seconds = hold.remaining(at: context.clock.now()) {
      throw ChatError.keyServer(
        "the key server asked to wait: too many requests; it is asked again in \(Int(seconds.rounded(.up))) s")
    }
    let answer = try await server.exchange(request)
    if case .error(.resourceLimit, _) = answer.content {
      hold.refused(at: context.clock.now())
    } else {
      hold.answered()
    }
    return answer
  }

  /// The algorithms beside the account's own that the device has keys of; nil when the server does not say.
  func otherAlgorithms(of device: DeviceID) async -> [LimeAlgorithm]? {
    guard let server, !isOnHold else { return nil }
    var found: [LimeAlgorithm] = []
    for algorithm in LimeAlgorithm.inUse where algorithm.rawValue != context.account.curve.rawValue {
      let question = AlgorithmQuestion(device: device, algorithm: algorithm)
      guard let answer = try? await server.post(question.body), let hasKeys = question.hasKeys(in: answer) else {
        return nil
      }
      if hasKeys { found.append(algorithm) }
    }
    return found
  }

  nonisolated static func explain(_ code: KeyServerErrorCode, _ text: String, device: DeviceID) -> String {
    let cause = text.isEmpty ? "" : " (\(text))"
    return switch code {
    case .deviceAlreadyRegistered:
      """
      the key server already has other keys for this device, \(device)\(cause): the account's data was probably lost \
      or restored; remove the account's data folder so that a new device is made
      """
    case .missingSender: "the key server did not accept this device's identity, \(device)\(cause)"
    case .resourceLimit: "the key server asks to wait: too many requests\(cause)"
    default: "the key server answered with error \(code)\(cause)"
    }
  }
}
