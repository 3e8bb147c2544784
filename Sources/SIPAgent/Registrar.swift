// Registrar.swift: keeps this device registered (RFC 3261 §10, RFC 5626 instance id, RFC 5627 GRUU)
import CSofia
import Foundation
import MessageFormats

@SIPActor
final class Registrar {
  /// Seconds between two attempts after a loss: doubled from the first to the last.
  private static let firstRetry = 1.0
  private static let lastRetry = 60.0
  /// A Retry-After is obeyed up to so many seconds.
  private static let longestServerDelay = 3600.0
  /// When another request got no answer, the registrar must answer within so many seconds, or the connection is dead.
  private static let probeTimeout = 10.0

  /// The URI that we register.
  let contact: SIPURI
  /// The registration in force.
  private(set) var current: Registration?
  /// Of the stack, when the registration was made.
  private var connections = 0
  /// As the registrar gave it last; stays the device's name while the registration is lost.
  private(set) var gruu: SIPURI?

  private let configuration: SIPAgentConfiguration
  private let stack: SofiaStack
  private let emit: @Sendable (SIPEvent) -> Void
  private var handle: SofiaHandle?
  private var retry: Task<Void, Never>?
  private var isProbing = false
  /// Nothing more is sent to the registrar until `register` is called again.
  private var isEnded = false
  /// Retry-After of the last refusal, in seconds.
  private var serverDelay = 0.0

  init(
    _ configuration: SIPAgentConfiguration, endpoint: AgentEndpoint, stack: SofiaStack,
    emit: @escaping @Sendable (SIPEvent) -> Void
  ) {
    self.configuration = configuration
    self.stack = stack
    self.emit = emit
    contact = endpoint.contact(user: configuration.address.user)
    stack.onNoAnswer = { [weak self] in self?.probe() }
  }

  /// Always quoted, as string-valued feature parameters must be (RFC 3840 §9), also when the value is a token.
  static func specsParameter(_ configuration: SIPAgentConfiguration) -> String {
    configuration.specs.isEmpty ? "" : ";+org.linphone.specs=\"\(configuration.specs)\""
  }

  // MARK: Requests

  func register() async throws -> Registration {
    stopRetrying()
    isEnded = false
    stack.usages.keepRegistration(true)
    let registration = try await attempt()
    emit(.registration(.registered(registration)))
    return registration
  }

  func unregister() async {
    let registered = current != nil ? handle : nil
    stopRetrying()
    isEnded = true
    current = nil
    stack.usages.keepRegistration(false)
    _ = try? await registered?.perform(.unregister, TagList().add(SOFIA_TAG_EXPIRES, "0"))
    dropHandle()
  }

  /// Stops without another word to the registrar.
  func abandon() {
    isEnded = true
    stopRetrying()
    dropHandle()
  }

  private func stopRetrying() {
    retry?.cancel()
    retry = nil
  }

  private func dropHandle() {
    current = nil
    handle?.abandon()
    handle = nil
  }

  private func attempt() async throws -> Registration {
    let handle = try handle ?? makeHandle()
    self.handle = handle
    serverDelay = 0
    do {
      let response = try await handle.perform(.register, registerTags())
      guard response.isSuccess else { throw refusal(response) }
      return accepted(response)
    } catch {
      // The connection stands, but nothing comes back over it.
      if case SIPError.timedOut = error { stack.resetConnection() }
      // A handle whose registration failed is spent.
      if self.handle === handle { dropHandle() }
      throw error
    }
  }

  private func makeHandle() throws -> SofiaHandle {
    let address = "<\(configuration.address)>"
    let handle = try stack.makeHandle(TagList().add(SOFIA_TAG_TO, address).add(SOFIA_TAG_FROM, address))
    handle.onRefresh = { [unowned self] event, result in
      if event.kind == SOFIA_RESPONSE_REGISTER { refreshed(result) }
    }
    return handle
  }

  private func registerTags() -> TagList {
    let features = ";+sip.instance=\"<\(configuration.instanceID)>\"" + Self.specsParameter(configuration)
    let registrarURI = SIPURI(user: nil, host: configuration.address.host, port: configuration.address.port)
    return TagList()
      .add(SOFIA_TAG_REGISTRAR, registrarURI.description)
      .add(SOFIA_TAG_CONTACT, "<\(contact)>" + features)
      .add(SOFIA_TAG_SUPPORTED, SofiaStack.supported)
      .add(SOFIA_TAG_EXPIRES, "\(configuration.expires)")
      // Without the options nua asks its own address with OPTIONS; "no-gruuize" is inverted in 1.12.11.
      .add(SOFIA_TAG_OUTBOUND, "no-gruuize no-options-keepalive no-validate")
  }

  /// Finds out whether the server still answers.
  private func probe() {
    guard current != nil, retry == nil, !isProbing else { return }
    isProbing = true
    let timer = Task {
      try? await Task.sleep(for: .seconds(Self.probeTimeout))
      if !Task.isCancelled { stack.resetConnection() }
    }
    Task {
      defer {
        timer.cancel()
        isProbing = false
      }
      do { emit(.registration(.registered(try await attempt()))) } catch { recover(from: error) }
    }
  }

  // MARK: Answers

  private func refusal(_ response: SIPResponse) -> SIPError {
    // RFC 3261 §20.33: seconds, then perhaps a comment or parameters.
    let digits = (response[header: "Retry-After"] ?? "").prefix { $0.isASCII && $0.isNumber }
    serverDelay = min(Double(digits) ?? 0, Self.longestServerDelay)
    // Flexisip's answer to a wrong password, unless it is set up to ask again (no-403).
    if response.status == 403, let realm = handle?.answered?.challenge.realm {
      return SIPError.wrongCredentials(user: stack.username, realm: realm)
    }
    return SIPError.refused(status: response.status, reason: response.reason)
  }

  private func accepted(_ response: SIPResponse) -> Registration {
    var registration = registration(in: response)
    registration.isReconnected = current != nil && connections != stack.connections
    connections = stack.connections
    current = registration
    gruu = registration.gruu
    return registration
  }

  /// Our binding in a 200: the one with our instance id, or for registrars that do not repeat it (Kamailio) the one
  /// with our URI.
  func registration(in response: SIPResponse) -> Registration {
    let contacts = response.headers.all(named: "Contact").flatMap { NameAddress.list($0) }
    let ours =
      contacts.first { $0.parameters[parameter: "+sip.instance"] == "<\(configuration.instanceID)>" }
      ?? contacts.first {
        $0.parameters[parameter: "+sip.instance"] == nil && $0.uri.withoutParameters == contact.withoutParameters
      }
    let gruu = ours?.parameters[parameter: "pub-gruu"].flatMap { SIPURI($0) }
    let expires =
      ours?.parameters[parameter: "expires"].flatMap { Int($0) } ?? response[header: "Expires"].flatMap { Int($0) }
    return Registration(gruu: gruu, expires: expires ?? configuration.expires)
  }

  private func refreshed(_ result: Result<SIPResponse, any Error>) {
    switch result {
    case .success(let response) where response.isSuccess:
      emit(.registration(.registered(accepted(response))))
    case .success(let response):
      recover(from: refusal(response))
    case .failure(let error):
      if case SIPError.timedOut = error { stack.resetConnection() }
      recover(from: error)
    }
  }

  /// nua tries once after a lost connection and then gives up: the rest is ours.
  private func recover(from error: any Error) {
    guard !isEnded else { return }
    stopRetrying()
    dropHandle()
    let first = error as? SIPError ?? .shutDown
    retry = Task {
      var failure = first
      var delay = Self.firstRetry
      while !Task.isCancelled {
        guard failure.isTransient else {
          emit(.registration(.failed(failure)))
          return
        }
        // Jitter keeps all clients of a restarted server from returning at the same moment.
        let wait = max(delay, serverDelay) * Double.random(in: serverDelay > delay ? 1...1.25 : 0.75...1.25)
        emit(.registration(.lost(failure, retryAfter: wait)))
        try? await Task.sleep(for: .seconds(wait))
        if Task.isCancelled { return }
        do {
          let registration = try await attempt()
          if !Task.isCancelled { emit(.registration(.registered(registration))) }
          return
        } catch {
          if Task.isCancelled { return }
          failure = error as? SIPError ?? .shutDown
        }
        delay = min(delay * 2, Self.lastRetry)
      }
    }
  }
}

extension SIPError {
  /// Whether the same request may succeed later without anyone changing a setting.
  var isTransient: Bool {
    switch self {
    case .unreachable, .timedOut, .unresolvable, .insecure: true
    case .refused(let status, _): status == 408 || status == 480 || (500..<600).contains(status)
    default: false
    }
  }
}
